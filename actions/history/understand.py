"""What a message says about how it began: one message may answer several questions of the history at once.

The cues are data (``data/history/cues.yml``); here is what applies to all of them: a clause that says no ("no
infection or anything"), things that are fine ("tampons are ok"), and that a bare word counts only for the question that
was asked. What no cue knows is not lost: the form keeps the person's own words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from actions.history.beginning import read_beginning
from actions.history.clauses import clauses, denied, fine_things, sentences, unreal
from actions.history.cues import Patterns, cues, first, masked, plain_text
from actions.history.when import When

CHOICES: dict[str, tuple[str, ...]] = {
    "comfortable": ("never", "before", "sometimes", "unsure"),
    "trigger": (
        "childbirth_vaginal",
        "childbirth_caesarean",
        "childbirth",
        "radiation",
        "surgery",
        "injury",
        "hormones",
        "infection",
        "constipation",
        "upsetting",
        "stress",
        "relationship",
        "first_attempt",
        "nothing_known",
        "other",
    ),
    "where": ("sex", "tampon", "cup", "finger", "exam", "dilator"),
    "feels": ("burning", "wall", "tight", "sharp", "ache", "fear", "other"),
    "tried": (
        "nothing",
        "dilators",
        "physio",
        "therapy",
        "exercises",
        "lubricant",
        "medicine",
        "botox",
        "surgery",
        "doctor",
        "other",
    ),
    "partner": ("yes", "partly", "no", "none"),
}
"""The ids of the answers to each question, besides ``began``, which is a :class:`When`."""

SEVERAL = frozenset(("trigger", "where", "feels", "tried"))
"""Questions that may have several answers."""

_SHORT = 12
"""A reply of at most so many words answers the question that was asked and those of ``_ALSO``; a longer one any."""
_ALSO: dict[str, frozenset[str]] = {
    "comfortable": frozenset(("began", "trigger", "where", "feels")),
    "began": frozenset(("comfortable", "trigger")),
    "trigger": frozenset(("began",)),
    "where": frozenset(("feels",)),
    "feels": frozenset(("where",)),
    "tried": frozenset(("partner",)),
    "partner": frozenset(("tried",)),
}


@dataclass
class Heard:
    """What a message says: for each question the ids of its answers, and the time."""

    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    began: When | None = None

    def __bool__(self) -> bool:
        return bool(self.choices) or self.began is not None


def understand(text: str, today: date, *, asked: str | None = None) -> Heard:
    """What a message says.

    Args:
        asked: the question that the message answers; nothing for a story that is told unasked.
    """
    told = plain_text(text)
    any_question = asked is None or len(told.split()) > _SHORT
    heard = Heard()
    for question, find in (
        ("comfortable", _comfortable),
        ("trigger", _trigger),
        ("where", _where),
        ("feels", _feels),
        ("tried", _tried),
        ("partner", _partner),
    ):
        if not (any_question or question == asked or question in _ALSO.get(asked or "", ())):
            continue
        plain = masked(cues()["no_cue"][question], told)
        if found := find(plain, asked == question):
            heard.choices[question] = tuple(choice for choice in CHOICES[question] if choice in found)
    if any_question or asked == "began" or "began" in _ALSO.get(asked or "", ()):
        caused = bool(set(heard.choices.get("trigger", ())) - {"nothing_known"})
        heard.began = read_beginning(text, today, asked=asked, caused=caused)
    return heard


def _comfortable(plain: str, asked: bool) -> set[str]:
    known = cues()["comfortable"]
    parts = [_judged(sentence) for sentence in sentences(plain)]
    text = " . ".join(parts)

    def says(name: str) -> bool:
        return any(first(known[name], part) for part in parts)

    if first(known["sometimes"], text):
        return {"sometimes"}
    if first(known["unsure_told"], text):
        return {"unsure"}
    if asked and says("cannot_know"):
        return {"unsure"}
    if first(known["one_fine_one_never"], plain):
        return {"sometimes"}
    if says("before"):
        return {"before"}
    if _mixed(parts, asked):
        return {"sometimes"}
    if asked:
        for choice in ("sometimes", "never"):
            if says(f"{choice}_asked") and not says("unsure"):
                return {choice}
    if says("never"):
        return {"never"}
    if asked:
        if says("unsure"):
            return {"unsure"}
        return next(({choice} for choice in ("never", "before") if says(f"{choice}_start")), set())
    return set()


def _judged(sentence: str) -> str:
    """A sentence with what is good as GOOD and what is denied to be good as BAD."""
    for name, word in (("good", "GOOD"), ("not_good", "BAD"), ("good_word", "GOOD")):
        for pattern in cues()["comfortable"][name]:
            sentence = pattern.sub(word, sentence)
    return sentence


def _mixed(parts: list[str], asked: bool) -> bool:
    """Whether one thing is fine and another never was: "tampons yes, sex never"."""
    known = cues()["comfortable"]
    small = [clause for part in parts for clause in clauses(part)]
    things = [pattern for patterns in cues()["where"].values() for pattern in patterns]
    fine = [clause for clause in small if first(known["thing_fine_asked" if asked else "thing_fine"], clause)]
    bad = [clause for clause in small if first(known["thing_bad_asked" if asked else "thing_bad"], clause)]
    named = (first(things, clause) is not None for clause in fine)
    return bool(bad) and (any(named) or (asked and bool(fine))) and set(fine) != set(bad)


def _trigger(plain: str, asked: bool) -> set[str]:
    known = cues()["trigger"]
    found: set[str] = set()
    ruled_out: set[str] = set()
    for clause in clauses(plain):
        for choice, patterns in known.items():
            for match in _matches(patterns, clause) if not choice.startswith("nothing_known") else ():
                if denied(clause, match.start(), match.end()):
                    ruled_out.add(choice)
                    if first(cues()["not_the_cause"], clause[: match.start()] + "|"):
                        found.discard(choice)
                elif not unreal(clause, match.start()) and (asked or not _not_then(choice, clause)):
                    found.add(choice)
    if "childbirth" in found and first(cues()["vaginally"], plain):
        found.add("childbirth_vaginal")
    if found & {"childbirth_vaginal", "childbirth_caesarean"}:
        found.discard("childbirth")
    if not found and (len(ruled_out) > 1 or first(known["nothing_known"], plain)):
        found.add("nothing_known")
    if not found and asked and first(cues()["nothing_known_asked"], plain):
        found.add("nothing_known")
    return found


def _matches(patterns: Patterns, text: str) -> list[re.Match[str]]:
    return [match for pattern in patterns for match in pattern.finditer(text)]


def _not_then(choice: str, clause: str) -> bool:
    """In a story, whether a clause names something as it is now and not as what happened then."""
    return first(cues()["not_then"].get(choice, []), clause) is not None


def _where(plain: str, asked: bool) -> set[str]:
    known = cues()
    found: set[str] = set()
    for clause in clauses(plain):
        places = [
            (match.start(), match.end(), choice)
            for choice, patterns in known["where"].items()
            for match in _matches(patterns + (known["where_asked"].get(choice, []) if asked else []), clause)
        ]
        places = _outermost(places)
        fine = fine_things(clause, [(start, end) for start, end, _ in places])
        for (start, end, choice), well in zip(places, fine, strict=True):
            if well or (asked and (denied(clause, start, end) or first(known["not_tried_yet"], clause[end:]))):
                continue
            if choice == "dilator" and not asked and not first(known["dilator_hurts"], clause):
                continue
            found.add(choice)
    if first(known["smallest_fails"], plain):
        found.add("dilator")
    if asked and first(known["everywhere"], plain):
        found |= set(CHOICES["where"])
    return found


def _outermost(places: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The places in order, without those that lie in a longer one."""
    kept: list[tuple[int, int, str]] = []
    for start, end, choice in sorted(places, key=lambda place: (place[0], -place[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end, choice))
    return kept


def _feels(plain: str, asked: bool) -> set[str]:
    known = cues()
    found: set[str] = set()
    for clause in clauses(plain):
        for choice, patterns in known["feels"].items():
            if choice == "other" and not asked and not first(known["complaint"], clause):
                continue
            patterns = patterns + (known["feels_asked"].get(choice, []) if asked else [])
            if any(not denied(clause, match.start(), match.end()) for match in _matches(patterns, clause)):
                found.add(choice)
    return found


def _tried(plain: str, asked: bool) -> set[str]:
    known = cues()
    found: set[str] = set()
    for sentence in sentences(plain):
        did = asked or first(known["treated"], sentence) is not None
        for clause in clauses(sentence):
            for choice, patterns in known["tried"].items():
                if not did and choice not in ("dilators", "physio", "therapy", "exercises", "botox", "lubricant"):
                    continue  # what these name is a treatment by itself; an operation or a doctor may be anything
                more = known["tried_asked"].get(choice, []) if asked else []
                for match in _matches(patterns + more, clause):
                    if not (denied(clause, match.start(), match.end()) or unreal(clause, match.start())):
                        found.add(choice)
    if not found and first(known["nothing_tried_asked"] if asked else known["nothing_tried"], plain):
        found.add("nothing")
    return found


def _partner(plain: str, asked: bool) -> set[str]:
    known = cues()["partner"]
    if first(known["none_asked"] if asked else known["none"], plain) and not first(known["has_partner"], plain):
        return {"none"}
    if first(known["partly"], plain):
        return {"partly"}
    writer = first(known["writer"], plain) is not None
    signs: list[str] = []
    for sentence in sentences(plain):
        if not asked and not first(known["person"], sentence):
            continue
        for sign in ("no", "yes"):
            for match in _matches(known[sign] + (known["yes_writer"] if writer and sign == "yes" else []), sentence):
                if sign == "no" or not denied(sentence, match.start(), match.end()):
                    signs.append(sign)
                elif first(known["denied_support"], match.group(0)):
                    signs.append("no")
    for clause in clauses(plain) if asked and not signs else ():
        signs += [sign for sign in ("partly", "no", "yes") if first(known[f"asked_{sign}"], clause)][:1]
    if "partly" in signs or {"yes", "no"} <= set(signs):
        return {"partly"}
    return set(signs) & {"yes", "no"}
