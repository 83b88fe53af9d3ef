"""How sure the assistant is of what was asked, and what else it might have been.

Thresholds are on calibrated confidences; how they were chosen: docs/model-card.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from rasa_sdk import Tracker

from actions.knowledge import titles

SURE = 0.55
"""Below this, the answer is followed by what else may have been meant."""

POSSIBLE = 0.08
"""An alternative less likely than this is not offered."""

MAX_CHOICES = 4


@dataclass(frozen=True)
class Understanding:
    """What the classifier made of the latest message."""

    sure: bool
    alternatives: tuple[str, ...]
    also_asked: tuple[str, ...]

    @classmethod
    def of(cls, tracker: Tracker, answered: str) -> Understanding:
        """Read the latest message of a tracker; a chosen button is always sure."""
        latest = tracker.latest_message
        ranking = [(row["topic"], row["confidence"]) for row in latest.get("topic_ranking") or []]
        also = tuple(_known(label, answered) for label in latest.get("also_asked") or [])
        if not ranking:
            return cls(True, (), ())
        others = tuple(_known(label, answered) for label, confidence in ranking[1:4] if confidence >= POSSIBLE)
        return cls(ranking[0][1] >= SURE, tuple(filter(None, others)), tuple(filter(None, also)))


def _known(label: str, answered: str) -> str:
    """The topic of a label that can be offered as a choice; empty for others."""
    topic = label.removeprefix("ask/")
    return topic if topic in titles() and topic != answered else ""


def choice(topic: str) -> dict[str, str]:
    """The button that asks about a topic."""
    return {"title": titles()[topic], "payload": f'/ask{{"topic": "{topic}"}}'}
