"""The project's actions and two that do not go well; the tests run them in process and behind the action server."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import ActionExecutionRejection

import actions.answer
import actions.clarify
import actions.say

PROJECT_ACTIONS = (
    actions.answer.ActionAnswer,
    actions.answer.ActionFollowUp,
    actions.clarify.ActionClarify,
    actions.say.ActionSay,
)


class ActionThatRejects(Action):  # type: ignore[misc]
    """Refuses, as a form does that cannot use an answer."""

    def name(self) -> str:
        """The name."""
        return "action_that_rejects"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Reject."""
        raise ActionExecutionRejection(self.name())


class ActionThatFails(Action):  # type: ignore[misc]
    """Fails with an error that quotes what the person wrote."""

    def name(self) -> str:
        """The name."""
        return "action_that_fails"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Fail."""
        raise ValueError(f"cannot read {tracker.latest_message['text']}")
