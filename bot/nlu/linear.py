"""The linear topic model: two linear classifiers, one on n-grams and one on the sentence vector, with calibration.

Their scores are added after each is scaled to its own confidence; the weight and the temperature are chosen
on training examples left out for it, so that a confidence of 0.8 is right about 8 times in 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from bot.nlu.features import NgramFeatures, normalise

Array = npt.NDArray[np.float32]
_SEED = 20261122
_FOLDS = 5


@dataclass(frozen=True)
class Scales:
    """How the two scores are put together: ``log p = log_softmax(ngrams * ngram + vector * vector)``."""

    ngram: float
    vector: float


class NotEnoughExamples(ValueError):
    """A label has fewer training examples than cross-validation needs; the message names it."""


class LinearTopicModel:
    """A probability for each label, from a text and its sentence vector."""

    def __init__(
        self,
        labels: Sequence[str],
        features: NgramFeatures,
        ngram_weights: Array,
        vector_weights: Array,
        scales: Scales,
    ) -> None:
        """Shapes: ``ngram_weights`` (n-grams + 1, labels), ``vector_weights`` (385, labels); the last row is bias."""
        self.labels = list(labels)
        self._features = features
        self._ngram_weights = np.ascontiguousarray(ngram_weights)
        self._vector_weights = vector_weights
        self._scales = scales

    @classmethod
    def train(cls, texts: Sequence[str], labels: Sequence[str], vectors: Array) -> LinearTopicModel:
        """Fit on examples; the same examples in the same order give the same model.

        Raises:
            NotEnoughExamples: a label has fewer than five examples.
        """
        cleaned = [normalise(text) for text in texts]
        names, y = np.unique(np.asarray(labels), return_inverse=True)
        counts = np.bincount(y)
        if counts.min() < _FOLDS:
            raise NotEnoughExamples(f"{names[counts.argmin()]} has {counts.min()} examples, {_FOLDS} are needed")
        scales = cls._calibrate(cleaned, y, vectors)
        features, ngram_weights, vector_weights = cls._fit(cleaned, y, vectors)
        return cls(names.tolist(), features, ngram_weights, vector_weights, scales)

    @staticmethod
    def _fit(texts: Sequence[str], y: npt.NDArray[np.intp], vectors: Array) -> tuple[NgramFeatures, Array, Array]:
        features = NgramFeatures.empty().fit(texts)
        svm = LinearSVC(C=0.5, class_weight="balanced", random_state=_SEED).fit(features.transform(texts), y)
        regression = LogisticRegression(C=20.0, max_iter=150, class_weight="balanced", random_state=_SEED)
        regression.fit(vectors, y)
        return (
            features,
            np.vstack([svm.coef_.T, svm.intercept_]).astype(np.float32),
            np.vstack([regression.coef_.T, regression.intercept_]).astype(np.float32),
        )

    @classmethod
    def _calibrate(cls, texts: Sequence[str], y: npt.NDArray[np.intp], vectors: Array) -> Scales:
        """The scales that make held-out examples most likely (log loss on the fifth that was left out)."""
        train, held_out = next(StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED).split(texts, y))
        features, ngram_weights, vector_weights = cls._fit([texts[i] for i in train], y[train], vectors[train])
        rows = features.transform([texts[i] for i in held_out])
        ngrams = rows @ ngram_weights[:-1] + ngram_weights[-1]
        dense = vectors[held_out] @ vector_weights[:-1] + vector_weights[-1]
        meant = y[held_out]

        def loss(logs: npt.NDArray[np.float64]) -> float:
            ngram, vector = np.exp(logs)
            scores = log_softmax(ngrams * ngram + dense * vector, axis=1)
            return -float(scores[np.arange(len(meant)), meant].mean())

        found = minimize(loss, np.log([2.0, 0.5]), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-5})
        ngram, vector = np.exp(found.x)
        return Scales(float(ngram), float(vector))

    def probabilities(self, text: str, vector: Array) -> Array:
        """Probabilities of shape ``(labels,)`` for one text and its sentence vector of shape ``(384,)``."""
        columns, values = self._features.row(normalise(text))
        scores = self._ngram_weights[-1] + values @ self._ngram_weights[columns]
        scores = scores * self._scales.ngram
        scores += (vector @ self._vector_weights[:-1] + self._vector_weights[-1]) * self._scales.vector
        result: Array = softmax(scores).astype(np.float32)
        return result

    def save(self, file: Path) -> None:
        """Write the model as one file of plain arrays."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "labels": np.array(self.labels),
            "ngram_weights": self._ngram_weights.astype(np.float16),
            "vector_weights": self._vector_weights,
            "scales": np.array([self._scales.ngram, self._scales.vector]),
            **self._features.state(),
        }
        np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, file: Path) -> LinearTopicModel:
        """Read a model that :meth:`save` wrote."""
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return cls(
            arrays["labels"].tolist(),
            NgramFeatures.from_state(arrays),
            arrays["ngram_weights"].astype(np.float32),
            arrays["vector_weights"],
            Scales(*arrays["scales"].tolist()),
        )
