"""Answering questions: a topic, or a follow-up to the last one."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import message
from actions.clarify import clarify
from actions.knowledge import FORMS, follow_up_table, knowledge
from actions.memory import Memory


def answer(
    dispatcher: CollectingDispatcher, memory: Memory, topic: str, *, form: str | None = None, type_: str | None = None
) -> None:
    """Say the answer to a topic in a form that was not said the time before, and remember it."""
    turn = FORMS[memory.times(topic) % len(FORMS)]
    if form == "more" and memory.times(f"{topic}:more"):
        form = turn if turn != "more" else "full"
    chosen = form or turn
    variant = knowledge().answer(topic, form=chosen, asker=memory.asker, type_=type_ or memory.type)
    message.say(dispatcher, variant, topic)
    if variant.form == "more":
        memory.said(f"{topic}:more")
    memory.answered(topic)
    if topic == "partner_asking":
        memory.asker = "partner"


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
        topic = message.named_topic(tracker) or message.retrieval_key(tracker)
        if f"utter_ask/{topic}" not in knowledge():
            clarify(dispatcher, memory)
        else:
            answer(dispatcher, memory, topic, type_=message.type_hint(message.text(tracker)))
        return memory.events(tracker)


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
        kind = message.retrieval_key(tracker)
        topic, form, type_ = self.resolve(kind, memory)
        if topic is None:
            clarify(dispatcher, memory)
        else:
            answer(dispatcher, memory, topic, form=form, type_=type_)
        return memory.events(tracker)

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
            return memory.last_topic, None if type_ else "more", type_
        return target, None, type_
