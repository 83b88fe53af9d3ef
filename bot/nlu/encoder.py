"""The sentence encoder: all-MiniLM-L6-v2, trained further on our examples, as int8 ONNX on one thread.

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
from tokenizers import BertWordPieceTokenizer, Tokenizer

Vectors = npt.NDArray[np.float32]

DIMENSIONS = 384
# Longer texts are read in their first part; a message has at most 5,000 characters, some 1,200 word pieces.
MAX_PIECES = 256
_REMEMBERED = 16

MODEL = Path(__file__).parent / "minilm" / "encoder.onnx"
_VOCABULARY = Path(__file__).parent / "minilm" / "vocabulary.txt"


class SentenceEncoder:
    """Turns texts into unit vectors of :data:`DIMENSIONS` numbers; texts of like meaning lie near each other."""

    def __init__(self, model: Path | None = None, *, threads: int = 1) -> None:
        """Load the model (some 90 MB of memory, 0.2 s).

        Args:
            model: an ONNX file with the inputs and outputs of all-MiniLM-L6-v2; our own when left out.
            threads: threads of one encoding. More than one pays only for large batches.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # The arena keeps every size it has ever seen; without it memory stays flat over long runs.
        options.enable_cpu_mem_arena = False
        self.file = model or MODEL
        self._session = onnxruntime.InferenceSession(str(self.file), options, providers=["CPUExecutionProvider"])
        wordpieces = BertWordPieceTokenizer(str(_VOCABULARY), lowercase=True)
        self._tokenizer: Tokenizer = wordpieces._tokenizer
        self._tokenizer.enable_truncation(MAX_PIECES)
        self._recent: dict[bytes, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape ``(len(texts), 384)``, each of length 1.

        Every text is encoded on its own: with int8 weights a batch changes the last digits, and the same text must
        always give the same vector.
        """
        return np.stack([self._encode(text) for text in texts]) if texts else np.empty((0, DIMENSIONS), np.float32)

    def encode_one(self, text: str) -> Vectors:
        """The vector of one text, shape ``(384,)``.

        The last few are remembered: the safety screen and the topic classifier read the same message.
        """
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        known = self._recent.get(key)
        if known is None:
            known = self._recent[key] = self._encode(text)
            while len(self._recent) > _REMEMBERED:
                del self._recent[next(iter(self._recent))]
        return known

    def _encode(self, text: str) -> Vectors:
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


_MOST_KEPT = 150_000
"""Vectors in the cache file (1.6 kB each) before those of old data are dropped."""


class EncodingCache:
    """Vectors of training texts kept on disk by the text's hash, so that retraining encodes only new texts."""

    def __init__(self, file: Path, encoder: SentenceEncoder | None = None) -> None:
        self._file = file
        self._encoder = encoder
        self._made_by = hashlib.sha256((encoder.file if encoder else MODEL).read_bytes()).hexdigest()
        self._vectors: dict[str, Vectors] = {}
        if file.is_file():
            with np.load(file, allow_pickle=False) as stored:
                self._vectors = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))

    def _key(self, text: str) -> str:
        return hashlib.sha256(f"{self._made_by}\0{MAX_PIECES}\0{text}".encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Like :meth:`SentenceEncoder.encode`, computing only what is not cached, and saving what was computed."""
        keys = [self._key(text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        if missing:
            encoder = self._encoder or shared_encoder()
            # Each text on its own, see SentenceEncoder.encode; the sessions' work runs outside Python's lock.
            with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
                self._vectors.update(zip(missing, pool.map(encoder._encode, missing.values()), strict=True))
            self._save(keys)
        return np.stack([self._vectors[key] for key in keys]) if keys else np.empty((0, DIMENSIONS), np.float32)

    def _save(self, used: Sequence[str]) -> None:
        """Write what is known; from time to time what this training set does not use is dropped."""
        keys = sorted(set(used) if len(self._vectors) > _MOST_KEPT else self._vectors)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(".tmp.npz")
        np.savez(temporary, keys=np.array(keys), vectors=np.stack([self._vectors[key] for key in keys]))
        temporary.replace(self._file)
