"""What has become of pairs, by either side's id."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "history",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("bc_id", sa.String(), nullable=True),
        sa.Column("sales_id", sa.String(), nullable=True),
        sa.Column("wrote", sa.JSON(), nullable=False),
        sa.Column("overruled", sa.JSON(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history")),
    )
    for side in ("bc_id", "sales_id"):
        op.create_index(op.f(f"ix_history_mapping_{side}_id"), "history", ["mapping", side, "id"])
    op.create_index(op.f("ix_history_at"), "history", ["at"])


def downgrade() -> None:
    op.drop_table("history")
