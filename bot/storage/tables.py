"""The tables. What people write is in ``LargeBinary`` columns, always sealed; the rest carries no content.

``conversations`` one row each, with the state that decides who answers and the counter that orders its messages
``messages``      every message in and out, in the order of ``position`` within the conversation
``trackers``      the assistant's own state of a conversation (Rasa's tracker), bounded in size
``safety_states`` what the safety policy remembers of a conversation
``safety_flags``  the audit trail of alarms: category, level and what was done, without a word of any message; it
                  outlives an erased conversation, whose id is then gone from it
``onset_histories`` how it began, as the person confirmed it: one row a version
``practitioners`` coaches and physiotherapists; how to contact them is sealed
``referrals``     wishes for a coach or a physiotherapist, with ``referral_changes``, the history of their states
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMING)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC. SQLite forgets time zones; this puts UTC back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Refuse moments without a time zone, store the others in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Read as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


conversations = Table(
    "conversations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("token_hash", LargeBinary(32), nullable=True),  # web chat: SHA-256 of the bearer token
    Column("state", String(16), nullable=False, default="assistant"),
    Column("language", String(16), nullable=True),  # of the latest message that showed one
    Column("topic", String(64), nullable=True),  # of the latest answer that was about one
    Column("on_desk", Boolean, nullable=False, server_default=text("false")),  # whether staff may see it: it has a card
    Column("last_position", Integer, nullable=False, default=0),
    Column("created_at", Moment, nullable=False),
    Column("last_message_at", Moment, nullable=False, index=True),
    CheckConstraint("state IN ('assistant', 'waiting', 'person', 'closed')", name="state"),
)

messages = Table(
    "messages",
    metadata,
    Column("conversation_id", String(36), ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("id", String(36), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("external_id", String(200), nullable=True),  # inbound: the channel's own id, for recognising repeats
    Column("sender", String(16), nullable=False),
    Column("in_reply_to", Integer, nullable=True),  # position of the message this answers
    Column("content", LargeBinary, nullable=False),  # sealed JSON: text, payload, buttons
    Column("topic", String(64), nullable=True),
    Column("sent_at", Moment, nullable=False),
    Column("answered_at", Moment, nullable=True),  # inbound: when its replies were stored
    Column("attempts", Integer, nullable=False, default=0),  # inbound: turns begun for it, to stop a poisonous message
    Column("delivered_at", Moment, nullable=True),  # outbound: when the channel delivered it
    PrimaryKeyConstraint("conversation_id", "position"),
    UniqueConstraint("conversation_id", "id"),
    UniqueConstraint("channel", "external_id"),
    CheckConstraint("sender IN ('user', 'assistant', 'person', 'system')", name="sender"),
)

# What still has to be done after a crash; both stay nearly empty.
Index(
    "ix_messages_unanswered",
    messages.c.conversation_id,
    messages.c.position,
    postgresql_where=(messages.c.sender == "user") & messages.c.answered_at.is_(None),
    sqlite_where=(messages.c.sender == "user") & messages.c.answered_at.is_(None),
)
Index(
    "ix_messages_undelivered",
    messages.c.conversation_id,
    messages.c.position,
    postgresql_where=(messages.c.sender != "user") & messages.c.delivered_at.is_(None),
    sqlite_where=(messages.c.sender != "user") & messages.c.delivered_at.is_(None),
)

trackers = Table(
    "trackers",
    metadata,
    Column("conversation_id", String(36), ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("state", LargeBinary, nullable=False),  # sealed JSON: the last events, see bot.assistant.tracker
    Column("turns", BigInteger, nullable=False, default=0),
    Column("updated_at", Moment, nullable=False),
)

safety_states = Table(
    "safety_states",
    metadata,
    Column("conversation_id", String(36), ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("state", LargeBinary, nullable=False),  # sealed JSON, see bot.safety.policy
    Column("updated_at", Moment, nullable=False),
)

safety_flags = Table(
    "safety_flags",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("conversation_id", String(36), ForeignKey("conversations.id", ondelete="SET NULL"), nullable=True),
    Column("position", Integer, nullable=False),  # of the message that raised it
    Column("channel", String(32), nullable=False),
    Column("category", String(32), nullable=False),  # an id of topics.yml, or "unscreened"
    Column("level", Integer, nullable=False),  # 1 concern, 2 serious, 3 immediate
    Column("source", String(16), nullable=False),  # who raised it: lexicon, classifier, both, topics, check_in, failure
    Column("action", String(16), nullable=False),  # what was done at once: answered, or warned (a person was answering)
    Column("raised_at", Moment, nullable=False, index=True),
    Column("handled_at", Moment, nullable=True),  # when staff took it
    Column("handled_by", String(64), nullable=True),
    Index("ix_safety_flags_conversation_id", "conversation_id"),
    CheckConstraint("level BETWEEN 1 AND 3", name="level"),
)

onset_histories = Table(
    "onset_histories",
    metadata,
    Column("conversation_id", String(36), ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),  # sealed JSON, see actions.history.record
    Column("shared_at", Moment, nullable=True),  # when the person let coaches read it; empty: they may not
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("conversation_id", "version"),
)

practitioners = Table(
    "practitioners",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("name", String(120), nullable=False),
    Column("city", String(80), nullable=False),
    Column("area", String(80), nullable=False),
    Column("postal_code", String(16), nullable=False),
    Column("country", String(2), nullable=False),
    Column("latitude", Float, nullable=True),  # degrees
    Column("longitude", Float, nullable=True),
    Column("languages", Text, nullable=False),  # lists are written as in the import file: joined by ;
    Column("gender", String(16), nullable=False),
    Column("services", Text, nullable=False),
    Column("accessibility", Text, nullable=False),
    Column("hours", String(200), nullable=False),
    Column("taking_new", Boolean, nullable=False),
    Column("contact", LargeBinary, nullable=False),  # sealed; for staff only
    Column("updated_at", Moment, nullable=False),
    CheckConstraint("role IN ('coach', 'physiotherapist')", name="role"),
)

OPEN_REFERRAL = "state IN ('new', 'contacted', 'booked')"

referrals = Table(
    "referrals",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("code", String(16), nullable=False, unique=True),  # what the person can ask with
    Column("conversation_id", String(36), ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column(
        "practitioner_id", String(64), ForeignKey("practitioners.id", ondelete="SET NULL"), nullable=True, index=True
    ),
    Column("content", LargeBinary, nullable=False),  # sealed JSON: place, wishes, contact, times
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    CheckConstraint("state IN ('new', 'contacted', 'booked', 'closed', 'withdrawn')", name="state"),
    CheckConstraint("kind IN ('coach', 'physiotherapist')", name="kind"),
)

Index(
    "uq_referrals_open",
    referrals.c.conversation_id,
    referrals.c.kind,
    unique=True,
    postgresql_where=text(OPEN_REFERRAL),
    sqlite_where=text(OPEN_REFERRAL),
)

referral_changes = Table(
    "referral_changes",
    metadata,
    Column("referral_id", String(36), ForeignKey("referrals.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("who", String(64), nullable=False),  # "visitor", or who of the staff
    Column("changed_at", Moment, nullable=False),
    PrimaryKeyConstraint("referral_id", "number"),
)
