"""The index by which a job tells what became of its records."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_NAME, _OF_JOBS = "ix_history_of_job", sa.text("job_id IS NOT NULL")


def upgrade() -> None:
    op.create_index(_NAME, "history", ["job_id", "outcome", "id"], sqlite_where=_OF_JOBS, postgresql_where=_OF_JOBS)


def downgrade() -> None:
    op.drop_index(_NAME, "history")
