"""Failures know which version of the record failed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("failures", sa.Column("version", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("failures", "version")
