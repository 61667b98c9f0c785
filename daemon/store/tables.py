"""The tables, as declarative models; the statements on them are Core-style, so that batches stay batches."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from daemon.store.columns import Base, RowId


class CouplingRow(Base):
    """One coupling; the two constraints are the strict 1:1 of DESIGN 2.

    By the index a mapping's are counted, and listed in order, also when there are a million.
    """

    __tablename__ = "couplings"
    __table_args__ = (
        UniqueConstraint("mapping", "bc_id"),
        UniqueConstraint("mapping", "sales_id"),
        Index(None, "mapping", "id"),
    )

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
    options: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))


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
    read: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    found: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class FailureRow(Base):
    """The last failure of a record in one direction of a mapping; open until `resolved_at` is set (promise 7).

    `waits_for` names the reference of a partner that is not coupled yet; `woken` that it is time to try again;
    `skipped_at` that the record is left alone in both directions until somebody retries it. `again_at`: when it is
    carried again by itself; not set while it is not.

    However many there are, what is done for every batch, and every second, finds its few by an index.
    """

    __tablename__ = "failures"
    __table_args__ = (
        UniqueConstraint("mapping", "direction", "source_key"),
        Index(None, "mapping", "code", "resolved_at"),
        Index(None, "mapping", "bc_id"),
        Index(None, "mapping", "sales_id"),
        Index(None, "job_id", "last_at"),
        _partial("ix_failures_due", "mapping", "direction", "again_at", where="again_at IS NOT NULL"),
        _partial("ix_failures_open", "last_at", "id", where="resolved_at IS NULL"),
        # SQLite counts in an index alone only if that holds all that the question names.
        _partial(
            "ix_failures_open_of_cause",
            *("mapping", "direction", "code", "cause", "last_at", "id", "resolved_at"),
            where="resolved_at IS NULL",
        ),
        _partial("ix_failures_open_of_mapping", "mapping", "last_at", "id", where="resolved_at IS NULL"),
        _partial(
            "ix_failures_conflicts",
            *("mapping", "bc_id", "sales_id"),
            where="outcome = 'conflict' AND resolved_at IS NULL",
        ),
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
    cause: Mapped[str] = mapped_column(default="", server_default="", index=True)
    # What failed is the word that the record is deleted.
    deleted: Mapped[bool] = mapped_column(default=False)
    # The record's, when it failed last.
    version: Mapped[str] = mapped_column(default="", server_default="")
    # Where that stands in the record's order; 0 is unknown.
    sequence: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    again_at: Mapped[datetime | None]


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
    definition: Mapped[dict[str, Any] | None]
    owed: Mapped[dict[str, Any] | None]


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


class OwedReferenceRow(Base):
    """A record that went through without a look-up it still needs: carried again once that one is coupled.

    `due_at`: when it is to be carried; not set while what it owes is not coupled. `waits_for`: a reference, or
    `owing.TOLD` for the record's own message, put on its topic by hand, which its log may lose. `left_out`: it did not
    go through, but took no part for want of that, so it need not be coupled.
    """

    __tablename__ = "owed_references"

    mapping: Mapped[str] = mapped_column(primary_key=True)
    direction: Mapped[str] = mapped_column(primary_key=True)
    source_key: Mapped[str] = mapped_column(primary_key=True)
    waits_for: Mapped[str] = mapped_column(primary_key=True, index=True)
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    left_out: Mapped[bool] = mapped_column(default=False)
