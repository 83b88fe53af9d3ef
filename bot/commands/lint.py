"""``bot lint``: check what visitors read and what the assistant learns from; write docs/knowledge.md."""

from __future__ import annotations

from actions.knowledge import PROJECT
from bot.review.checks import problems
from bot.review.material import Material
from bot.review.page import knowledge_page

PAGE = PROJECT / "docs" / "knowledge.md"


def lint(*, write: bool) -> int:
    """Print what is wrong; 0 when nothing is. ``write`` also renews docs/knowledge.md."""
    material = Material.load()
    found = problems(material)
    for line in found:
        print(line)
    page = knowledge_page(material)
    if write:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page:
        found.append("docs/knowledge.md is not up to date")
        print("docs/knowledge.md is not up to date: run bot lint --write")
    print(f"{len(material.examples)} examples, {len(material.dev)} dev examples, {len(found)} problems.")
    return 1 if found else 0
