"""The tables, as declarative models; the statements on them are Core-style, so that batches stay batches.

Every timestamp is aware UTC, on SQLite too. JSON is compared by nobody in SQL, so it is plain JSON on both databases.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

# SQLite numbers rows by itself only when the key is declared INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")
Json = JSON(none_as_null=True)
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment; SQLite keeps no zone, so UTC is what it stores and what is read back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a moment without a time zone cannot be stored: {value!r}")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: UtcDateTime(),
        dict[str, Any]: Json,
        list[str]: Json,
    }


class CouplingRow(Base):
    """One coupling; the two constraints are the strict 1:1 of DESIGN 2."""

    __tablename__ = "couplings"
    __table_args__ = (UniqueConstraint("mapping", "bc_id"), UniqueConstraint("mapping", "sales_id"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    mapping: Mapped[str]
    bc_id: Mapped[str]
    sales_id: Mapped[str]
    bc_version: Mapped[str]
    sales_version: Mapped[str]
    bc_sequence: Mapped[int] = mapped_column(BigInteger)
    sales_sequence: Mapped[int] = mapped_column(BigInteger)
    bc_base: Mapped[dict[str, Any]]
    sales_base: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CouplingReferenceRow(Base):
    """Another name of one half of a coupling; `mapping` is repeated here so that a look-up is one index probe."""

    __tablename__ = "coupling_references"
    __table_args__ = (Index(None, "mapping", "side", "name", "value"),)

    coupling_id: Mapped[int] = mapped_column(ForeignKey("couplings.id", ondelete="CASCADE"), primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    mapping: Mapped[str]
    value: Mapped[str]


class RunRow(Base):
    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    mappings: Mapped[list[str]]
    cleared: Mapped[list[str]]
    answer: Mapped[str | None]
    requested_by: Mapped[str]
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]
    error: Mapped[dict[str, Any] | None]


class JobRow(Base):
    """One direction of one mapping in one run, with a counter per `schemas.outcome.Outcome`, named like it."""

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("run", "ordinal"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    ordinal: Mapped[int]
    mapping: Mapped[str] = mapped_column(index=True)
    direction: Mapped[str]
    state: Mapped[str]
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]
    published: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    swept: Mapped[bool] = mapped_column(default=False)
    message: Mapped[str] = mapped_column(default="")
    inserted: Mapped[int] = mapped_column(default=0)
    modified: Mapped[int] = mapped_column(default=0)
    deleted: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    conflict: Mapped[int] = mapped_column(default=0)
    coupled: Mapped[int] = mapped_column(default=0)
    uncoupled: Mapped[int] = mapped_column(default=0)
    ignored: Mapped[int] = mapped_column(default=0)


class FailureRow(Base):
    """The last failure of a record in one direction of a mapping; open until `resolved_at` is set (promise 7).

    `waits_for` names the reference of a partner that is not coupled yet; `woken` that it is time to try again;
    `skipped_at` that the record is left alone in both directions until somebody retries it.
    """

    __tablename__ = "failures"
    __table_args__ = (
        UniqueConstraint("mapping", "direction", "source_key"),
        Index(None, "mapping", "resolved_at"),
        Index(None, "job_id"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    mapping: Mapped[str]
    direction: Mapped[str]
    source_key: Mapped[str]
    bc_id: Mapped[str | None]
    sales_id: Mapped[str | None]
    outcome: Mapped[str]
    code: Mapped[str]
    message: Mapped[str]
    hint: Mapped[str]
    attempts: Mapped[int]
    job_id: Mapped[int | None]
    transient: Mapped[bool]
    waits_for: Mapped[str | None] = mapped_column(index=True)
    woken: Mapped[bool]
    skipped_at: Mapped[datetime | None]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]


class PositionRow(Base):
    """The two marks of a position (promise 5)."""

    __tablename__ = "positions"

    name: Mapped[str] = mapped_column(primary_key=True)
    published: Mapped[dict[str, Any]]
    applied: Mapped[dict[str, Any]]
    log_id: Mapped[str]
    published_at: Mapped[datetime]
    applied_at: Mapped[datetime]


class PageRow(Base):
    """A page Kafka has acknowledged and whose outcomes may not be stored yet: the way from applied to published."""

    __tablename__ = "pages"

    position: Mapped[str] = mapped_column(ForeignKey("positions.name", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    value: Mapped[dict[str, Any]]
    topic: Mapped[str]
    offsets: Mapped[dict[str, Any]]
    count: Mapped[int]


class ProgressRow(Base):
    """How far a partition of a topic is applied, in the log that `log_id` names (promises 1 and 5)."""

    __tablename__ = "progress"

    topic: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    log_id: Mapped[str]
    last_offset: Mapped[int] = mapped_column(BigInteger)


class MappingStateRow(Base):
    __tablename__ = "mapping_state"

    name: Mapped[str] = mapped_column(primary_key=True)
    only_coupled: Mapped[bool | None]
    paused_at: Mapped[datetime | None]
    missed: Mapped[bool] = mapped_column(default=False)


class CommandRow(Base):
    """A command ever received; `number` is the order of receipt (promise 8)."""

    __tablename__ = "commands"

    number: Mapped[int] = mapped_column(RowId, primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    command: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(index=True)
    error: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]
    received_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    announced: Mapped[bool] = mapped_column(default=False, index=True)


class IntentRow(Base):
    """A BC record about to be created (promise 2)."""

    __tablename__ = "intents"

    mapping: Mapped[str] = mapped_column(primary_key=True)
    sales_id: Mapped[str] = mapped_column(primary_key=True)
    fields: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class SequenceRow(Base):
    __tablename__ = "sequences"

    name: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)


def table_of(row: type[Base]) -> Table:
    """The table behind a row class, for statements that compute with its columns."""
    found: Any = row.__table__
    table: Table = found
    return table
