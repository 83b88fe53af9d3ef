"""The parts of a message: what corrects the message before, and the questions it asks."""

from __future__ import annotations

import re

_CORRECTION = re.compile(
    r"^\W*((no|nope|nahi|sorry|oops|actually|not that)\b[\s,.!:-]*)*"
    r"((i|we) (mean|meant)|(that'?s|thats) not what i (asked|meant)|mera matlab( tha| hai)?|matlab|rather)\b[\s,.:;-]*"
    r"(was\b|is\b|to ask( about)?\b|about\b)?[\s,.:;-]*",
    re.IGNORECASE,
)
MAX_READ = 1500
"""Characters of a message that are looked at for questions."""

_QUESTION_WORDS = (
    "what|whats|how|why|when|where|which|who|is|are|am|do|does|did|can|could|should|will|would|has|have|any|"
    "kya|kaise|kyun"
)
_ASKS = re.compile(rf"^({_QUESTION_WORDS})\b", re.IGNORECASE)
_CUT = re.compile(rf"(?<=[?!.])\s+|\s+(?:and also|also|and|plus|aur)\s+(?=(?:{_QUESTION_WORDS})\b)", re.IGNORECASE)
_MIN_WORDS = 3
_MAX_QUESTIONS = 4
"""Each question is understood by itself, which costs as much as a message."""


def without_correction(text: str) -> str:
    """What a correction is about: "no, I meant after the birth" is about "after the birth"."""
    rest = _CORRECTION.sub("", text, count=1)
    return rest if len(rest.split()) >= 2 else text


def questions(text: str) -> list[str]:
    """The questions of a message that asks more than one; nothing for a message that asks one or none."""
    parts = [part.strip() for part in _CUT.split(text[:MAX_READ])]
    asked = [part for part in parts if len(part.split()) >= _MIN_WORDS and (part.endswith("?") or _ASKS.match(part))]
    return asked[:_MAX_QUESTIONS] if len(asked) > 1 else []
