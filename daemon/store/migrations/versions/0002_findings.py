"""What match, verify and a dry run find; mapping definitions; causes of failures; look-ups that are owed;
webhook subscriptions and notices."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# SQLite numbers rows by itself only when the key is declared INTEGER.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True)
EMPTY = sa.text("'{}'")


def upgrade() -> None:
    op.add_column("runs", sa.Column("options", JSON, nullable=False, server_default=EMPTY))
    op.add_column("jobs", sa.Column("read", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("jobs", sa.Column("found", JSON, nullable=False, server_default=EMPTY))
    op.add_column("mapping_state", sa.Column("definition", JSON, nullable=True))
    op.add_column("mapping_state", sa.Column("owed", JSON, nullable=True))
    op.add_column("failures", sa.Column("cause", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_failures_cause", "failures", ["cause"])
    op.create_index("ix_failures_mapping_bc_id", "failures", ["mapping", "bc_id"])
    _findings()
    _survey_records()
    _owed_references()
    _webhooks()


def downgrade() -> None:
    for table in ("webhook_notices", "webhook_subscriptions", "owed_references", "survey_records", "findings"):
        op.drop_table(table)
    op.drop_index("ix_failures_mapping_bc_id", "failures")
    op.drop_index("ix_failures_cause", "failures")
    for table, name in (
        ("failures", "cause"),
        ("mapping_state", "owed"),
        ("mapping_state", "definition"),
        ("jobs", "found"),
        ("jobs", "read"),
        ("runs", "options"),
    ):
        op.drop_column(table, name)


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _job() -> sa.Column[int]:
    return sa.Column("job_id", sa.Integer(), nullable=False)


def _of_job(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=f"fk_{table}_job_id", ondelete="CASCADE")


def _findings() -> None:
    op.create_table(
        "findings",
        sa.Column("id", ROW_ID, nullable=False),
        _job(),
        _text("mapping"),
        _text("kind"),
        _text("direction"),
        _text("bc_id", nullable=True),
        _text("sales_id", nullable=True),
        _text("label"),
        sa.Column("detail", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_findings"),
        _of_job("findings"),
    )
    op.create_index("ix_findings_job_id_kind", "findings", ["job_id", "kind"])


def _survey_records() -> None:
    op.create_table(
        "survey_records",
        _job(),
        _text("side"),
        _text("record_id"),
        sa.Column("row", JSON, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "side", "record_id", name="pk_survey_records"),
        _of_job("survey_records"),
    )


def _owed_references() -> None:
    op.create_table(
        "owed_references",
        _text("mapping"),
        _text("direction"),
        _text("source_key"),
        _text("waits_for"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("mapping", "direction", "source_key", "waits_for", name="pk_owed_references"),
    )
    op.create_index("ix_owed_references_waits_for", "owed_references", ["waits_for"])
    op.create_index("ix_owed_references_due_at", "owed_references", ["due_at"])


def _webhooks() -> None:
    op.create_table(
        "webhook_subscriptions",
        _text("entity_set"),
        _text("url"),
        _text("secret"),
        _text("subscription"),
        sa.PrimaryKeyConstraint("entity_set", name="pk_webhook_subscriptions"),
    )
    op.create_table(
        "webhook_notices",
        _text("entity_set"),
        _text("told"),
        _text("record_id"),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("entity_set", "told", "record_id", name="pk_webhook_notices"),
    )
