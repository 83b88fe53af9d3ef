"""Sentences and clauses of a message, and what is denied or fine in them, for every cue alike."""

from __future__ import annotations

import re

from actions.history.cues import cues, first

_SENTENCE = re.compile(r"[.;!?\n]+(?!\d)|\s(?:but|although|though|however|lekin|magar|par)\s")
_KNOWN_WELL = re.compile(
    r"^.*\b(?:never|not|no|dont|didnt)\b(?= (?:\w+ ){0,4}(?:problem|issue|trouble|pain|difficult)\w* \w+)"
)
"""The "no" of "no problem with"."""
_CLAUSE = re.compile(
    r",(?=\s|[a-z])|\s[-\u2013\u2014]+\s|[:()]|\b(?:and then|then|and now|so now|now|ab|phir|while|because|which|aur)\b"
)


def sentences(text: str) -> list[str]:
    """A text's sentences; a "but" begins one too."""
    return [part.strip(" ,") for part in _SENTENCE.split(text) if part.strip(" ,")]


def clauses(text: str) -> list[str]:
    """The parts of a text that each say one thing."""
    return [part.strip() for sentence in sentences(text) for part in _CLAUSE.split(sentence) if part.strip()]


def denied(clause: str, start: int, end: int) -> bool:
    """Whether what stands at a place of a clause is denied: "no infection or anything", "botox no"."""
    return first(cues()["denied_before"], clause[:start] + "|") is not None or _denied_after(clause[end:])


def _denied_after(rest: str) -> bool:
    return any(pattern.match(rest.strip()) for pattern in cues()["denied_after"])


def unreal(clause: str, start: int) -> bool:
    """Whether what follows in a clause is only wished, planned, feared, advised or asked about."""
    return first(cues()["unreal_before"], clause[:start] + "|") is not None


def fine_things(clause: str, places: list[tuple[int, int]]) -> list[bool]:
    """For things named in a clause, in order, whether each is said to be fine ("sex is ok, tampons no")."""
    fine: list[bool] = []
    for index in range(len(places) - 1, -1, -1):
        start, end = places[index]
        until = places[index + 1][0] if index + 1 < len(places) else len(clause)
        after = clause[end:until]
        before = clause[places[index - 1][1] if index else 0 : start]
        if fine and not re.search(r"\w", re.sub(r"\b(and|or|aur|ya|n|also|even|my|a|the|both|with|own)\b", "", after)):
            fine.insert(0, fine[0])  # "tampons and cups are ok"
            continue
        well = first(cues()["fine_after"], after) or first(cues()["fine_before"], before + "|")
        fine.insert(0, well is not None and first(cues()["not_fine"], _KNOWN_WELL.sub(" ", before) + after) is None)
    return fine
