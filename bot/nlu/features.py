"""What the linear model sees of a text: word n-grams, character n-grams and the sentence vector, side by side.

The n-grams are scikit-learn's TF-IDF; they are stored as vocabulary and weights, never pickled.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

_SPACE = re.compile(r"\s+")
# Three of a kind carry feeling, more carry nothing: "pleeeease" and "pleeease" are one word.
_REPEATS = re.compile(r"(.)\1{2,}")


def normalise(text: str) -> str:
    """The text as the models read it: one Unicode form, single spaces, no drawn-out letters."""
    folded = unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u2018", "'")
    return _SPACE.sub(" ", _REPEATS.sub(r"\1\1", folded)).strip()


class NgramFeatures:
    """TF-IDF of words (1 and 2 together) and of characters within words (3 to 5 together)."""

    def __init__(self, words: TfidfVectorizer, characters: TfidfVectorizer) -> None:
        self._parts = (("words", words), ("characters", characters))
        self._analysers: dict[str, Callable[[str], Iterable[str]]] = {}

    @classmethod
    def empty(cls) -> NgramFeatures:
        """Features that have not seen any text yet."""
        return cls(
            TfidfVectorizer(
                ngram_range=(1, 2),
                min_df=2,
                sublinear_tf=True,
                token_pattern=r"(?u)\b\w+\b",  # noqa: S106
                dtype=np.float32,
            ),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=10, sublinear_tf=True, dtype=np.float32),
        )

    def fit(self, texts: Sequence[str]) -> NgramFeatures:
        """Learn which n-grams there are and how common each is."""
        for _, part in self._parts:
            part.fit(texts)
        return self

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """One row a text."""
        return sparse.hstack([part.transform(texts) for _, part in self._parts], format="csr", dtype=np.float32)

    def row(self, text: str) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
        """Columns and values of one text: what :meth:`transform` gives for it, without scikit-learn's checks (2 ms)."""
        columns: list[npt.NDArray[np.intp]] = []
        values: list[npt.NDArray[np.float32]] = []
        offset = 0
        for name, part in self._parts:
            vocabulary = part.vocabulary_
            counts = Counter(vocabulary[term] for term in self._analyse(name, part)(text) if term in vocabulary)
            found = np.fromiter(counts.keys(), np.intp, len(counts))
            weights = (1 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))) * part.idf_[found]
            length = float(np.linalg.norm(weights))
            columns.append(found + offset)
            values.append((weights / length if length else weights).astype(np.float32))
            offset += len(vocabulary)
        return np.concatenate(columns), np.concatenate(values)

    def _analyse(self, name: str, part: TfidfVectorizer) -> Callable[[str], Iterable[str]]:
        if name not in self._analysers:
            self._analysers[name] = part.build_analyzer()
        return self._analysers[name]

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays that :meth:`from_state` takes."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        for name, part in self._parts:
            ordered = sorted(part.vocabulary_, key=part.vocabulary_.__getitem__)
            arrays[f"{name}_vocabulary"] = np.array(ordered)
            arrays[f"{name}_idf"] = part.idf_.astype(np.float32)
        return arrays

    @classmethod
    def from_state(cls, arrays: dict[str, npt.NDArray[Any]]) -> NgramFeatures:
        """The features that :meth:`state` described."""
        return cls.empty().restore(arrays)

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> NgramFeatures:
        """Take over what :meth:`state` of the same kind of features described."""
        for name, part in self._parts:
            part.vocabulary_ = {term: index for index, term in enumerate(arrays[f"{name}_vocabulary"].tolist())}
            part.idf_ = arrays[f"{name}_idf"]
        return self
