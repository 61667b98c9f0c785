"""Changes that were begun and not found, and may be carried out as long as the partner keeps its version."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("changes_begun", sa.Column("under", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "changes_late",
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("bc_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("sent", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("cause", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("under", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mapping", "bc_id", "side", "version", name=op.f("pk_changes_late")),
    )


def downgrade() -> None:
    op.drop_table("changes_late")
    op.drop_column("changes_begun", "under")
