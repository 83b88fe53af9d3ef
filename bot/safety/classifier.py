"""What was learned from examples: a probability for each category of danger, for danger at all, and a level.

One logistic regression a category on the sentence vector with word and character n-grams beside it. It knows nothing
of topics; its examples are ``data/safety/train.tsv`` and, as further calm and alarming ones, the topics' examples.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.nlu.descent import Array, Chosen, Training, descend
from bot.nlu.features import NgramFeatures, normalise
from bot.safety.danger import CATEGORIES, Level

ANY = "any"
CALM = "calm"
COLUMNS = (*CATEGORIES, ANY, Level.SERIOUS.word, Level.IMMEDIATE.word)
"""What each column of the model says: the categories, danger at all, at least serious, immediate."""

_VECTOR_SCALE = 4.0
_DEARER = 2.0
_HOW = Training(epochs=12, batch=1024, rate=0.01)
"""The weight of the sentence vector, of an alarm beside a calm example, and the training; chosen on the examples."""


@dataclass(frozen=True)
class SafetyExample:
    """A line of the training file. No categories means calm; no level means that it is not known."""

    categories: tuple[str, ...]
    level: Level | None
    text: str


def read_examples(file: Path) -> list[SafetyExample]:
    """Read ``categories<TAB>level<TAB>utterance`` lines (a fourth column is for the dev set and is left out).

    Raises:
        ValueError: a line has an unknown category or level; the message names it.
    """
    examples = []
    with file.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), start=1):
            if not row or row[0].startswith("#"):
                continue
            named, level, text = row[:3]
            categories = () if named == CALM else tuple(named.split("|"))
            if unknown := set(categories) - set(CATEGORIES):
                raise ValueError(f"{file}:{number}: unknown category {', '.join(sorted(unknown))}")
            try:
                examples.append(SafetyExample(categories, Level.named(level) if categories else None, text))
            except KeyError:
                raise ValueError(f"{file}:{number}: unknown level {level!r}") from None
    return examples


def encoder_reads(text: str) -> bool:
    """Whether the sentence encoder knows the script of a text; of other scripts it sees single letters at best."""
    letters = [letter for letter in text if letter.isalpha()]
    return 2 * sum(letter < "\u0250" for letter in letters) >= len(letters)


@dataclass(frozen=True)
class Judgement:
    """The classifier's word on one text."""

    danger: float
    categories: dict[str, float]
    level: Level


class SafetyClassifier:
    """The trained model: plain arrays, nothing pickled."""

    def __init__(self, features: NgramFeatures, ngrams: Array, vector: Array, bias: Array) -> None:
        self._features = features
        self._ngrams = ngrams
        self._vector = vector
        self._bias = bias

    @staticmethod
    def features() -> NgramFeatures:
        """Fewer n-grams than the topics use: the model has to answer in a millisecond."""
        words = TfidfVectorizer(
            ngram_range=(1, 3),
            min_df=3,
            sublinear_tf=True,
            token_pattern=r"(?u)\b\w+\b",  # noqa: S106
            dtype=np.float32,
        )
        characters = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(3, 4), min_df=8, sublinear_tf=True, dtype=np.float32
        )
        return NgramFeatures(words, characters)

    @classmethod
    def train(cls, examples: Sequence[SafetyExample], vectors: Array) -> SafetyClassifier:
        """Fit on examples and their sentence vectors; the same examples in the same order give the same model."""
        texts = [normalise(example.text) for example in examples]
        features = cls.features().fit(texts)
        read = np.array([encoder_reads(text) for text in texts], np.float32)[:, None]
        rows = features.transform(texts)
        meant, counts = cls._targets(examples)

        def error(scores: Array, chosen: Chosen) -> Array:
            wrong: Array = (expit(scores) - meant[chosen]) * counts[chosen] / len(chosen)
            return wrong

        found = descend(rows, vectors * read * _VECTOR_SCALE, len(COLUMNS), _HOW, error)
        return cls(features, found.ngrams, found.vector, found.bias)

    @staticmethod
    def _targets(examples: Sequence[SafetyExample]) -> tuple[Array, Array]:
        """What each example means for each column, and how much it counts there; both (examples, columns)."""
        meant = np.zeros((len(examples), len(COLUMNS)), np.float32)
        counts = np.ones_like(meant)
        for row, example in enumerate(examples):
            for category in example.categories:
                meant[row, COLUMNS.index(category)] = 1
            meant[row, COLUMNS.index(ANY)] = bool(example.categories)
            for level in (Level.SERIOUS, Level.IMMEDIATE):
                column = COLUMNS.index(level.word)
                meant[row, column] = (example.level or 0) >= level
                counts[row, column] = example.level is not None  # calm examples teach nothing about levels
        # Alarms are rarer than calm messages and dearer to miss.
        counts[:, : len(CATEGORIES) + 1] += _DEARER * meant[:, : len(CATEGORIES) + 1]
        return meant, counts

    def judge(self, text: str, vector: Array) -> Judgement:
        """Probabilities for a text and its sentence vector of shape ``(384,)``."""
        columns, values = self._features.row(normalise(text))
        scores = values @ self._ngrams[columns] + self._bias
        if encoder_reads(text):
            scores += (vector * _VECTOR_SCALE) @ self._vector
        likely = dict(zip(COLUMNS, expit(scores).tolist(), strict=True))
        level = Level.CONCERN
        for named in (Level.SERIOUS, Level.IMMEDIATE):
            if likely[named.word] >= 0.5:
                level = named
        return Judgement(likely[ANY], {category: likely[category] for category in CATEGORIES}, level)

    def save(self, file: Path) -> None:
        """Write the model as one file of plain arrays."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "ngrams": self._ngrams,
            "vector": self._vector,
            "bias": self._bias,
            **self._features.state(),
        }
        np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, file: Any) -> SafetyClassifier:
        """Read what :meth:`save` wrote, from a path or an open binary file."""
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        features = cls.features().restore(arrays)
        return cls(features, arrays["ngrams"], arrays["vector"], arrays["bias"])
