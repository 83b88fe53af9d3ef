"""When it began, out of a whole story: several times may stand in it, and only one of them is the beginning.

:mod:`actions.history.when` reads one time; here every clause's time is weighed: words such as "since" or "it began" and
a cause nearby speak for it, a wedding, an examination or how long all was well speak against it. What is corrected ("no
wait", "not 2 years, more like 6") does not count.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

from actions.history.clauses import sentences
from actions.history.cues import cues, first, plain_text
from actions.history.numbers import with_digits
from actions.history.when import Precision, When, read_when, words_of

_UNITS = r"years?|yrs?|yr|saal|months?|mahine|weeks?|days?"
_INSTEAD = r"more like|rather|but|its|it's|make (?:that|it)|maybe|actually|closer to|almost|about"
_NOT_SO_MANY = re.compile(
    rf"\b(?:not|no|nahi)\s+(?:\w+\s+)?\d+\s*(?P<unit>{_UNITS})\b[^.;]*?\b(?:{_INSTEAD})\s+"
    rf"(?:\w+\s+)?(?P<number>\d+)\b(?!\s*(?:{_UNITS}))"
)
_SO_MANY_OF_THIS = re.compile(rf"\b(\d+ (?:{_UNITS})) of (?:this|it|that|pain|suffering|painful|struggl\w*|trying)\b")
_UNTIL_NOW = re.compile(r"\b(?:till|until|to|aaj) (?:today|now|date|this day|tak)\b")
_CORRECTION = re.compile(
    r"\b(?:no,? wait|wait,? no|wait|scratch that|correction|oops|i mean(?!s| it)|sorry|rather|actually|no no|"
    r"what am i saying|nahi nahi|matlab|let me correct)\b[\s,.:]*"
)
_PART = re.compile(
    r",(?=\s)|\s[-\u2013\u2014]+\s|[:()]|\b(?:and then|then|and now|ab|phir|because|which|while|aur|later)\b|"
    r"\s+and\s+(?!(?:a )?half|\d+ (?:months|weeks|days|mahine))"
)
_AFTER_WHAT = re.compile(r"\W*(?:ever )?(?:since|after|from when)\s+(?P<event>\w+(?:\s+\w+){1,6})")
_MONTH_ALONE = re.compile(r"^\W*(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\W*$")
_BETWEEN = re.compile(r"\bbetween\b")
_UNASKED = (Precision.EVENT, Precision.UNKNOWN)


def read_beginning(text: str, today: date, *, asked: str | None, caused: bool) -> When | None:
    """When a message says that it began.

    Args:
        asked: the question that the message answers; nothing for a story that is told unasked.
        caused: the message names what happened then, so that "since then" points at something.
    """
    plain = _corrected(with_digits(" ".join(text.lower().replace("\n", " . ").replace("\u2019", "'").split())), today)
    dated = _dated(plain, today)
    if asked == "began":
        if len({when.value for _, when in dated}) > 1:
            return _worded(_best(dated)[1], text)
        return _worded(read_when(plain, today, asked=True), text)
    if dated:
        score, best = _best(dated)
        pointed = caused and first(cues()["began"]["points_back"], plain_text(plain)) is not None
        if score >= (1 if asked is None and not pointed else 0):
            return _worded(best, text)
    return _worded(_event(plain, today, asked, caused), text)


def _worded(when: When | None, text: str) -> When | None:
    return replace(when, words=words_of(text)) if when else None


def _corrected(plain: str, today: date) -> str:
    """A text without times that are taken back in it."""
    plain = _SO_MANY_OF_THIS.sub(r"since \1", plain).replace("up to the", "until the").replace("upto", "until")
    plain = _UNTIL_NOW.sub(" ", plain)
    plain = _NOT_SO_MANY.sub(lambda match: f"{match['number']} {match['unit']}", plain)
    for match in reversed(list(_CORRECTION.finditer(plain))):
        before, after = plain[: match.start()], plain[match.end() :]
        later = read_when(after, today, asked=False)
        if later is not None and later.precision not in _UNASKED and _dated(before, today):
            return f"it began {after}"
    return plain


def _dated(plain: str, today: date) -> list[tuple[int, When]]:
    """Every time in a text that may be the beginning, with how much speaks for it; the first of equals stands first."""
    known = cues()["began"]
    from_wedding = first(known["from_wedding"], plain_text(plain)) is not None
    found: list[tuple[int, When]] = []
    for sentence in sentences(plain):
        told = plain_text(sentence)
        near = (first(known["begins"], told) is not None) + _names_cause(told)
        for part in [sentence] if _BETWEEN.search(sentence) else _PART.split(sentence):
            bare = _MONTH_ALONE.match(part or "") is not None
            when = read_when(part or "", today, asked=bare)
            if when is None or when.precision in _UNASKED:
                continue
            said = plain_text(part)
            complaint = first(cues()["complaint"], said) is not None
            if first(known["went_well_for"], said) or (first(known["lasts"], said) and not complaint):
                continue
            against = first(known["other_time"], said) is not None and not from_wedding
            score = near + 3 * (first(known["begins"], said) is not None) + 2 * _names_cause(said) + complaint
            found.append((score - 5 * against, when))
    return found


def _best(dated: list[tuple[int, When]]) -> tuple[int, When]:
    """The time that most speaks for; "a year ago, in November 2025" is the month."""
    score, best = max(dated, key=lambda row: row[0])
    if best.precision is Precision.YEAR:
        finer = (when for own, when in dated if own >= 0 and when.value.startswith(f"{best.value}-"))
        return score, next((when for when in finer if when.precision is not Precision.AGE), best)
    return score, best


def _names_cause(text: str) -> bool:
    causes = cues()["trigger"]
    return any(first(patterns, text) for choice, patterns in causes.items() if choice != "nothing_known")


def _event(plain: str, today: date, asked: str | None, caused: bool) -> When | None:
    """What a text names as the beginning without a date: "since my wedding", "always", "since then"."""
    known = cues()["began"]
    if asked not in (None, "comfortable"):
        return None
    for sentence in sentences(plain):
        told = plain_text(sentence)
        if asked is None and first(known["when_unknown"], told):
            return When(Precision.UNKNOWN)
    for sentence in sentences(plain):
        for part in _PART.split(sentence):
            said = plain_text(part or "")
            if first(known["always"], said) and not first(known["not_always"], said):
                return When(Precision.EVENT, (part or "").strip())
            for pattern in known["no_event"]:
                said = pattern.sub(" ", said)
            if first(known["event_link"], said) is None:
                continue
            when = read_when(said, today, asked=False)
            if when is not None and when.precision is Precision.EVENT:
                return when
            if _names_cause(said) and (match := _AFTER_WHAT.match(said)):
                return When(Precision.EVENT, match["event"])
    if caused and (match := first(known["points_back"], plain_text(plain))):
        return When(Precision.EVENT, match.group(0))
    return None
