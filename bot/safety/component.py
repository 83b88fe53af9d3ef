"""The safety screen inside Rasa: trained with the rest of the model, and at work when Rasa runs without the service.

The service screens every message itself, whoever answers, and says so in the message's metadata (``screened``). With
``rasa run`` or ``rasa shell`` this component does it.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY, INTENT_RANKING_KEY, PREDICTED_CONFIDENCE_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.encoder import EncodingCache, shared_encoder
from bot.nlu.linear import LinearTopicModel
from bot.nlu.topic_classifier import MODEL_FILE as TOPICS_FILE
from bot.safety.classifier import SafetyClassifier, SafetyExample, read_examples
from bot.safety.danger import CATEGORIES, UNSCREENED, foremost
from bot.safety.lexicon import lexicon
from bot.safety.screen import SafetyScreen, SecondOpinion, Thresholds

SCREENED = "screened"
FINDINGS = "safety"
_MODEL_FILE = "safety.npz"


class NoSafetyModel(Exception):
    """A model archive holds no safety classifier: it is of another version. Final."""


def screen_of(model: Path) -> SafetyScreen:
    """The safety screen of a trained Rasa model: its classifier, and its topic model for a second opinion.

    Raises:
        NoSafetyModel: there is none in it.
    """
    content: dict[str, bytes] = {}
    with tarfile.open(model) as archive:
        for member in archive:
            name = Path(member.name).name
            if name in (_MODEL_FILE, TOPICS_FILE) and (file := archive.extractfile(member)) is not None:
                content[name] = file.read()
    if _MODEL_FILE not in content:
        raise NoSafetyModel(f"{model} holds no safety classifier; train it again.")
    topics = LinearTopicModel.load(content[TOPICS_FILE]) if TOPICS_FILE in content else None
    classifier = SafetyClassifier.load(io.BytesIO(content[_MODEL_FILE]))
    return SafetyScreen(lexicon(), classifier, shared_encoder, Thresholds.load(), second_opinion(topics))


def second_opinion(topics: LinearTopicModel | None) -> SecondOpinion | None:
    """The topic model's probability of each danger in a text."""
    if topics is None:
        return None
    columns = {label: number for number, label in enumerate(topics.labels) if label in CATEGORIES}

    def opinion(text: str, vector: npt.NDArray[np.float32]) -> dict[str, float]:
        likely = topics.probabilities(text, vector)
        return {label: float(likely[number]) for label, number in columns.items()}

    return opinion if columns else None


def examples_from(file: Path, topics: list[tuple[str, str]]) -> list[SafetyExample]:
    """The screen's own examples, and those of the topics that it does not have yet: ``(text, intent)``."""
    own = read_examples(file)
    known = {" ".join(example.text.lower().split()) for example in own}
    for text, intent in sorted(set(topics)):
        if " ".join(text.lower().split()) not in known:
            own.append(SafetyExample((intent,) if intent in CATEGORIES else (), None, text))
    return own


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SafetyGate(GraphComponent):
    """Makes an alarming message the intent of its foremost danger, unless the service has screened it already."""

    def __init__(
        self,
        config: dict[str, Any],
        storage: ModelStorage,
        resource: Resource,
        classifier: SafetyClassifier | None = None,
    ) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._classifier = classifier
        self._screen: SafetyScreen | None = None

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``examples``: the training file. ``cache``: where vectors of training texts are kept."""
        return {"examples": "data/safety/train.tsv", "cache": ".cache/encodings.npz"}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SafetyGate:
        """Make an untrained component from ``config.yml``."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SafetyGate:
        """Read the trained component from the model archive."""
        with model_storage.read_from(resource) as folder:
            return cls(config, model_storage, resource, SafetyClassifier.load(folder / _MODEL_FILE))

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on the screen's own examples and on those of the topics."""
        topics = [
            (message.get(TEXT), message.get(INTENT))
            for message in training_data.intent_examples
            if message.get(TEXT) and message.get(INTENT)
        ]
        examples = examples_from(Path(self._config["examples"]), topics)
        cache = EncodingCache(Path(self._config["cache"]).expanduser())
        self._classifier = SafetyClassifier.train(examples, cache.encode([example.text for example in examples]))
        with self._storage.write_to(self._resource) as folder:
            self._classifier.save(folder / _MODEL_FILE)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Screen each message that nobody has screened."""
        for message in messages:
            text = message.get(TEXT)
            if text and not (message.get("metadata") or {}).get(SCREENED):
                self._look_at(message, text)
        return messages

    def _look_at(self, message: Message, text: str) -> None:
        if self._screen is None:
            self._screen = SafetyScreen(lexicon(), self._classifier, shared_encoder, Thresholds.load())
        findings = self._screen.read(text)
        rows = [{"category": finding.category, "level": finding.level.word} for finding in findings]
        message.set(FINDINGS, rows, add_to_output=True)
        first = foremost(findings)
        if first is not None and first.category != UNSCREENED:
            intent = {INTENT_NAME_KEY: first.category, PREDICTED_CONFIDENCE_KEY: first.confidence}
            message.set(INTENT, intent, add_to_output=True)
            message.set(INTENT_RANKING_KEY, [intent], add_to_output=True)
