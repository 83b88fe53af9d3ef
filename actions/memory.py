"""What the assistant remembers of a conversation, read from and written to Rasa's slots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet

MISSED = "missed"
"""Counted under this name: messages in a row that were not understood, or complained about."""


@dataclass
class Memory:
    """The slots of ``domain.yml`` in one place; :meth:`events` says what changed."""

    last_topic: str | None = None
    previous_topic: str | None = None
    asker: str | None = None
    type: str | None = None
    heard: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, tracker: Tracker) -> Memory:
        """Read the slots of a tracker."""
        return cls(
            last_topic=tracker.get_slot("last_topic"),
            previous_topic=tracker.get_slot("previous_topic"),
            asker=tracker.get_slot("asker"),
            type=tracker.get_slot("type"),
            heard=dict(tracker.get_slot("heard") or {}),
        )

    def times(self, name: str) -> int:
        """How often something was said in this conversation."""
        return self.heard.get(name, 0)

    def said(self, name: str) -> None:
        """Remember that something was said."""
        self.heard[name] = self.times(name) + 1

    def last_wording(self, topic: str) -> int | None:
        """Which variant of an answer was said last, by its place in the file."""
        return self.heard.get(f"{topic}:last")

    def worded(self, topic: str, wording: int) -> None:
        """Remember which variant of an answer is being said."""
        self.heard[f"{topic}:last"] = wording

    def answered(self, topic: str) -> None:
        """Remember an answered topic as the one that "tell me more" is about."""
        self.said(topic)
        if self.times(MISSED):
            self.heard[MISSED] = 0
        if topic != self.last_topic:
            self.previous_topic, self.last_topic = self.last_topic, topic

    def events(self, tracker: Tracker) -> list[dict[str, Any]]:
        """Slot events for what differs from the tracker."""
        before = Memory.of(tracker)
        changed: list[dict[str, Any]] = [
            SlotSet(name, value) for name, value in vars(self).items() if value != getattr(before, name)
        ]
        if tracker.get_slot("topic") is not None:
            changed.append(SlotSet("topic", None))
        return changed
