"""Handoff: who answers a conversation, who of the staff, and what may become of it; known to every layer.

States and their changes::

    assistant ──asked, danger, not understood, call back──▶ waiting ──claimed──▶ person
        ▲  └──────────────── staff step in ────────────────────────────────────▶ │
        ├──────────────────────── handed back ◀──────────────────────────────────┤
        │                          waiting ◀── released, silent, offline ────────┤
        └──── the visitor writes again ◀── closed ◀────────── closed ────────────┘

Errors::

    HandoffError
    ├── AlreadyHeld      another of the staff has it; ``holder`` says who. Final.
    ├── NotHolder        only the holder may do that; ``holder`` says who has it, if anybody. Final.
    ├── NotOnDesk        staff may not see this conversation, or it was erased. Final.
    └── NotPossible      the state does not allow it; the message says why. Final.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

VISITOR = "visitor"
ASSISTANT = "assistant"
SYSTEM = "system"
"""Who changes a state, besides staff."""


class Why(StrEnum):
    """Why a conversation goes to people, and why it changes hands later."""

    ASKED = "asked"
    SAFETY = "safety"
    NOT_UNDERSTOOD = "not_understood"
    CALL_BACK = "call_back"
    REFERRAL = "referral"
    STEPPED_IN = "stepped_in"
    CLAIMED = "claimed"
    TRANSFERRED = "transferred"
    RELEASED = "released"
    SILENT = "silent"
    OFFLINE = "offline"
    ACCOUNT_ENDED = "account_ended"
    HANDED_BACK = "handed_back"
    WROTE_AGAIN = "wrote_again"
    CLOSED = "closed"


REASONS = (Why.ASKED, Why.SAFETY, Why.NOT_UNDERSTOOD, Why.CALL_BACK, Why.STEPPED_IN)
"""Why a handoff begins."""

CLOSE_REASONS = {
    "answered": "Answered",
    "referred": "Referred to somebody",
    "visitor_left": "The visitor left",
    "emergency": "Handed to emergency help",
    "unsuitable": "Nothing we can help with",
    "abuse": "Abuse",
}
"""Why staff close a conversation, by id, as the desk shows it."""


class HandoffError(Exception):
    """A conversation is not as the member of staff thinks."""


class AlreadyHeld(HandoffError):
    """Another of the staff has the conversation."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"{holder} has this conversation.")
        self.holder = holder


class NotHolder(HandoffError):
    """Only who holds the conversation may do that."""

    def __init__(self, holder: str | None) -> None:
        super().__init__(f"{holder} has this conversation now." if holder else "You do not have this conversation.")
        self.holder = holder


class NotOnDesk(HandoffError):
    """Staff may not see this conversation."""


class NotPossible(HandoffError):
    """The state of the conversation does not allow it."""


FEEDBACK = "/feedback"
"""The payload of the buttons below the question whether a talk with a person helped."""

FEEDBACK_SCORES = {"1": "It did not help", "2": "It helped a little", "3": "It helped"}
"""Answers to it, by score, as the buttons say them."""


def feedback_payload(score: str) -> str:
    """What the button of a score sends."""
    return f'{FEEDBACK}{{"score": "{score}"}}'


def is_feedback(payload: str | None) -> bool:
    """Whether a payload is an answer to whether a talk helped: it is no new message to anybody."""
    return payload is not None and payload.startswith(FEEDBACK)


@dataclass(frozen=True)
class Colleague:
    """One of the staff, as conversations know them. ``email`` is known of who is acting, for the audit log."""

    id: str
    name: str
    email: str = field(default="", compare=False)


@dataclass(frozen=True)
class Card:
    """What staff see of a conversation in a list. ``level`` is the highest safety level (0 to 3).

    ``unread`` counts the visitor's messages behind what staff have seen. ``alarms`` are the categories of the open
    ones. ``night`` is for the desk to work out: the hours are not stored.
    """

    id: str
    revision: int
    state: str
    channel: str
    language: str | None
    topic: str | None
    reason: str
    level: int
    alarms: tuple[str, ...]
    holder: Colleague | None
    held_since: datetime | None
    last_holder: Colleague | None
    waiting_since: datetime | None
    unanswered_since: datetime | None
    left_at: datetime | None
    visitor_read: int
    staff_read: int
    unread: int
    close_reason: str | None
    created_at: datetime
    last_message_at: datetime


@dataclass(frozen=True)
class StateChange:
    """One entry of a conversation's history of who answers."""

    state: str
    who: str
    why: str
    changed_at: datetime
