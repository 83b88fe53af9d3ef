"""Asking back when a message cannot be understood: one kind question with choices, never the same twice in a row."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import message
from actions.handoff import instead_of_asking_again
from actions.knowledge import knowledge
from actions.memory import Memory

TOPIC = "clarify"


async def clarify(dispatcher: CollectingDispatcher, memory: Memory, tracker: Tracker) -> list[dict[str, Any]]:
    """Ask what is meant; the second time in a row ask for a person instead. Returns what is to be kept."""
    kept = await instead_of_asking_again(dispatcher, memory, tracker)
    if not kept:
        times = memory.times(TOPIC)
        name = "utter_clarify" if times == 0 else "utter_clarify_again"
        message.say(dispatcher, knowledge().in_turn(name, max(times - 1, 0)), TOPIC)
        memory.said(TOPIC)
    return kept


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
        kept = await clarify(dispatcher, memory, tracker)
        return [*memory.events(tracker), *kept]
