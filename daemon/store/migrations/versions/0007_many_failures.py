"""When a failure is due again, and indexes so that a hundred thousand of them slow nothing else down."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_PARTIAL = {
    "ix_failures_due": (["mapping", "direction", "again_at"], "again_at IS NOT NULL"),
    "ix_failures_open": (["last_at", "id"], "resolved_at IS NULL"),
    "ix_failures_open_of_mapping": (["mapping", "last_at", "id"], "resolved_at IS NULL"),
    "ix_failures_conflicts": (["mapping", "bc_id", "sales_id"], "outcome = 'conflict' AND resolved_at IS NULL"),
}
_PLAIN = (["mapping", "code", "resolved_at"], ["mapping", "sales_id"], ["job_id", "last_at"])
_GONE = (["mapping", "resolved_at"], ["job_id"])


def upgrade() -> None:
    op.add_column("failures", sa.Column("again_at", sa.DateTime(timezone=True), nullable=True))
    # Those that are carried again by themselves come at once, once: their pauses go on from there.
    op.execute(
        "UPDATE failures SET again_at = last_at WHERE resolved_at IS NULL AND skipped_at IS NULL "
        "AND (woken OR transient OR waits_for IS NOT NULL)"
    )
    for columns in _GONE:
        op.drop_index(_name(columns), "failures")
    for columns in _PLAIN:
        op.create_index(_name(columns), "failures", columns)
    for name, (columns, where) in _PARTIAL.items():
        op.create_index(name, "failures", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    for name in _PARTIAL:
        op.drop_index(name, "failures")
    for columns in _PLAIN:
        op.drop_index(_name(columns), "failures")
    for columns in _GONE:
        op.create_index(_name(columns), "failures", columns)
    op.drop_column("failures", "again_at")


def _name(columns: list[str]) -> str:
    return "_".join(("ix_failures", *columns))
