"""The tables of handoffs and of the staff desk. What people write is sealed here too.

``handoffs``       one row each time that a conversation went to people, with what reports need and nothing that anybody
                   wrote; it outlives an erased conversation, whose id is then gone from it
``handoff_changes`` every change of who answers: who made it, when, why
``desk_cards``     one row for each conversation that staff may see: what the queue shows, and who holds it
``desk_clock``     one row: counts the changes of cards. It is the last lock that a transaction takes, so changes become
                   visible in the order of their numbers
``desk_gone``      cards that are no more, for those who still show them
``desk_notes``     private notes of staff
``staff``          accounts; with ``staff_sessions`` and ``staff_invitations``. Tokens are stored as hashes
``desk_options``   what an administrator switched on
``audit_log``      who looked at or changed what; triggers refuse every change of it
``canned_replies`` texts of the team's own
``misunderstood``  what the assistant did not understand, without contact details, for people to review
``notifications``  what still has to be told to staff by e-mail or webhook
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)

from bot.storage.tables import Moment, metadata

RUNNING_HANDOFF = "ended_at IS NULL"

staff = Table(
    "staff",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("email", String(254), nullable=False, unique=True),  # in lower case
    Column("name", String(80), nullable=False),  # as visitors see it
    Column("role", String(16), nullable=False),
    Column("password_hash", String(255), nullable=False),  # argon2id
    Column("totp_secret", LargeBinary, nullable=True),  # sealed
    Column("totp_since", Moment, nullable=True),  # when the second factor was confirmed
    Column("totp_last", BigInteger, nullable=False, default=0),  # time step of the last code: none works twice
    Column("failures", Integer, nullable=False, default=0),  # sign-in attempts in vain since the last good one
    Column("not_before", Moment, nullable=True),  # when the next attempt is looked at
    Column("last_seen_at", Moment, nullable=True),  # when the desk was last open
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment, nullable=True),
    CheckConstraint("role IN ('coach', 'coordinator', 'administrator')", name="role"),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("staff_id", String(36), ForeignKey("staff.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("stage", String(16), nullable=False),  # "second_factor" until the code was given, then "full"
    Column("began_at", Moment, nullable=False),  # the sign-in; it stays when the token is changed
    Column("token_at", Moment, nullable=False),  # when this token was issued
    Column("used_at", Moment, nullable=False),
    Column("replaced_at", Moment, nullable=True),  # an old token works a moment longer: requests may be under way
    CheckConstraint("stage IN ('second_factor', 'full')", name="stage"),
)

staff_invitations = Table(
    "staff_invitations",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("email", String(254), nullable=False),  # empty for the first administrator, who gives her own
    Column("role", String(16), nullable=False),
    Column("invited_by", String(36), nullable=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment, nullable=True),
    CheckConstraint("role IN ('coach', 'coordinator', 'administrator')", name="role"),
)

desk_options = Table(
    "desk_options",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", String(200), nullable=False),
)

handoffs = Table(
    "handoffs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("conversation_id", String(36), ForeignKey("conversations.id", ondelete="SET NULL"), nullable=True),
    Column("channel", String(32), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("level", Integer, nullable=False),  # of safety, 0 to 3: the highest while it ran
    Column("topic", String(64), nullable=True),
    Column("language", String(16), nullable=True),
    Column("requested_at", Moment, nullable=False, index=True),
    Column("claimed_at", Moment, nullable=True),  # first time
    Column("first_reply_at", Moment, nullable=True),
    Column("ended_at", Moment, nullable=True),
    Column("ended_how", String(16), nullable=True),  # returned (to the assistant) or closed
    Column("close_reason", String(32), nullable=True),
    Column("feedback", Integer, nullable=True),  # 1 did not help, 2 a little, 3 helped
    CheckConstraint("level BETWEEN 0 AND 3", name="level"),
)

Index(
    "uq_handoffs_running",
    handoffs.c.conversation_id,
    unique=True,
    postgresql_where=text(RUNNING_HANDOFF),
    sqlite_where=text(RUNNING_HANDOFF),
)

handoff_changes = Table(
    "handoff_changes",
    metadata,
    Column("handoff_id", String(36), ForeignKey("handoffs.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("who", String(64), nullable=False),  # visitor, assistant, system, or who of the staff
    Column("why", String(32), nullable=False),
    Column("changed_at", Moment, nullable=False),
    PrimaryKeyConstraint("handoff_id", "number"),
)

desk_cards = Table(
    "desk_cards",
    metadata,
    Column("conversation_id", String(36), ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", BigInteger, nullable=False, index=True),
    Column("reason", String(32), nullable=False),  # why staff see it
    Column("level", Integer, nullable=False),  # of safety, 0 to 3
    Column("holder_id", String(36), ForeignKey("staff.id", ondelete="SET NULL"), nullable=True, index=True),
    Column("held_since", Moment, nullable=True),
    Column("last_holder_id", String(36), ForeignKey("staff.id", ondelete="SET NULL"), nullable=True),
    Column("waiting_since", Moment, nullable=True),  # for a person
    Column("unanswered_since", Moment, nullable=True),  # the oldest message that the holder has not answered
    Column("seen_at", Moment, nullable=True),  # when the visitor's page was last open
    Column("left_at", Moment, nullable=True),
    Column("visitor_read", Integer, nullable=False, default=0),  # positions
    Column("staff_read", Integer, nullable=False, default=0),
    Column("close_reason", String(32), nullable=True),
    CheckConstraint("level BETWEEN 0 AND 3", name="level"),
)

desk_clock = Table(
    "desk_clock",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

desk_gone = Table(
    "desk_gone",
    metadata,
    Column("conversation_id", String(36), primary_key=True),
    Column("revision", BigInteger, nullable=False, index=True),
    Column("gone_at", Moment, nullable=False),
)

desk_notes = Table(
    "desk_notes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("conversation_id", String(36), ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("staff_id", String(36), ForeignKey("staff.id", ondelete="SET NULL"), nullable=True),
    Column("content", LargeBinary, nullable=False),  # sealed
    Column("written_at", Moment, nullable=False),
    Index("ix_desk_notes_conversation_id", "conversation_id"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False, index=True),
    Column("staff_id", String(36), nullable=True),  # no foreign key: the entry stays as it is
    Column("who", String(254), nullable=False),  # the e-mail address of the account, or "command"
    Column("action", String(48), nullable=False),
    Column("subject", String(64), nullable=True),  # the id of a conversation, account, referral ...
    Column("detail", String(200), nullable=False),  # never what anybody wrote
)

canned_replies = Table(
    "canned_replies",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("title", String(80), nullable=False),
    Column("content", String(2000), nullable=False),
    Column("updated_at", Moment, nullable=False),
)

misunderstood = Table(
    "misunderstood",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("conversation_id", String(36), ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),  # of the message
    Column("content", LargeBinary, nullable=False),  # sealed, contact details left out
    Column("why", String(16), nullable=False),
    Column("guess", String(64), nullable=True),  # the topic it was taken for
    Column("topic", String(64), nullable=True),  # the right one, as staff say, or "none"
    Column("reviewed_by", String(36), ForeignKey("staff.id", ondelete="SET NULL"), nullable=True),
    Column("reviewed_at", Moment, nullable=True),
    Column("noted_at", Moment, nullable=False),
    CheckConstraint("why IN ('clarify', 'complaint', 'corrected')", name="why"),
    Index("uq_misunderstood_message", "conversation_id", "position", unique=True),
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("way", String(16), nullable=False),  # email or webhook
    Column("level", Integer, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("created_at", Moment, nullable=False),
    Column("next_at", Moment, nullable=False, index=True),
    Column("done_at", Moment, nullable=True),
    Column("given_up", Boolean, nullable=False, default=False),
    CheckConstraint("way IN ('email', 'webhook')", name="way"),
)
