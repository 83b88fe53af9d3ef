"""Misses and false alarms of the safety screen: ``python -m bench.safety`` prints the tables of docs/safety-case.md."""

from __future__ import annotations

from collections import Counter

from bot.assistant.quiet import keep_quiet

keep_quiet()

from bot.assistant.training import PROJECT, ensure_model  # noqa: E402
from bot.review.material import Material  # noqa: E402
from bot.safety.component import screen_of  # noqa: E402
from bot.safety.danger import CATEGORIES  # noqa: E402


def main() -> None:
    """Judge and print."""
    screen = screen_of(ensure_model(PROJECT / "var"))
    seen: Counter[str] = Counter()
    found: Counter[str] = Counter()
    right: Counter[str] = Counter()
    false: Counter[str] = Counter()
    for line in (PROJECT / "tests" / "dev" / "safety.tsv").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        named, _, text, kind = line.split("\t")
        raised = {finding.category for finding in screen.read(text)}
        meant = set() if named == "calm" else set(named.split("|"))
        for name in (kind, "all dangers" if meant else "all calm", *meant):
            seen[name] += 1
            found[name] += bool(raised)
            right[name] += bool(raised & meant) if name not in CATEGORIES else name in raised
        false.update(raised if not meant else ())
    ordinary: Counter[str] = Counter()
    for accepted, utterance in Material.load().dev:
        if accepted[0].startswith("safety_") or not any(topic.startswith("safety_") for topic in accepted):
            kind = "danger" if accepted[0].startswith("safety_") else "calm"
            raised = {finding.category for finding in screen.read(utterance)}
            ordinary[kind] += 1
            ordinary[f"{kind} found"] += bool(raised)
            ordinary[f"{kind} right"] += bool(raised & set(accepted))
    print("| `tests/dev/safety.tsv` | messages | raised | with the right category |\n|---|---:|---:|---:|")
    for name in ("all dangers", "explicit", "indirect", *CATEGORIES):
        print(f"| {name} | {seen[name]} | {found[name] / seen[name]:.1%} | {right[name] / seen[name]:.1%} |")
    print("\n| calm messages | messages | false alarms |\n|---|---:|---:|")
    for name in ("all calm", "easy", "hard"):
        print(f"| {name} | {seen[name]} | {found[name] / seen[name]:.1%} |")
    print(f"\nFalse alarms by category: {', '.join(f'{name} {count}' for name, count in false.most_common())}.")
    print("\n| ordinary messages (both topic dev sets) | messages | raised | right category |\n|---|---:|---:|---:|")
    danger, calm = ordinary["danger"], ordinary["calm"]
    print(f"| danger | {danger} | {ordinary['danger found'] / danger:.1%} | {ordinary['danger right'] / danger:.1%} |")
    print(f"| calm | {calm} | {ordinary['calm found'] / calm:.1%} | |")


if __name__ == "__main__":
    main()
