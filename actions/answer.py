"""Answering questions: a topic, or a follow-up to the last one."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import message
from actions.clarify import clarify
from actions.knowledge import FORMS, follow_up_table, knowledge
from actions.memory import Memory
from actions.paused import remind
from actions.understanding import MAX_CHOICES, Understanding, choice

STORY_WORDS = 60
"""Words from which a message is a story that deserves a word of its own."""


def answer(
    dispatcher: CollectingDispatcher, memory: Memory, topic: str, *, form: str | None = None, type_: str | None = None
) -> None:
    """Say the answer to a topic in words that were not said the time before, and remember it."""
    said = {name: memory.times(f"{topic}:{name}") for name in FORMS}
    order = sorted(FORMS, key=lambda name: said[name])  # what was said least often; among equals in their own order
    if form is not None and (not said[form] or type_):
        order = [form, *(name for name in order if name != form)]
    for chosen in order:
        variant = knowledge().answer(topic, form=chosen, asker=memory.asker, type_=type_ or memory.type)
        wording = knowledge().variants(f"utter_ask/{topic}").index(variant)
        if wording != memory.last_wording(topic):
            break
    memory.worded(topic, wording)
    message.say(dispatcher, variant, topic)
    memory.said(f"{topic}:{chosen}")
    memory.answered(topic)
    if topic == "partner_asking":
        memory.asker = "partner"


def offer_others(dispatcher: CollectingDispatcher, memory: Memory, understood: Understanding, topic: str) -> None:
    """After an answer: offer the other questions of the same message, or what else an unclear one may have meant."""
    if understood.also_asked:
        name, others = "utter_also_asked", understood.also_asked
    elif not understood.sure and understood.alternatives:
        name, others = "utter_or_did_you_mean", understood.alternatives
    else:
        return
    buttons = [choice(other) for other in others[: MAX_CHOICES - 1]]
    buttons.append({"title": "Talk to a person", "payload": "/talk_to_human"})
    message.say(dispatcher, knowledge().in_turn(name, memory.times(name)), topic, buttons=buttons)
    memory.said(name)


def heard_a_story(dispatcher: CollectingDispatcher, memory: Memory, text: str, topic: str) -> None:
    """Before answering a long message: say that it was heard, by what it tells."""
    if len(text.split()) < STORY_WORDS or memory.times("utter_story_heard"):
        return
    variants = knowledge().variants("utter_story_heard")
    fitting = next(variant for variant in variants if re.search(str(variant.metadata["cue"]), text, re.IGNORECASE))
    message.say(dispatcher, fitting, topic, buttons=[])
    memory.said("utter_story_heard")


class ActionAnswer(Action):
    """Answers the topic that was recognised or that a button names."""

    def name(self) -> str:
        """The name in ``domain.yml``."""
        return "action_answer"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Say the answer; without a known topic ask what is meant."""
        memory = Memory.of(tracker)
        kept: list[dict[str, Any]] = []
        topic = message.named_topic(tracker) or message.retrieval_key(tracker)
        if f"utter_ask/{topic}" not in knowledge():
            kept = await clarify(dispatcher, memory, tracker)
        else:
            heard_a_story(dispatcher, memory, message.text(tracker), topic)
            memory.type = message.type_hint(message.text(tracker)) or memory.type
            answer(dispatcher, memory, topic)
            offer_others(dispatcher, memory, Understanding.of(tracker, topic), topic)
            remind(dispatcher, memory, tracker, topic)
        return [*memory.events(tracker), *kept]


class ActionFollowUp(Action):
    """Answers "tell me more", "and for secondary?", "how about my husband" with what was answered last."""

    def name(self) -> str:
        """The name in ``domain.yml``."""
        return "action_follow_up"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Say what the follow-up means after the last topic; without one ask what is meant."""
        memory = Memory.of(tracker)
        kept: list[dict[str, Any]] = []
        kind = message.retrieval_key(tracker)
        topic, form, type_ = self.resolve(kind, memory)
        if topic is None:
            kept = await clarify(dispatcher, memory, tracker)
        else:
            answer(dispatcher, memory, topic, form=form, type_=type_)
        return [*memory.events(tracker), *kept]

    @staticmethod
    def resolve(kind: str, memory: Memory) -> tuple[str | None, str | None, str | None]:
        """Topic, form and type that a follow-up of this kind asks for; no topic when there is nothing to follow."""
        row = follow_up_table().get(kind, {})
        type_ = kind if kind in ("lifelong", "acquired") else None
        if kind == "back":
            return memory.previous_topic, "repeat", None
        if memory.last_topic is None:
            return row.get("at_first"), None, type_
        target = row.get(memory.last_topic, row.get("otherwise", "same"))
        if target == "same":
            # Only full answers are written for a type.
            return memory.last_topic, "full" if type_ else "more", type_
        return target, None, type_
