"""Which language a message is in: by its script, and for Latin letters by py3langid where that is asked for.

Hinglish (Hindi in Latin letters) is understood like English, so Latin letters alone never make a message "another
language": the topic classifier, which has seen both, decides that.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY, INTENT_RANKING_KEY, PREDICTED_CONFIDENCE_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message

LANGUAGE = "language"
OTHER_LANGUAGE = "other_language"

# Scripts by the first word of a letter's Unicode name, and the language most people write in them.
_SCRIPTS = {
    "DEVANAGARI": "hi",
    "BENGALI": "bn",
    "TAMIL": "ta",
    "TELUGU": "te",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "ARABIC": "ar",
    "CYRILLIC": "ru",
    "CJK": "zh",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "THAI": "th",
    "HEBREW": "he",
    "GREEK": "el",
    "SINHALA": "si",
    "ETHIOPIC": "am",
}
# Marathi and Hindi share a script, Urdu and Arabic too; these words and letters tell them apart.
_MARATHI = frozenset(
    ["आहे", "नाही", "मला", "माझ्या", "माझे", "माझी", "काय", "होते", "होतो", "आणि", "तुम्ही", "करू", "झाले", "खूप", "कसे"]
)
_URDU = frozenset("ٹڈڑںےگچپکہھ")
_LATIN = ("en", "es", "fr", "tr", "de", "pt", "id", "it", "nl", "pl")

MOSTLY = 0.5
"""Share of letters in another script from which a message counts as written in it."""


ALARMING = 0.3
"""Confidence from which a safety topic stands although the message is in another language."""


def script_language(text: str) -> str | None:
    """The language of a text that is mostly in another script than Latin; nothing otherwise."""
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return None
    scripts = Counter(unicodedata.name(letter, "").split(" ")[0] for letter in letters)
    script, count = scripts.most_common(1)[0]
    if script not in _SCRIPTS or count / len(letters) < MOSTLY:
        return None
    language = _SCRIPTS[script]
    if language == "hi" and _MARATHI & set(text.replace("।", " ").replace("?", " ").split()):
        return "mr"
    if language == "ar" and _URDU & set(letters):
        return "ur"
    return language


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_pickled_model(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(_LATIN))
    return identifier


def latin_language(text: str) -> str:
    """The most likely language of a text in Latin letters that is known not to be English or Hinglish."""
    language: str = _identifier().classify(text)[0]
    return language


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class LanguageDetector(GraphComponent):
    """Sets ``language``; a message in another script becomes ``other_language`` whatever the classifier thought."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """There is nothing to set."""
        return {}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LanguageDetector:
        """Make the component from ``config.yml``."""
        return cls()

    @staticmethod
    def _alarming(intent: dict[str, Any]) -> bool:
        """Danger is answered before anything is said about languages."""
        name, confidence = str(intent.get(INTENT_NAME_KEY) or ""), intent.get(PREDICTED_CONFIDENCE_KEY) or 0.0
        return name.startswith("safety_") and confidence >= ALARMING

    def process(self, messages: list[Message]) -> list[Message]:
        """Look at each message."""
        for message in messages:
            text = message.get(TEXT)
            if not text:
                continue
            language = script_language(text)
            intent = message.get(INTENT) or {}
            if language is not None and not self._alarming(intent):
                sure = {INTENT_NAME_KEY: OTHER_LANGUAGE, PREDICTED_CONFIDENCE_KEY: 1.0}
                message.set(INTENT, sure, add_to_output=True)
                message.set(INTENT_RANKING_KEY, [sure], add_to_output=True)
            elif intent.get(INTENT_NAME_KEY) == OTHER_LANGUAGE:
                language = latin_language(text)
            message.set(LANGUAGE, language or "en", add_to_output=True)
        return messages
