"""When a creation in Sales was sent, as long as no answer is known: it may be carried out yet."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("changes_begun", sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("changes_begun", "lost_at")
