"""Everything that is said without looking anything up: small talk, limits."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import message
from actions.clarify import clarify
from actions.handoff import instead_of_asking_again
from actions.knowledge import knowledge
from actions.memory import Memory
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
        kept: list[dict[str, Any]] = []
        if name not in knowledge():
            kept = await clarify(dispatcher, memory, tracker)
        elif name == "utter_complaint":
            kept = await instead_of_asking_again(dispatcher, memory, tracker)
        if name in knowledge() and not kept:
            language = tracker.latest_message.get("language") if intent == "other_language" else None
            message.say(dispatcher, knowledge().in_turn(name, memory.times(name), language=language), intent)
            memory.said(name)
            if intent == "smalltalk":
                remind(dispatcher, memory, tracker, intent)
        return [*memory.events(tracker), *kept]
