"""Asking back when a message cannot be understood: one kind question with choices, never the same twice in a row."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import message
from actions.handoff import after_a_miss
from actions.knowledge import knowledge
from actions.memory import MISSED, Memory

TOPIC = "clarify"


def clarify(dispatcher: CollectingDispatcher, memory: Memory) -> None:
    """Ask what is meant; from the second time on also offer a person."""
    times = memory.times(TOPIC)
    name = "utter_clarify" if times == 0 else "utter_clarify_again"
    message.say(dispatcher, knowledge().in_turn(name, max(times - 1, 0)), TOPIC)
    memory.said(TOPIC)
    memory.said(MISSED)


class ActionClarify(Action):
    """Asks what the person means."""

    def name(self) -> str:
        """The name in ``domain.yml``."""
        return "action_clarify"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Ask one question with choices."""
        memory = Memory.of(tracker)
        clarify(dispatcher, memory)
        kept = await after_a_miss(dispatcher, memory, tracker)
        return [*memory.events(tracker), *kept]
