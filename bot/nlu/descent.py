"""Finding the weights of a linear model on sparse and dense features by mini-batches (Adam, Kingma and Ba 2015).

The usual solvers take minutes with a hundred labels and fifty thousand examples; this takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

Array = npt.NDArray[np.float32]
Chosen = npt.NDArray[np.intp]

_SEED = 20261122


@dataclass(frozen=True)
class Training:
    """How the weights are found. Chosen by the measurements in docs/decisions/0005-understanding.md."""

    epochs: int = 10
    batch: int = 2048
    rate: float = 0.02


@dataclass(frozen=True)
class Weights:
    """One column a label: for n-grams, for the sentence vector (384 rows), and the bias."""

    ngrams: Array
    vector: Array
    bias: Array

    def scores(self, ngrams: sparse.csr_matrix, vectors: Array) -> Array:
        """Scores of many texts, shape (texts, labels); ``vectors`` as they were when the weights were found."""
        result: Array = ngrams @ self.ngrams + vectors @ self.vector + self.bias
        return result


def descend(
    ngrams: sparse.csr_matrix, vectors: Array, columns: int, how: Training, error: Callable[[Array, Chosen], Array]
) -> Weights:
    """The weights that make an error small; the same examples in the same order give the same weights.

    Args:
        columns: how many labels there are.
        error: what the scores of the chosen rows, shape (rows, columns), should be less, already averaged over them.
    """
    random = np.random.default_rng(_SEED)
    parameters = [np.zeros((rows, columns), np.float32) for rows in (ngrams.shape[1], vectors.shape[1], 1)]
    means = [np.zeros_like(parameter) for parameter in parameters]
    squares = [np.zeros_like(parameter) for parameter in parameters]
    step = 0
    for epoch in range(how.epochs):
        order = random.permutation(len(vectors))
        for start in range(0, len(order), how.batch):
            chosen = order[start : start + how.batch]
            rows, dense = ngrams[chosen], vectors[chosen]
            wrong = error(rows @ parameters[0] + dense @ parameters[1] + parameters[2], chosen)
            step += 1
            rate = how.rate * (1 - epoch / how.epochs) * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            gradients = (rows.T @ wrong, dense.T @ wrong, wrong.sum(axis=0, keepdims=True))
            for parameter, mean, square, gradient in zip(parameters, means, squares, gradients, strict=True):
                mean += 0.1 * (gradient - mean)
                square += 0.001 * (gradient * gradient - square)
                parameter -= np.float32(rate) * mean / (np.sqrt(square) + np.float32(1e-8))
    return Weights(parameters[0], parameters[1], parameters[2][0])
