"""The screen: a text in, findings out. The lexicon and the classifier each can raise an alarm alone.

A phrase of the lexicon counts unless the classifier, having read the whole message, is all but certain that it is calm
("burns like acid", "suicidally boring"); phrases for immediate danger always count.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import yaml

from bot.safety.classifier import Judgement, SafetyClassifier
from bot.safety.danger import CATEGORIES, UNSCREENED, Finding, Level
from bot.safety.lexicon import Lexicon

log = logging.getLogger(__name__)

THRESHOLDS_FILE = Path(__file__).resolve().parent.parent.parent / "data" / "safety" / "thresholds.yml"

_SENTENCE = re.compile(r"(?<=[.!?…।؟\n])\s+|\n+|\s+(?:but|lekin|magar|par|btw|also)\s+", re.IGNORECASE)
_MIN_WORDS = 4


class Vectors(Protocol):
    """What the screen needs of the sentence encoder."""

    def encode_one(self, text: str) -> npt.NDArray[np.float32]:
        """The vector of a text."""


@dataclass(frozen=True)
class Thresholds:
    """From which probability the classifier raises an alarm; see the file for how they were chosen."""

    danger: float
    category: float
    part: float
    parts: int
    overrule: float
    categories: dict[str, float]

    @classmethod
    def load(cls, file: Path = THRESHOLDS_FILE) -> Thresholds:
        """Read the file.

        Raises:
            ValueError: a value is missing or no number between 0 and 1.
        """
        rows: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        own = {str(name): float(value) for name, value in (rows.get("categories") or {}).items()}
        if unknown := set(own) - set(CATEGORIES):
            raise ValueError(f"{file}: unknown category {', '.join(sorted(unknown))}")
        found = cls(
            float(rows["danger"]),
            float(rows["category"]),
            float(rows["part"]),
            int(rows["parts"]),
            float(rows["overrule"]),
            own,
        )
        if not all(0 < value <= 1 for value in (found.danger, found.category, found.part, *own.values())):
            raise ValueError(f"{file}: thresholds lie between 0 and 1")
        return found


def parts(text: str, limit: int) -> list[str]:
    """The sentences of a longer message, each read by itself too: danger hides between everyday questions."""
    pieces = [piece.strip() for piece in _SENTENCE.split(text) if piece and len(piece.split()) >= _MIN_WORDS]
    return pieces[:limit] if len(pieces) > 1 else []


class SafetyScreen:
    """Reads a message for danger."""

    def __init__(
        self,
        lexicon: Lexicon,
        classifier: SafetyClassifier | None,
        encoder: Callable[[], Vectors],
        thresholds: Thresholds,
    ) -> None:
        """Wire the parts. Without a classifier (a model that could not be read) the lexicon works alone."""
        self._lexicon = lexicon
        self._classifier = classifier
        self._encoder = encoder
        self._thresholds = thresholds

    def read(self, text: str) -> list[Finding]:
        """What is alarming in a text, each category once; nothing for a calm one.

        Never raises: what cannot be read counts as needing a person, as a finding of :data:`UNSCREENED`.
        """
        try:
            return self._read(text)
        except Exception as error:  # whatever went wrong: nobody may pass unread
            log.error("The safety screen failed: %s", type(error).__name__)
            return [Finding(UNSCREENED, Level.SERIOUS, "failure")]

    def _read(self, text: str) -> list[Finding]:
        if not text.strip():
            return []
        judged = self._judge(text)
        by_phrase = self._phrases(text, judged)
        learned = self._learned(text, judged)
        findings = []
        for category in CATEGORIES:
            phrase, seen = by_phrase.get(category), learned.get(category)
            if phrase and seen:
                findings.append(Finding(category, max(phrase, seen[0]), "both"))
            elif phrase:
                findings.append(Finding(category, phrase, "lexicon"))
            elif seen:
                findings.append(Finding(category, seen[0], "classifier", seen[1]))
        return findings

    def _judge(self, text: str) -> Judgement | None:
        if self._classifier is None:
            return None
        return self._classifier.judge(text, self._encoder().encode_one(text))

    def _phrases(self, text: str, judged: Judgement | None) -> dict[str, Level]:
        """What the lexicon finds, but for phrases in a message that the classifier is all but certain is calm."""
        found: dict[str, Level] = {}
        for hit in self._lexicon.read(text):
            overruled = judged is not None and judged.danger < self._thresholds.overrule
            if hit.level is Level.IMMEDIATE or not overruled:
                found[hit.category] = max(hit.level, found.get(hit.category, hit.level))
        return found

    def _learned(self, text: str, judged: Judgement | None) -> dict[str, tuple[Level, float]]:
        """What the classifier finds in a message and in each of its sentences."""
        if judged is None:
            return {}
        found = self._alarms(judged, self._thresholds.danger, self._thresholds.category)
        for part in parts(text, self._thresholds.parts):
            own = self._judge(part)
            if own is None:
                continue
            for category, (level, likely) in self._alarms(own, self._thresholds.part, self._thresholds.part).items():
                before = found.get(category, (level, likely))
                found[category] = (max(level, before[0]), max(likely, before[1]))
        return found

    def _alarms(self, judged: Judgement, danger: float, category: float) -> dict[str, tuple[Level, float]]:
        own = self._thresholds.categories
        found = {
            name: (judged.level, likely)
            for name, likely in judged.categories.items()
            if likely >= max(category, own.get(name, 0.0))
        }
        if not found and judged.danger >= danger:
            likeliest = max(judged.categories, key=judged.categories.__getitem__)
            found[likeliest] = (judged.level, judged.danger)
        return found
