"""Handoffs and the staff desk: accounts, cards, notes, audit log, notifications.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("staff_id", sa.String(length=36), nullable=True),
        sa.Column("who", sa.String(length=254), nullable=False),
        sa.Column("action", sa.String(length=48), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_at", "audit_log", ["at"])

    op.create_table(
        "canned_replies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("content", sa.String(length=2000), nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_replies")),
    )
    op.create_table(
        "desk_clock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_clock")),
    )
    op.create_table(
        "desk_gone",
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("gone_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_desk_gone")),
    )
    op.create_index("ix_desk_gone_revision", "desk_gone", ["revision"])

    op.create_table(
        "desk_options",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_desk_options")),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("next_at", moment, nullable=False),
        sa.Column("done_at", moment, nullable=True),
        sa.Column("given_up", sa.Boolean(), nullable=False),
        sa.CheckConstraint("way IN ('email', 'webhook')", name=op.f("ck_notifications_way")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.create_index("ix_notifications_next_at", "notifications", ["next_at"])

    op.create_table(
        "staff",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_since", moment, nullable=True),
        sa.Column("totp_last", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("not_before", moment, nullable=True),
        sa.Column("last_seen_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("disabled_at", moment, nullable=True),
        sa.CheckConstraint("role IN ('coach', 'coordinator', 'administrator')", name=op.f("ck_staff_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("email", name=op.f("uq_staff_email")),
    )
    op.create_table(
        "staff_invitations",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("invited_by", sa.String(length=36), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.CheckConstraint("role IN ('coach', 'coordinator', 'administrator')", name=op.f("ck_staff_invitations_role")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_staff_invitations")),
    )
    op.create_table(
        "desk_cards",
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("holder_id", sa.String(length=36), nullable=True),
        sa.Column("held_since", moment, nullable=True),
        sa.Column("last_holder_id", sa.String(length=36), nullable=True),
        sa.Column("waiting_since", moment, nullable=True),
        sa.Column("unanswered_since", moment, nullable=True),
        sa.Column("seen_at", moment, nullable=True),
        sa.Column("left_at", moment, nullable=True),
        sa.Column("visitor_read", sa.Integer(), nullable=False),
        sa.Column("staff_read", sa.Integer(), nullable=False),
        sa.Column("close_reason", sa.String(length=32), nullable=True),
        sa.CheckConstraint("level BETWEEN 0 AND 3", name=op.f("ck_desk_cards_level")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_desk_cards_conversation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["holder_id"], ["staff.id"], name=op.f("fk_desk_cards_holder_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["last_holder_id"], ["staff.id"], name=op.f("fk_desk_cards_last_holder_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_desk_cards")),
    )
    op.create_index("ix_desk_cards_holder_id", "desk_cards", ["holder_id"])
    op.create_index("ix_desk_cards_revision", "desk_cards", ["revision"])

    op.create_table(
        "desk_notes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("staff_id", sa.String(length=36), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("written_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_desk_notes_conversation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_desk_notes_staff_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_notes")),
    )
    op.create_index("ix_desk_notes_conversation_id", "desk_notes", ["conversation_id"])

    op.create_table(
        "handoffs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=True),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("requested_at", moment, nullable=False),
        sa.Column("claimed_at", moment, nullable=True),
        sa.Column("first_reply_at", moment, nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("ended_how", sa.String(length=16), nullable=True),
        sa.Column("close_reason", sa.String(length=32), nullable=True),
        sa.Column("feedback", sa.Integer(), nullable=True),
        sa.CheckConstraint("level BETWEEN 0 AND 3", name=op.f("ck_handoffs_level")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_handoffs_conversation_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handoffs")),
    )
    op.create_index("ix_handoffs_requested_at", "handoffs", ["requested_at"])
    running = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_handoffs_running",
        "handoffs",
        ["conversation_id"],
        unique=True,
        postgresql_where=running,
        sqlite_where=running,
    )

    op.create_table(
        "misunderstood",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("guess", sa.String(length=64), nullable=True),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("reviewed_by", sa.String(length=36), nullable=True),
        sa.Column("reviewed_at", moment, nullable=True),
        sa.Column("noted_at", moment, nullable=False),
        sa.CheckConstraint("why IN ('clarify', 'complaint', 'corrected')", name=op.f("ck_misunderstood_why")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_misunderstood_conversation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["reviewed_by"], ["staff.id"], name=op.f("fk_misunderstood_reviewed_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_misunderstood")),
    )
    op.create_index("uq_misunderstood_message", "misunderstood", ["conversation_id", "position"], unique=True)

    op.create_table(
        "staff_sessions",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=36), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("token_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=False),
        sa.Column("replaced_at", moment, nullable=True),
        sa.CheckConstraint("stage IN ('second_factor', 'full')", name=op.f("ck_staff_sessions_stage")),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_sessions_staff_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_staff_sessions")),
    )
    op.create_index("ix_staff_sessions_staff_id", "staff_sessions", ["staff_id"])

    op.create_table(
        "handoff_changes",
        sa.Column("handoff_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=32), nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["handoff_id"], ["handoffs.id"], name=op.f("fk_handoff_changes_handoff_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("handoff_id", "number", name=op.f("pk_handoff_changes")),
    )
    op.add_column("conversations", sa.Column("language", sa.String(16), nullable=True))
    op.add_column("conversations", sa.Column("topic", sa.String(64), nullable=True))
    op.add_column("conversations", sa.Column("on_desk", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute("INSERT INTO desk_clock (id, revision) VALUES (1, 0)")
    _take_over()
    for statement in _PROTECT[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_audit_change() CASCADE")
    for column in ("on_desk", "topic", "language"):
        op.drop_column("conversations", column)
    for table in (
        "handoff_changes",
        "handoffs",
        "staff_sessions",
        "staff_invitations",
        "misunderstood",
        "desk_notes",
        "desk_cards",
        "staff",
        "notifications",
        "desk_options",
        "desk_gone",
        "desk_clock",
        "canned_replies",
        "audit_log",
    ):
        op.drop_table(table)


def _take_over() -> None:
    """What waits for people already must be on the desk: conversations with open alarms or open referrals."""
    flagged = "SELECT conversation_id FROM safety_flags WHERE handled_at IS NULL AND conversation_id IS NOT NULL"
    op.execute("""
        INSERT INTO desk_cards (conversation_id, revision, reason, level, waiting_since, visitor_read, staff_read)
        SELECT conversation_id, 0, 'safety', MAX(level), MIN(raised_at), 0, 0 FROM safety_flags
        WHERE handled_at IS NULL AND conversation_id IS NOT NULL GROUP BY conversation_id""")
    op.execute(f"UPDATE conversations SET state = 'waiting' WHERE id IN ({flagged})")  # noqa: S608
    op.execute("""
        INSERT INTO handoffs (id, conversation_id, channel, reason, level, requested_at)
        SELECT c.id, c.id, c.channel, 'safety', d.level, d.waiting_since
        FROM desk_cards d JOIN conversations c ON c.id = d.conversation_id""")
    op.execute("""
        INSERT INTO desk_cards (conversation_id, revision, reason, level, visitor_read, staff_read)
        SELECT DISTINCT conversation_id, 0, 'referral', 0, 0, 0 FROM referrals
        WHERE state IN ('new', 'contacted', 'booked')
        AND conversation_id NOT IN (SELECT conversation_id FROM desk_cards)""")
    op.execute("UPDATE conversations SET on_desk = true WHERE id IN (SELECT conversation_id FROM desk_cards)")


# The audit log can be added to and nothing else; only what is older than 30 days may be erased, by the retention rule.
_PROTECT = {
    "sqlite": (
        # INSERT OR REPLACE would delete without asking the trigger of deletions.
        "CREATE TRIGGER audit_log_adds BEFORE INSERT ON audit_log "
        "WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id) "
        "BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
        "CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log "
        "BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
        "CREATE TRIGGER audit_log_keeps BEFORE DELETE ON audit_log WHEN OLD.at > datetime('now', '-30 days') "
        "BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    "postgresql": (
        """CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND OLD.at <= now() - interval '30 days' THEN RETURN OLD; END IF;
            RAISE EXCEPTION 'the audit log cannot be changed';
        END $$""",
        "CREATE TRIGGER audit_log_stays BEFORE UPDATE OR DELETE ON audit_log "
        "FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()",
        "CREATE TRIGGER audit_log_keeps BEFORE TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()",
    ),
}
