"""The screen: a text in, findings out. The lexicon and the classifier each can raise an alarm alone.

A phrase of the lexicon counts unless the classifier, having read the whole message, is all but certain that it is calm
("burns like acid", "suicidally boring"); phrases for immediate danger always count.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import yaml
from scipy.special import expit, logit

from bot.safety.classifier import SafetyClassifier, encoder_reads
from bot.safety.danger import CATEGORIES, UNSCREENED, Finding, Level
from bot.safety.lexicon import Hit, Lexicon

log = logging.getLogger(__name__)

THRESHOLDS_FILE = Path(__file__).resolve().parent.parent.parent / "data" / "safety" / "thresholds.yml"

_SENTENCE = re.compile(r"(?<=[.!?…।؟\n])\s+|\n+|\s+(?:but|lekin|magar|par|btw|also)\s+", re.IGNORECASE)
_MIN_WORDS = 4


SecondOpinion = Callable[[str, "npt.NDArray[np.float32]"], Mapping[str, float]]


@dataclass(frozen=True)
class Opinion:
    """Of one text: the classifier's own word, the one together with the second opinion, categories and level."""

    own: float
    danger: float
    categories: dict[str, float]
    level: Level
    mixed: bool


class Vectors(Protocol):
    """What the screen needs of the sentence encoder."""

    def encode_one(self, text: str) -> npt.NDArray[np.float32]:
        """The vector of a text."""


@dataclass(frozen=True)
class Thresholds:
    """From which probability the learned part raises an alarm; see the file for what each is and how it was chosen."""

    danger: float
    alone: float
    second_weight: float
    category: float
    part: float
    parts: int
    overrule: float
    despite_calm: float

    @classmethod
    def load(cls, file: Path = THRESHOLDS_FILE) -> Thresholds:
        """Read the file.

        Raises:
            ValueError: a value is missing, unknown, or not between 0 and 1.
        """
        rows: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        if set(rows) != {field.name for field in fields(cls)}:
            raise ValueError(f"{file}: the thresholds are {', '.join(field.name for field in fields(cls))}")
        found = cls(**rows)
        if not all(0 < rows[name] <= 1 for name in ("danger", "alone", "category", "part", "overrule", "despite_calm")):
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
        second: SecondOpinion | None = None,
    ) -> None:
        """Wire the parts.

        Args:
            classifier: without one (a model that could not be read) the lexicon works alone.
            second: what the topic classifier thinks of a text, as the probability of each danger. It makes the
                classifier surer in both directions; without it the classifier decides alone.
        """
        self._lexicon = lexicon
        self._classifier = classifier
        self._encoder = encoder
        self._thresholds = thresholds
        self._second = second

    def read(self, text: str) -> list[Finding]:
        """What is alarming in a text, each category once; nothing for a calm one.

        Never raises: what cannot be read counts as needing a person, as a finding of :data:`UNSCREENED`.
        """
        try:
            return self._read(text)
        except Exception as error:  # whatever went wrong: nobody may pass unread
            log.error("The safety screen failed: %s", type(error).__name__)
            return [Finding(UNSCREENED, Level.SERIOUS, "failure")]

    def knows_as_calm(self, text: str) -> bool:
        """Whether a single sentence has a phrase that the lexicon knows as harmless, and none that is alarming."""
        try:
            hits, calm = self._lexicon.look(text)
            return calm and not hits and not parts(text, self._thresholds.parts)
        except Exception as error:  # then nothing is known
            log.error("The safety screen failed: %s", type(error).__name__)
            return False

    def _read(self, text: str) -> list[Finding]:
        if not text.strip():
            return []
        judged = self._judge(text, second=True)
        hits, calm = self._lexicon.look(text)
        by_phrase = self._phrases(hits, judged)
        learned = self._learned(text, judged, calm=calm and not hits)
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

    def _judge(self, text: str, *, second: bool = False) -> Opinion | None:
        """What the classifier thinks of a text, together with the second opinion if that is asked for."""
        if self._classifier is None:
            return None
        vector = self._encoder().encode_one(text)
        own = self._classifier.judge(text, vector)
        if not second or self._second is None or not encoder_reads(text):
            return Opinion(own.danger, own.danger, own.categories, own.level, mixed=False)
        other = self._second(text, vector)
        both = expit(logit(_within(own.danger)) + self._thresholds.second_weight * logit(_within(sum(other.values()))))
        categories = {name: max(likely, other.get(name, 0.0)) for name, likely in own.categories.items()}
        return Opinion(own.danger, float(both), categories, own.level, mixed=True)

    def _phrases(self, hits: list[Hit], judged: Opinion | None) -> dict[str, Level]:
        """What the lexicon finds, but for phrases in a message that the classifier is rather certain is calm."""
        found: dict[str, Level] = {}
        for hit in hits:
            overruled = judged is not None and judged.own < self._thresholds.overrule
            if hit.level is Level.IMMEDIATE or not overruled:
                found[hit.category] = max(hit.level, found.get(hit.category, hit.level))
        return found

    def _learned(self, text: str, judged: Opinion | None, *, calm: bool) -> dict[str, tuple[Level, float]]:
        """What the classifier finds in a message and in each of its sentences.

        ``calm``: the lexicon knows a phrase of it as harmless ("will kill me if she finds") and none as alarming.
        """
        if judged is None:
            return {}
        limits, sentences = self._thresholds, parts(text, self._thresholds.parts)
        danger = limits.danger if judged.mixed else limits.alone
        found = self._alarms(judged, limits.despite_calm if calm and not sentences else danger)
        for part in sentences:
            own = self._judge(part)
            for category, (level, likely) in self._alarms(own, limits.part).items() if own else ():
                before = found.get(category, (level, likely))
                found[category] = (max(level, before[0]), max(likely, before[1]))
        return found

    def _alarms(self, judged: Opinion, danger: float) -> dict[str, tuple[Level, float]]:
        """The likely categories of a text that is alarming, one at least; nothing for a calm one."""
        if judged.danger < danger:
            return {}
        likeliest = max(judged.categories, key=judged.categories.__getitem__)
        return {
            name: (judged.level, likely)
            for name, likely in judged.categories.items()
            if name == likeliest or likely >= self._thresholds.category
        }


def _within(probability: float) -> float:
    return min(max(probability, 1e-4), 1 - 1e-4)
