"""Running a custom action as rasa_sdk runs it, one message after the other, with the slots kept in between."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.answer import ActionAnswer, ActionFollowUp
from actions.clarify import ActionClarify
from actions.say import ActionSay


class Talk:
    """A conversation with the actions only: what was understood goes in, what is said comes out."""

    def __init__(self, **slots: Any) -> None:
        self.slots: dict[str, Any] = slots

    async def understood(self, intent: str, *, text: str = "", button: str | None = None) -> list[dict[str, Any]]:
        """The messages said when this intent (``ask/physio``, ``talk_to_human``) was recognised.

        Args:
            text: what the person wrote.
            button: the topic in the payload of a button, where one was chosen.
        """
        entities = [] if button is None else [{"entity": "topic", "value": button}]
        if button is not None:
            self.slots["topic"] = button  # Rasa fills the slot from the entity
        latest = {
            "intent": {"name": intent.split("/")[0], "full_retrieval_intent_name": intent if "/" in intent else None},
            "entities": entities,
            "text": text,
        }
        dispatcher = CollectingDispatcher()
        tracker = Tracker("someone", dict(self.slots), latest, [], False, None, {}, "action_listen")
        for event in await self._action(intent.split("/")[0]).run(dispatcher, tracker, {}):
            assert event["event"] == "slot"
            self.slots[event["name"]] = event["value"]
        messages: list[dict[str, Any]] = dispatcher.messages
        return messages

    @staticmethod
    def _action(intent: str) -> Action:
        """The action that the rules of ``data/stories`` have for an intent."""
        match intent:
            case "ask":
                return ActionAnswer()
            case "follow_up":
                return ActionFollowUp()
            case "clarify":
                return ActionClarify()
        return ActionSay()


def spoken(messages: list[dict[str, Any]]) -> str:
    """Everything said in a turn as one text."""
    return "\n\n".join(message["text"] for message in messages)


def topic(messages: list[dict[str, Any]]) -> str:
    """What the messages of a turn are about; they must agree."""
    (about,) = {message["topic"] for message in messages}
    return str(about)
