"""A question or another wish in the middle of a form: answered, and then the form goes on."""

from __future__ import annotations

from actions.answer import answer
from actions.exchange import Exchange
from actions.knowledge import knowledge

_SURE = 0.4
"""Confidence from which a question in the middle of a form is answered; it reads like one, so a low one is enough."""

_VERY_SURE = 0.6
"""Confidence from which something that does not read like a question is taken for more than an answer."""

_SPOKEN = frozenset(
    (
        "oos_general",
        "oos_other_medical",
        "oos_dosage_request",
        "oos_sexual_harassment",
        "oos_prompt_injection",
        "oos_insult",
        "other_language",
    )
)
_FEELINGS = frozenset(
    ("feeling_broken_shame", "frustrated_hopeless", "doctor_dismissed", "relationship_strain", "family_pressure")
)
"""Topics that people tell rather than ask about; someone who is ashamed gets a word before the next question."""

_SMALLTALK = {"greet": "utter_greet_in_form", "thanks": "utter_thanks", "how_are_you": "utter_how_are_you"}


def digress(exchange: Exchange, *, heard_something: bool) -> bool:
    """Answer a message that is no answer to the form's question; false if it is one.

    Args:
        heard_something: whether the message answers some question of the form.
    """
    intent, confidence = exchange.intent, exchange.confidence
    if not exchange.text:
        return False
    if intent == "ask" and f"utter_ask/{exchange.key}" in knowledge():
        told = exchange.key in _FEELINGS and confidence >= _VERY_SURE and not heard_something
        if not told and (not exchange.is_question or confidence < _SURE):
            return False
        answer(exchange.dispatcher, exchange.memory, exchange.key)
        return True
    if heard_something:
        return False
    if intent in _SPOKEN and confidence >= _VERY_SURE:
        _say_as(exchange, intent, f"utter_{intent}")
        return True
    if intent == "feedback_complaint" and confidence >= _VERY_SURE:
        _say_as(exchange, intent, "utter_complaint")
        return True
    if intent == "smalltalk" and exchange.key in _SMALLTALK and confidence >= _VERY_SURE:
        _say_as(exchange, exchange.topic, _SMALLTALK[exchange.key])
        return True
    return False


def to_a_person(exchange: Exchange) -> None:
    """Somebody asks for a person in the middle of a form."""
    _say_as(exchange, "talk_to_human", "utter_talk_to_human")


def _say_as(exchange: Exchange, topic: str, name: str) -> None:
    """Say something that is about another topic than the form; its choices would lead away, so there are none."""
    own, exchange.topic = exchange.topic, topic
    exchange.say(name, buttons=[])
    exchange.topic = own
