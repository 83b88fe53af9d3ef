"""The stand-in for TensorFlow lets Rasa be imported, and says clearly what is wrong if something wants to compute."""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.assistant.training import PROJECT

tf: Any = importlib.import_module("tensorflow")
keras: Any = importlib.import_module("keras")
keras_layers: Any = importlib.import_module("tensorflow.keras.layers")

DIET = """
recipe: default.v1
assistant_id: with-diet
language: en
pipeline:
- name: bot.nlu.spacy_tokens.SpacyTokens
- name: CountVectorsFeaturizer
- name: DIETClassifier
  epochs: 1
policies:
- name: RulePolicy
"""

DATA = """
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
    - hi there
- intent: leave
  examples: |
    - goodbye
    - see you
rules:
- rule: greet
  steps:
  - intent: greet
  - action: utter_greet
"""

DOMAIN = """
version: "3.1"
intents: [greet, leave]
responses:
  utter_greet:
  - text: Hello.
"""


def test_the_installed_tensorflow_is_the_stand_in() -> None:
    assert importlib.metadata.version("tensorflow").endswith("+standin")


@pytest.mark.parametrize(
    ("compute", "name"),
    [
        (lambda: tf.constant([1, 2]), "constant"),
        (lambda: tf.Variable(1.0), "Variable"),
        (lambda: tf.random.set_seed(1), "set_seed"),
        (lambda: tf.keras.Model(), "keras.Model"),
        (lambda: keras_layers.Dense(8), "keras.layers.Dense"),
        (lambda: keras.Sequential(), "Sequential"),
    ],
)
def test_computing_says_what_was_called_and_what_to_do(compute: object, name: str) -> None:
    assert callable(compute)
    with pytest.raises(tf.TensorFlowIsNotInstalled) as error:
        compute()
    said = str(error.value)
    assert f"{name} was called" in said
    assert "Rasa without TensorFlow" in said
    assert "Take DIETClassifier, TEDPolicy, ResponseSelector" in said
    assert "out of config.yml" in said


def test_subclassing_annotating_and_decorating_compute_nothing() -> None:
    class Layer(tf.keras.layers.Layer):  # type: ignore[misc]
        """As Rasa's own layers are written."""

        units: tf.Tensor

    def one_more(value: int) -> int:
        return value + 1

    assert tf.function(one_more) is one_more
    assert tf.function(reduce_retracing=True)(one_more) is one_more
    with pytest.raises(tf.TensorFlowIsNotInstalled):
        Layer()


def test_diet_in_the_pipeline_gives_the_clear_error(tmp_path: Path) -> None:
    for name, content in {"config.yml": DIET, "data/data.yml": DATA, "domain.yml": DOMAIN}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    result = subprocess.run(
        [str(Path(sys.executable).with_name("rasa")), "train", "--out", "models"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert result.returncode != 0
    assert "TensorFlowIsNotInstalled" in result.stderr
    assert "was called, but this project runs Rasa without TensorFlow. Take DIETClassifier" in result.stderr
    assert not list(tmp_path.glob("models/*.tar.gz"))
