"""Conversations, messages and trackers, encrypted from the start.

Revision: 0001, after nothing
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("last_position", sa.Integer, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("last_message_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
        sa.CheckConstraint(
            "state IN ('assistant', 'waiting', 'person', 'closed')", name=op.f("ck_conversations_state")
        ),
    )
    op.create_index("ix_conversations_last_message_at", "conversations", ["last_message_at"])
    op.create_table(
        "messages",
        sa.Column("conversation_id", sa.String(36), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("external_id", sa.String(200), nullable=True),
        sa.Column("sender", sa.String(16), nullable=False),
        sa.Column("in_reply_to", sa.Integer, nullable=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("topic", sa.String(64), nullable=True),
        sa.Column("sent_at", moment, nullable=False),
        sa.Column("answered_at", moment, nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("delivered_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("conversation_id", "position", name="pk_messages"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_messages_conversation_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("conversation_id", "id", name="uq_messages_conversation_id_id"),
        sa.UniqueConstraint("channel", "external_id", name="uq_messages_channel_external_id"),
        sa.CheckConstraint("sender IN ('user', 'assistant', 'person', 'system')", name=op.f("ck_messages_sender")),
    )
    for name, condition in (
        ("ix_messages_unanswered", "sender = 'user' AND answered_at IS NULL"),
        ("ix_messages_undelivered", "sender != 'user' AND delivered_at IS NULL"),
    ):
        op.create_index(
            name,
            "messages",
            ["conversation_id", "position"],
            postgresql_where=sa.text(condition),
            sqlite_where=sa.text(condition),
        )
    op.create_table(
        "trackers",
        sa.Column("conversation_id", sa.String(36), nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("turns", sa.BigInteger, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_trackers"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_trackers_conversation_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("trackers")
    op.drop_table("messages")
    op.drop_table("conversations")
