"""A question or another wish in the middle of a form: answered, and then the form goes on."""

from __future__ import annotations

import re

from actions import message
from actions.answer import answer
from actions.exchange import Exchange
from actions.handoff import hand_over, missed_again
from actions.knowledge import knowledge
from bot.handoff import Why

_SURE = 0.4
"""Confidence from which a question in the middle of a form is answered; it reads like one, so a low one is enough."""

_VERY_SURE = 0.6
"""Confidence from which something that does not read like a question is taken for more than an answer."""

_PERSON = re.compile(
    r"\b(human\w*|person|people|someone|somebody|agent|staff|operator|coach|doctor|counsell?or|insaan|kisi se|"
    r"real one)\b"
)

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


def wants_a_person(exchange: Exchange) -> bool:
    """Whether somebody asks for a person, in words or by a button."""
    if exchange.intent != "talk_to_human":
        return False
    # "By phone" and "mail me" are answers of a form, whatever they look like to the topics.
    return not exchange.text or (exchange.confidence >= _VERY_SURE and _PERSON.search(exchange.plain) is not None)


async def pressed_elsewhere(exchange: Exchange) -> bool | None:
    """A button that is none of the form's: true when the form is over, false when it goes on; nothing otherwise."""
    if exchange.text or exchange.choice is not None:
        return None
    if exchange.intent == "talk_to_human":
        await to_a_person(exchange)
        return True
    topic = message.named_topic(exchange.tracker)
    if exchange.intent == "ask" and f"utter_ask/{topic}" in knowledge():
        answer(exchange.dispatcher, exchange.memory, str(topic))
    return False


async def to_a_person(exchange: Exchange) -> None:
    """Somebody asks for a person in the middle of a form."""
    exchange.kept.append(await hand_over(exchange.dispatcher, exchange.memory, exchange.tracker, Why.ASKED))
    exchange.said = True


async def complains_again(exchange: Exchange) -> bool:
    """Count a complaint in the middle of a form; the second miss in a row goes to a person, and the form is over."""
    if not exchange.text or exchange.intent != "feedback_complaint" or exchange.confidence < _VERY_SURE:
        return False
    if not await missed_again(exchange.memory, exchange.tracker):
        return False
    why = Why.NOT_UNDERSTOOD
    exchange.kept.append(await hand_over(exchange.dispatcher, exchange.memory, exchange.tracker, why))
    exchange.said = True
    return True


def _say_as(exchange: Exchange, topic: str, name: str) -> None:
    """Say something that is about another topic than the form; its choices would lead away, so there are none."""
    own, exchange.topic = exchange.topic, topic
    exchange.say(name, buttons=[])
    exchange.topic = own
