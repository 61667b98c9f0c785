"""How many changes end, minute by minute; and which records, where nothing else keeps them, and surveys' likewise."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_OF_JOBS = sa.text("job_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "ended_records",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ended_records")),
    )
    op.create_index(op.f("ix_ended_records_at"), "ended_records", ["at"])
    op.create_index(op.f("ix_ended_records_outcome_at_id"), "ended_records", ["outcome", "at", "id"])
    op.create_index(
        "ix_ended_records_of_job",
        "ended_records",
        ["job_id", "outcome", "id"],
        sqlite_where=_OF_JOBS,
        postgresql_where=_OF_JOBS,
    )
    op.create_table(
        "ended_counts",
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "mapping", "direction", "outcome", "partition", name=op.f("pk_ended_counts")),
    )
    op.create_table(
        "plain_findings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("records", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_plain_findings_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plain_findings")),
    )
    op.create_index(op.f("ix_plain_findings_job_id_kind_id"), "plain_findings", ["job_id", "kind", "id"])
    op.create_index(op.f("ix_history_outcome_at_id"), "history", ["outcome", "at", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_history_outcome_at_id"), "history")
    op.drop_table("plain_findings")
    op.drop_table("ended_counts")
    op.drop_table("ended_records")
