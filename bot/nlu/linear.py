"""The linear topic model: multinomial logistic regression on n-grams and the sentence vector together.

Its confidence is calibrated on examples left out for it, so that 0.8 is right about 8 times in 10.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.model_selection import StratifiedKFold

from bot.nlu.descent import Array, Chosen, Training, Weights, descend
from bot.nlu.features import NgramFeatures, normalise

Labels = npt.NDArray[np.intp]

_SEED = 20261122
_FOLDS = 5
_VECTOR_SCALE = 4.0
"""Weight of the sentence vector beside the n-grams, both of length 1 before; chosen on left-out training examples."""


class NotEnoughExamples(ValueError):
    """A label has fewer training examples than calibration needs; the message names it."""


def fit(ngrams: sparse.csr_matrix, vectors: Array, y: Labels, labels: int, how: Training) -> Weights:
    """Find the weights. Rare labels count more, by the square root of how much rarer they are."""
    importance = np.sqrt(len(y) / labels / np.bincount(y, minlength=labels)).astype(np.float32)

    def error(scores: Array, chosen: Chosen) -> Array:
        wrong: Array = softmax(scores, axis=1)
        wrong[np.arange(len(chosen)), y[chosen]] -= 1
        wrong *= importance[y[chosen]][:, None] / len(chosen)
        return wrong

    return descend(ngrams, vectors * _VECTOR_SCALE, labels, how, error)


class LinearTopicModel:
    """A probability for each label, from a text and its sentence vector."""

    def __init__(self, labels: Sequence[str], features: NgramFeatures, weights: Weights, sharpness: float) -> None:
        """``sharpness`` multiplies the scores before they become probabilities."""
        self.labels = list(labels)
        self._features = features
        self._weights = weights
        self._sharpness = sharpness
        self._last: tuple[bytes, Array] | None = None

    @classmethod
    def train(
        cls, texts: Sequence[str], labels: Sequence[str], vectors: Array, how: Training | None = None
    ) -> LinearTopicModel:
        """Fit on examples; the same examples in the same order give the same model.

        Raises:
            NotEnoughExamples: a label has fewer than five examples.
        """
        how = how or Training()
        cleaned = [normalise(text) for text in texts]
        names, y = np.unique(np.asarray(labels), return_inverse=True)
        counts = np.bincount(y)
        if counts.min() < _FOLDS:
            raise NotEnoughExamples(f"{names[counts.argmin()]} has {counts.min()} examples, {_FOLDS} are needed")
        features = NgramFeatures.empty().fit(cleaned)
        ngrams = features.transform(cleaned)
        sharpness = cls._calibrate(ngrams, vectors, y, len(names), how)
        return cls(names.tolist(), features, fit(ngrams, vectors, y, len(names), how), sharpness)

    @staticmethod
    def _calibrate(ngrams: sparse.csr_matrix, vectors: Array, y: Labels, labels: int, how: Training) -> float:
        """The sharpness that makes the left-out fifth of the examples most likely (log loss)."""
        kept, left_out = next(StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED).split(vectors, y))
        weights = fit(ngrams[kept], vectors[kept], y[kept], labels, how)
        scores = weights.scores(ngrams[left_out], vectors[left_out] * _VECTOR_SCALE)
        meant = y[left_out]

        def loss(log_sharpness: float) -> float:
            likely = log_softmax(scores * np.exp(log_sharpness), axis=1)
            return -float(likely[np.arange(len(meant)), meant].mean())

        return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))

    def probabilities(self, text: str, vector: Array) -> Array:
        """Probabilities of shape ``(labels,)`` for one text and its sentence vector of shape ``(384,)``.

        The last one is remembered: the safety screen asks for the same message.
        """
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if self._last is None or self._last[0] != key:
            self._last = (key, self._probabilities(text, vector))
        return self._last[1]

    def _probabilities(self, text: str, vector: Array) -> Array:
        columns, values = self._features.row(normalise(text))
        scores = values @ self._weights.ngrams[columns].astype(np.float32) + self._weights.bias
        scores += (vector * _VECTOR_SCALE) @ self._weights.vector
        result: Array = softmax(scores * self._sharpness).astype(np.float32)
        return result

    def save(self, file: Path) -> None:
        """Write the model as one file of plain arrays."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "labels": np.array(self.labels),
            "ngrams": self._weights.ngrams.astype(np.float16),
            "vector": self._weights.vector,
            "bias": self._weights.bias,
            "sharpness": np.array([self._sharpness]),
            **self._features.state(),
        }
        np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, content: bytes) -> LinearTopicModel:
        """Read what :meth:`save` wrote. The same content is in memory once, however often it is loaded."""
        key = hashlib.sha256(content).digest()
        if (known := _loaded.get(key)) is not None:
            return known
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        model = _loaded[key] = cls(
            arrays["labels"].tolist(),
            NgramFeatures.from_state(arrays),
            Weights(arrays["ngrams"], arrays["vector"], arrays["bias"]),  # half precision: 17 MB less
            float(arrays["sharpness"][0]),
        )
        return model


_loaded: WeakValueDictionary[bytes, LinearTopicModel] = WeakValueDictionary()
