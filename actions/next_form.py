"""Going over from one form to another, when the person asked for it in the middle of the first."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher


class ActionNextForm(Action):
    """Begins the form in the slot ``next_form``, if there is one."""

    def name(self) -> str:
        """The name in ``domain.yml``."""
        return "action_next_form"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Empty the slot and go over."""
        form = tracker.get_slot("next_form")
        return [SlotSet("next_form", None), FollowupAction(form)] if form else []
