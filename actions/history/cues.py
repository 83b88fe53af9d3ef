"""The cues of an onset history (``data/history/cues.yml``), compiled, and a message's text as they expect it."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

CUES = Path(__file__).resolve().parent.parent.parent / "data" / "history" / "cues.yml"

Patterns = list[re.Pattern[str]]

_SHORT_FORMS = (
    (re.compile(r"n't\b"), "nt"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"'"), ""),
    (re.compile(r"\bim\b"), "i am"),
    (re.compile(r"\bive\b"), "i have"),
    (re.compile(r"\bweve\b"), "we have"),
)


@lru_cache(maxsize=1)
def _rows() -> dict[str, Any]:
    rows: dict[str, Any] = yaml.safe_load(CUES.read_text(encoding="utf-8"))
    return rows


@lru_cache(maxsize=1)
def cues() -> dict[str, Any]:
    """Every cue, compiled. ``<name>`` in a pattern stands for the word list of that name under ``words``."""
    rows = _rows()
    words = {name: "|".join(entries) for name, entries in rows["words"].items()}

    def compiled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: compiled(row) for key, row in value.items()}
        return [re.compile(rf"\b(?:{_filled(str(pattern), words)})(?!\w)") for pattern in value]

    return {key: compiled(value) for key, value in rows.items() if key not in ("words", "spelling")}


def _filled(pattern: str, words: dict[str, str]) -> str:
    for name, entries in words.items():
        pattern = pattern.replace(f"<{name}>", f"(?:{entries})")
    return pattern


@lru_cache(maxsize=1)
def _spelling() -> tuple[re.Pattern[str], dict[str, str]]:
    known = {short: word for word, shorts in _rows()["spelling"].items() for short in shorts.split()}
    return re.compile(rf"(?<!\w)({'|'.join(map(re.escape, known))})(?!\w)"), known


def plain_text(text: str) -> str:
    """A message as the cues expect it: lower case, no apostrophes (``we're`` is "we are"), short forms spelt out."""
    plain = text.lower().replace("\u2019", "'").replace("\u2018", "'")
    for pattern, stands_for in _SHORT_FORMS:
        plain = pattern.sub(stands_for, plain)
    pattern, known = _spelling()
    return pattern.sub(lambda match: known[match[1]], plain)


def first(patterns: Patterns, text: str) -> re.Match[str] | None:
    """The first pattern's match."""
    return next((match for pattern in patterns if (match := pattern.search(text))), None)


def masked(patterns: Patterns, text: str) -> str:
    """A text without what looks like a cue and is none."""
    for pattern in patterns:
        text = pattern.sub(" … ", text)
    return text
