"""Indexes by which the console lists a million couplings, and counts a hundred thousand failures by cause."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_CAUSE, _OPEN = "ix_failures_open_of_cause", sa.text("resolved_at IS NULL")
_COUPLINGS = "ix_couplings_mapping_id"


def upgrade() -> None:
    columns = ["mapping", "direction", "code", "cause", "last_at", "id", "resolved_at"]
    op.create_index(_CAUSE, "failures", columns, sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index(_COUPLINGS, "couplings", ["mapping", "id"])


def downgrade() -> None:
    op.drop_index(_COUPLINGS, "couplings")
    op.drop_index(_CAUSE, "failures")
