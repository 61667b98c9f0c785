"""The first schema. Says its own types, so that it stays what it was when the models move on."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    "coupling_references",
    "couplings",
    "jobs",
    "runs",
    "failures",
    "pages",
    "positions",
    "progress",
    "mapping_state",
    "commands",
    "intents",
    "sequences",
)
# SQLite numbers rows by itself only when the key is declared INTEGER.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True)
MOMENT = sa.DateTime(timezone=True)
COUNTERS = (
    "inserted",
    "modified",
    "deleted",
    "unchanged",
    "skipped",
    "failed",
    "conflict",
    "coupled",
    "uncoupled",
    "ignored",
)


def upgrade() -> None:
    _couplings()
    _references()
    _runs()
    _jobs()
    _failures()
    _positions()
    _states()
    _commands()
    _creations()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _json(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, JSON, nullable=nullable)


def _moment(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, MOMENT, nullable=nullable)


def _number(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _big(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def _flag(name: str, nullable: bool = False) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=nullable)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _below(table: str, column: str, parent: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [parent], name=f"fk_{table}_{column}", ondelete="CASCADE")


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _couplings() -> None:
    op.create_table(
        "couplings",
        sa.Column("id", ROW_ID, nullable=False),
        _text("mapping"),
        _text("bc_id"),
        _text("sales_id"),
        _text("bc_version"),
        _text("sales_version"),
        _big("bc_sequence"),
        _big("sales_sequence"),
        _json("bc_base"),
        _json("sales_base"),
        _moment("created_at"),
        _moment("updated_at"),
        _key("couplings", "id"),
        _unique("couplings", "mapping", "bc_id"),
        _unique("couplings", "mapping", "sales_id"),
    )


def _references() -> None:
    op.create_table(
        "coupling_references",
        sa.Column("coupling_id", ROW_ID, nullable=False),
        _text("side"),
        _text("name"),
        _text("mapping"),
        _text("value"),
        _key("coupling_references", "coupling_id", "side", "name"),
        _below("coupling_references", "coupling_id", "couplings.id"),
    )
    _index("coupling_references", "mapping", "side", "name", "value")


def _runs() -> None:
    op.create_table(
        "runs",
        _text("id"),
        _text("kind"),
        _text("state"),
        _json("mappings"),
        _json("cleared"),
        _text("answer", nullable=True),
        _text("requested_by"),
        _moment("created"),
        _moment("started", nullable=True),
        _moment("finished", nullable=True),
        _json("error", nullable=True),
        _key("runs", "id"),
    )
    _index("runs", "state")


def _jobs() -> None:
    op.create_table(
        "jobs",
        _number("id"),
        _text("run"),
        _number("ordinal"),
        _text("mapping"),
        _text("direction"),
        _text("state"),
        _moment("started", nullable=True),
        _moment("finished", nullable=True),
        _number("published"),
        _number("total", nullable=True),
        _flag("swept"),
        _text("message"),
        *(_number(counter) for counter in COUNTERS),
        _key("jobs", "id"),
        _below("jobs", "run", "runs.id"),
        _unique("jobs", "run", "ordinal"),
    )
    _index("jobs", "mapping")


def _failures() -> None:
    op.create_table(
        "failures",
        sa.Column("id", ROW_ID, nullable=False),
        *(_text(name) for name in ("mapping", "direction", "source_key")),
        _text("bc_id", nullable=True),
        _text("sales_id", nullable=True),
        *(_text(name) for name in ("outcome", "code", "message", "hint")),
        _number("attempts"),
        _number("job_id", nullable=True),
        sa.Column("transient", sa.Boolean(), nullable=False),
        _text("waits_for", nullable=True),
        sa.Column("woken", sa.Boolean(), nullable=False),
        _moment("skipped_at", nullable=True),
        _moment("first_at"),
        _moment("last_at"),
        _moment("resolved_at", nullable=True),
        _key("failures", "id"),
        _unique("failures", "mapping", "direction", "source_key"),
    )
    _index("failures", "mapping", "resolved_at")
    _index("failures", "job_id")
    _index("failures", "waits_for")


def _positions() -> None:
    marks = (_json("published"), _json("applied"), _text("log_id"), _moment("published_at"), _moment("applied_at"))
    op.create_table("positions", _text("name"), *marks, _key("positions", "name"))
    op.create_table(
        "pages",
        _text("position"),
        _big("seq"),
        _json("value"),
        _text("topic"),
        _json("offsets"),
        _number("count"),
        _key("pages", "position", "seq"),
        _below("pages", "position", "positions.name"),
    )
    partition = sa.Column("partition", sa.Integer(), nullable=False, autoincrement=False)
    progress = (_text("topic"), partition, _text("log_id"), _big("last_offset"))
    op.create_table("progress", *progress, _key("progress", "topic", "partition"))


def _states() -> None:
    op.create_table(
        "mapping_state",
        _text("name"),
        _flag("only_coupled", nullable=True),
        _moment("paused_at", nullable=True),
        _flag("missed"),
        _key("mapping_state", "name"),
    )


def _commands() -> None:
    op.create_table(
        "commands",
        sa.Column("number", ROW_ID, nullable=False),
        _text("id"),
        _json("command"),
        _text("state"),
        _json("error", nullable=True),
        _json("result", nullable=True),
        _moment("received_at"),
        _moment("finished_at", nullable=True),
        _flag("announced"),
        _key("commands", "number"),
        _unique("commands", "id"),
    )
    _index("commands", "state")
    _index("commands", "announced")


def _creations() -> None:
    intents = (_text("mapping"), _text("sales_id"), _json("fields"), _moment("created_at"))
    op.create_table("intents", *intents, _key("intents", "mapping", "sales_id"))
    op.create_table("sequences", _text("name"), _big("last"), _key("sequences", "name"))
