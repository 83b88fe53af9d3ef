"""What the safety screen found and what is remembered of it.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "safety_states",
        sa.Column("conversation_id", sa.String(36), nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_safety_states"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_safety_states_conversation_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "safety_flags",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("conversation_id", sa.String(36), nullable=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("category", sa.String(32), nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("raised_at", moment, nullable=False),
        sa.Column("handled_at", moment, nullable=True),
        sa.Column("handled_by", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_safety_flags"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_safety_flags_conversation_id", ondelete="SET NULL"
        ),
        sa.CheckConstraint("level BETWEEN 1 AND 3", name=op.f("ck_safety_flags_level")),
    )
    op.create_index("ix_safety_flags_conversation_id", "safety_flags", ["conversation_id"])
    op.create_index("ix_safety_flags_raised_at", "safety_flags", ["raised_at"])


def downgrade() -> None:
    op.drop_table("safety_flags")
    op.drop_table("safety_states")
