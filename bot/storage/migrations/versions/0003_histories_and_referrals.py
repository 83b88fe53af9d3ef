"""Onset histories, practitioners, referrals.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "onset_histories",
        sa.Column("conversation_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("shared_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "version", name="pk_onset_histories"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_onset_histories_conversation_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "practitioners",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("city", sa.String(80), nullable=False),
        sa.Column("area", sa.String(80), nullable=False),
        sa.Column("postal_code", sa.String(16), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("latitude", sa.Float, nullable=True),
        sa.Column("longitude", sa.Float, nullable=True),
        sa.Column("languages", sa.Text, nullable=False),
        sa.Column("gender", sa.String(16), nullable=False),
        sa.Column("services", sa.Text, nullable=False),
        sa.Column("accessibility", sa.Text, nullable=False),
        sa.Column("hours", sa.String(200), nullable=False),
        sa.Column("taking_new", sa.Boolean, nullable=False),
        sa.Column("contact", sa.LargeBinary, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_practitioners"),
        sa.CheckConstraint("role IN ('coach', 'physiotherapist')", name=op.f("ck_practitioners_role")),
    )
    op.create_table(
        "referrals",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("conversation_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("practitioner_id", sa.String(64), nullable=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_referrals"),
        sa.UniqueConstraint("code", name="uq_referrals_code"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_referrals_conversation_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["practitioner_id"], ["practitioners.id"], name="fk_referrals_practitioner_id", ondelete="SET NULL"
        ),
        sa.CheckConstraint(
            "state IN ('new', 'contacted', 'booked', 'closed', 'withdrawn')", name=op.f("ck_referrals_state")
        ),
        sa.CheckConstraint("kind IN ('coach', 'physiotherapist')", name=op.f("ck_referrals_kind")),
    )
    is_open = sa.text("state IN ('new', 'contacted', 'booked')")
    op.create_index(
        "uq_referrals_open",
        "referrals",
        ["conversation_id", "kind"],
        unique=True,
        postgresql_where=is_open,
        sqlite_where=is_open,
    )
    op.create_index("ix_referrals_practitioner_id", "referrals", ["practitioner_id"])
    op.create_table(
        "referral_changes",
        sa.Column("referral_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("referral_id", "number", name="pk_referral_changes"),
        sa.ForeignKeyConstraint(
            ["referral_id"], ["referrals.id"], name="fk_referral_changes_referral_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("referral_changes")
    op.drop_table("referrals")
    op.drop_table("practitioners")
    op.drop_table("onset_histories")
