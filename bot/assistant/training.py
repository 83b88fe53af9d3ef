"""Training the model when what it is made of has changed, and finding the one that fits."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent

# Packages whose version changes what a model is.
_PACKAGES = ("rasa", "spacy", "scikit-learn", "onnxruntime", "tokenizers", "numpy")
_INPUTS = (
    *("config.yml", "domain.yml", "data/nlu", "data/stories", "data/safety/train.tsv"),
    *("bot/nlu", "bot/safety/classifier.py", "bot/safety/component.py"),
)
_LEARNED = ("config.yml", "data/nlu", "data/safety/train.tsv", *_INPUTS[-3:])
"""Of these, what is learned from: as long as they are the same, only the dialogue rules need training (seconds)."""
_KEEP = 2


class TrainingFailed(Exception):
    """Training ended with an error; its output was shown. Final until the data are mended."""


def _files(names: Sequence[str]) -> Iterator[Path]:
    for name in names:
        path = PROJECT / name
        if path.is_file():
            yield path
        else:
            yield from sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def fingerprint(names: Sequence[str] = _INPUTS) -> str:
    """A hash of everything that goes into a model: config, domain, data, components and their versions."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        digest.update(f"{package}={importlib.metadata.version(package)}\0".encode())
    for file in _files(names):
        digest.update(f"{file.relative_to(PROJECT).as_posix()}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def model_file(data_dir: Path) -> Path:
    """Where the model for the present data is, or would be."""
    return data_dir / "models" / f"{fingerprint()}.tar.gz"


def ensure_model(data_dir: Path) -> Path:
    """The model that fits the present data, trained now if there is none yet.

    Training runs in a process of its own: it needs memory that a running service should not keep.

    Raises:
        TrainingFailed: the training process ended with an error.
    """
    file = model_file(data_dir)
    if file.is_file():
        return file
    print("The training data are new: training the assistant (about a minute) ...", flush=True)
    result = subprocess.run([sys.executable, "-m", "bot", "train"], env={**os.environ, "BOT_DATA_DIR": str(data_dir)})
    if result.returncode or not file.is_file():
        raise TrainingFailed("The assistant could not be trained; see the messages above.")
    return file


def train(data_dir: Path) -> Path:
    """Train in this process and return the model file. Shows what is going on.

    Raises:
        TrainingFailed: Rasa found the data unusable.
    """
    from bot.assistant.quiet import keep_quiet

    keep_quiet()
    from rasa.model_training import train as rasa_train

    file = model_file(data_dir)
    file.parent.mkdir(parents=True, exist_ok=True)
    learned, now_learned = PROJECT / ".rasa" / "learned", fingerprint(_LEARNED)
    previous = Path.cwd()
    os.chdir(PROJECT)  # config.yml names the cache of encodings relative to the project
    try:
        result = rasa_train(
            domain="domain.yml",
            config="config.yml",
            training_files=["data/nlu", "data/stories"],  # responses are read when they are said
            output=str(file.parent.absolute()) if file.is_absolute() else str((previous / file.parent).absolute()),
            fixed_model_name=file.name.removesuffix(".tar.gz"),
            # Rasa keeps trained components but does not see when our own code or files change: then all is trained.
            force_training=learned.read_text(encoding="ascii") != now_learned if learned.is_file() else True,
        )
    finally:
        os.chdir(previous)
    if result.code or result.model is None:
        raise TrainingFailed("Rasa could not train with these data.")
    learned.parent.mkdir(exist_ok=True)
    learned.write_text(now_learned, encoding="ascii")
    _forget_old(file)
    return file


def _forget_old(newest: Path) -> None:
    models = sorted(newest.parent.glob("*.tar.gz"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in models[_KEEP:]:
        file.unlink(missing_ok=True)
