"""What a message and a conversation are, and the errors about them; known to every layer.

Errors::

    ConversationError
    ├── ConversationNotFound    unknown, erased, or a token that does not belong to it. Final.
    ├── DifferentMessage        the id was used before for another text. Final.
    └── TurnNotFinished         stored, but the replies are not there yet. Retryable with the same id.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

MAX_TEXT = 5000
"""Characters of one message, at most."""


class ConversationError(Exception):
    """Something about a conversation is not as the caller thinks."""


class ConversationNotFound(ConversationError):
    """There is no such conversation for this caller."""


class DifferentMessage(ConversationError):
    """The message id was used before, for something else."""


class TurnNotFinished(ConversationError):
    """The message is stored; its replies will come. Ask again."""


class State(StrEnum):
    """Who answers a conversation."""

    ASSISTANT = "assistant"
    WAITING = "waiting"
    PERSON = "person"
    CLOSED = "closed"


class Sender(StrEnum):
    """Who wrote a message."""

    USER = "user"
    ASSISTANT = "assistant"
    PERSON = "person"
    SYSTEM = "system"


@dataclass(frozen=True)
class Button:
    """A choice: what it says and what is sent when it is chosen."""

    title: str
    payload: str


@dataclass(frozen=True)
class Inbound:
    """A message as a channel hands it in.

    ``id`` is unique within the conversation. ``external_id`` is the channel's own id, by which a repeated delivery is
    recognised. Exactly one of ``text`` and ``payload`` is given.
    """

    id: str
    external_id: str
    text: str | None = None
    payload: str | None = None


@dataclass(frozen=True)
class Reply:
    """What the assistant says: one bubble."""

    text: str
    topic: str
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True)
class Message:
    """A stored message."""

    conversation_id: str
    position: int
    id: str
    sender: Sender
    text: str
    sent_at: datetime
    payload: str | None = None
    buttons: tuple[Button, ...] = ()
    topic: str | None = None
    in_reply_to: int | None = None
    answered_at: datetime | None = None
    delivered_at: datetime | None = None
    attempts: int = 0
    author: str | None = None
    """Who of the staff wrote it (an id); visitors do not see it."""

    def as_json(self) -> dict[str, Any]:
        """The message of the web chat contract."""
        return {
            "id": self.id,
            "sender": self.sender.value,
            "text": self.text,
            "buttons": [{"title": button.title, "payload": button.payload} for button in self.buttons],
            "topic": self.topic,
            "sent_at": self.sent_at.isoformat().replace("+00:00", "Z"),
        }


class Keeps(StrEnum):
    """What an effect keeps or changes."""

    HISTORY_SAVED = "history_saved"
    HISTORY_SHARED = "history_shared"
    HISTORY_DELETED = "history_deleted"
    REFERRAL_OPENED = "referral_opened"
    REFERRAL_WITHDRAWN = "referral_withdrawn"
    PERSON_WANTED = "person_wanted"
    MISUNDERSTOOD = "misunderstood"
    FEEDBACK = "feedback"


@dataclass(frozen=True)
class Effect:
    """Something that an action wants kept: stored in the transaction of its turn, or not at all."""

    keeps: Keeps
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """What the assistant makes of one message: replies, its own state afterwards, and what is to be kept."""

    replies: tuple[Reply, ...]
    tracker: str | None = None
    understood: dict[str, Any] = field(default_factory=dict)
    language: str | None = None
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True)
class Flag:
    """A danger to be put to staff: its category, how urgent (1 to 3), who raised it and what was done at once."""

    category: str
    level: int
    source: str
    action: str


@dataclass(frozen=True)
class Standing:
    """Where a conversation stands before a turn: who answers, and the states kept for the assistant and for safety."""

    state: State
    channel: str
    tracker: str | None
    watch: str | None


@dataclass(frozen=True)
class Outcome:
    """All that one turn changes, stored in one transaction. ``None`` leaves a state as it is."""

    replies: tuple[Reply, ...]
    tracker: str | None = None
    watch: str | None = None
    flags: tuple[Flag, ...] = ()
    effects: tuple[Effect, ...] = ()
    language: str | None = None


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)
