"""Partners that are about to be changed, so that our own write is known again after a crash."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("intents", sa.Column("bc_id", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "changes_begun",
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("bc_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("sent", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("cause", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mapping", "bc_id", name=op.f("pk_changes_begun")),
    )


def downgrade() -> None:
    op.drop_table("changes_begun")
    op.drop_column("intents", "bc_id")
