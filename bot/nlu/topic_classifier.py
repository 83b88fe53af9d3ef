"""The Rasa component that recognises what a message is about: intents and retrieval intents in one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import (
    FULL_RETRIEVAL_INTENT_NAME_KEY,
    INTENT,
    INTENT_NAME_KEY,
    INTENT_RANKING_KEY,
    INTENT_RESPONSE_KEY,
    PREDICTED_CONFIDENCE_KEY,
    RESPONSE_SELECTOR,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.encoder import EncodingCache, shared_encoder
from bot.nlu.linear import LinearTopicModel
from bot.nlu.questions import questions, without_correction

TOPIC_RANKING = "topic_ranking"
ALSO_ASKED = "also_asked"
MODEL_FILE = "topics.npz"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TopicClassifier(IntentClassifier, GraphComponent):
    """Sets ``intent``, ``intent_ranking`` and the retrieval key that Rasa's response selector would set.

    Labels are full names, ``ask/physio`` for a retrieval intent, ``talk_to_human`` for a plain one. The confidence of a
    retrieval intent is that of its best key: what matters is whether the answer is right, not the family.
    ``topic_ranking`` holds the best labels with their confidences, for offering alternatives; ``also_asked`` the topics
    of further questions in the same message.
    """

    def __init__(
        self, config: dict[str, Any], storage: ModelStorage, resource: Resource, model: LinearTopicModel | None = None
    ) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._model = model

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``ranking_length``: how many labels to report. ``also_asked_threshold``: how sure a second question must be.

        ``danger_threshold``: how sure a danger must be to be taken for one.
        ``cache``: where vectors of training texts are kept.
        """
        return {
            "ranking_length": 8,
            "also_asked_threshold": 0.6,
            "danger_threshold": 0.5,
            "cache": ".cache/encodings.npz",
        }

    @staticmethod
    def required_packages() -> list[str]:
        """What must be installed for this component."""
        return ["onnxruntime", "tokenizers", "sklearn"]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> TopicClassifier:
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
    ) -> TopicClassifier:
        """Read the trained component from the model archive."""
        with model_storage.read_from(resource) as folder:
            model = LinearTopicModel.load((folder / MODEL_FILE).read_bytes())
        return cls(config, model_storage, resource, model)

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on every example that has a text and an intent."""
        examples = [
            (message.get(TEXT), message.get_full_intent())
            for message in training_data.intent_examples
            if message.get(TEXT) and message.get(INTENT)
        ]
        # Rasa reads files in the order the file system gives them; sorted, the same data give the same model.
        examples = sorted(set(examples))
        texts = [text for text, _ in examples]
        cache = Path(self._config["cache"]).expanduser()
        self._model = LinearTopicModel.train(
            texts, [label for _, label in examples], EncodingCache(cache).encode(texts)
        )
        with self._storage.write_to(self._resource) as folder:
            self._model.save(folder / MODEL_FILE)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Recognise the topic of each message that is not already a button's payload."""
        for message in messages:
            text = message.get(TEXT)
            if self._model is None or text is None or self._is_payload(message):
                continue
            self._classify(message, text)
        return messages

    @staticmethod
    def _is_payload(message: Message) -> bool:
        """Rasa's RegexMessageHandler has set the intent of ``/intent{...}`` already."""
        intent = message.get(INTENT)
        return bool(intent and intent.get(INTENT_NAME_KEY)) and str(message.get(TEXT)).startswith("/")

    def _rank(self, text: str) -> list[tuple[str, float]]:
        """The best labels for a text with their confidences."""
        assert self._model is not None
        probabilities = self._model.probabilities(text, shared_encoder().encode_one(text))
        order = probabilities.argsort()[::-1][: self._config["ranking_length"]]
        return [(self._model.labels[i], float(probabilities[i])) for i in order]

    def _classify(self, message: Message, text: str) -> None:
        ranking = self._without_doubtful_danger(self._rank(without_correction(text)))
        families: dict[str, float] = {}
        for label, confidence in ranking:
            families.setdefault(label.split("/")[0], confidence)
        intents = [{INTENT_NAME_KEY: name, PREDICTED_CONFIDENCE_KEY: value} for name, value in families.items()]
        message.set(INTENT, intents[0], add_to_output=True)
        message.set(INTENT_RANKING_KEY, intents, add_to_output=True)
        message.set(
            TOPIC_RANKING, [{"topic": label, "confidence": value} for label, value in ranking], add_to_output=True
        )
        message.set(RESPONSE_SELECTOR, self._selector(ranking), add_to_output=True)
        message.set(ALSO_ASKED, self._also_asked(text, ranking[0][0]), add_to_output=True)

    def _without_doubtful_danger(self, ranking: list[tuple[str, float]]) -> list[tuple[str, float]]:
        """The ranking with dangers behind the rest unless the first is likely: finding them is for the screen."""
        if ranking[0][1] >= self._config["danger_threshold"]:
            return ranking
        return sorted(ranking, key=lambda row: row[0].startswith("safety_"))

    def _also_asked(self, text: str, answered: str) -> list[str]:
        """Other questions of the same message that are clear by themselves, at most two."""
        found = []
        for part in questions(text):
            label, confidence = self._rank(part)[0]
            if confidence >= self._config["also_asked_threshold"] and label.startswith("ask/") and label != answered:
                found.append(label)
        return list(dict.fromkeys(found))[:2]

    @staticmethod
    def _selector(ranking: list[tuple[str, float]]) -> dict[str, Any]:
        """The output Rasa's ResponseSelector would give, for each retrieval intent in the ranking."""
        keys: dict[str, list[dict[str, Any]]] = {}
        for label, confidence in ranking:
            family, _, key = label.partition("/")
            if key:
                keys.setdefault(family, []).append({INTENT_RESPONSE_KEY: label, PREDICTED_CONFIDENCE_KEY: confidence})
        selector: dict[str, Any] = {"all_retrieval_intents": sorted(keys)}
        for family, ranked in keys.items():
            best = {**ranked[0], "responses": [], "utter_action": f"utter_{ranked[0][INTENT_RESPONSE_KEY]}"}
            selector[family] = {"response": best, "ranking": ranked}
        return selector


__all__ = ["FULL_RETRIEVAL_INTENT_NAME_KEY", "TOPIC_RANKING", "TopicClassifier"]
