"""How easy a text is to read: the SMOG grade of textstat, the condition's name not counted."""

from __future__ import annotations

import re
import warnings

# What everybody here has to read anyway, and what cannot be said more simply.
_NAMES = re.compile(r"\bvaginismus\b", re.IGNORECASE)
_LIST_ITEM = re.compile(r"^- (.*[^.!?])$", re.MULTILINE)

MAX_GRADE = 9.0
"""SMOG grade, at most (fact sheet, "Tone"). Grade 9 is read without effort at about 14 years."""

MIN_SENTENCES = 3
"""SMOG says nothing about shorter texts."""


def plain(text: str) -> str:
    """The text without marks, each list item a sentence."""
    return re.sub(r"[*_]", "", _LIST_ITEM.sub(r"- \1.", text)).replace("- ", "")


def grade(text: str) -> float | None:
    """The SMOG grade of a text; nothing for texts too short to be graded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # textstat imports pkg_resources
        import textstat

    words = _NAMES.sub("it", plain(text))
    if textstat.sentence_count(words) < MIN_SENTENCES:
        return None
    return float(textstat.smog_index(words))
