"""Everything that is said without looking anything up: small talk, limits."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import message
from actions.clarify import clarify
from actions.handoff import after_a_miss
from actions.knowledge import knowledge
from actions.memory import MISSED, Memory
from actions.paused import remind

_SMALLTALK = {
    "greet": "utter_greet",
    "thanks": "utter_thanks",
    "goodbye": "utter_goodbye",
    "how_are_you": "utter_how_are_you",
    "yes": "utter_affirm_no_context",
    "no": "utter_deny_no_context",
    "other": "utter_greet",
}


class ActionSay(Action):
    """Says the response that belongs to the intent, in words not used the time before."""

    def name(self) -> str:
        """The name in ``domain.yml``."""
        return "action_say"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Say it; an intent without a response is asked back."""
        memory = Memory.of(tracker)
        intent = message.intent_name(tracker)
        name = (
            _SMALLTALK.get(message.retrieval_key(tracker), "utter_greet")
            if intent == "smalltalk"
            else f"utter_{intent}"
        )
        if name == "utter_feedback_complaint":
            name = "utter_complaint"
        if name not in knowledge():
            clarify(dispatcher, memory)
        else:
            language = tracker.latest_message.get("language") if intent == "other_language" else None
            message.say(dispatcher, knowledge().in_turn(name, memory.times(name), language=language), intent)
            memory.said(name)
            if name == "utter_complaint":
                memory.said(MISSED)
            if intent == "smalltalk":
                remind(dispatcher, memory, tracker, intent)
        kept = await after_a_miss(dispatcher, memory, tracker)
        return [*memory.events(tracker), *kept]
