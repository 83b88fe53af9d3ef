"""A form that was put aside, by an alarm or for another wish, is not forgotten: a word about it, once."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import message
from actions.knowledge import knowledge
from actions.memory import Memory

PAUSE_TOLD = "utter_form_paused"
"""Remembered as said once the person knows that she can go on."""

_AGAIN = {
    "onset_history_form": {"title": "Go on with my story", "payload": "/onset_history"},
    "referral_form": {
        "title": "Go on with the search",
        "payload": '/answer_referral{"question": "again", "answer": "again"}',
    },
}


def remind(dispatcher: CollectingDispatcher, memory: Memory, tracker: Tracker, topic: str) -> None:
    """Say below an answer that the form can be taken up again."""
    form = tracker.get_slot("paused_form")
    if form not in _AGAIN or memory.times(PAUSE_TOLD):
        return
    variant = knowledge().in_turn("utter_form_paused", 0)
    message.say(dispatcher, variant, topic, buttons=[dict(_AGAIN[form])])
    memory.said(PAUSE_TOLD)
