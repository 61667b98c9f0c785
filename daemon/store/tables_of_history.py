"""The tables of what has become of records, declared as those of `daemon/store/tables.py`."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from daemon.store.columns import Base, RowId

_OF_JOBS = text("job_id IS NOT NULL")


class HistoryRow(Base):
    """Something that was carried, coupled or decided between two records, numbered as it was recorded.

    `wrote` are the fields written, `overruled` the values that are nowhere any more. `job_id` may outlive its job.
    What no job carried, which is most, is in no index of jobs.
    """

    __tablename__ = "history"
    __table_args__ = (
        Index(None, "mapping", "bc_id", "id"),
        Index(None, "mapping", "sales_id", "id"),
        Index(None, "at"),
        Index(None, "outcome", "at", "id"),
        Index("ix_history_of_job", "job_id", "outcome", "id", sqlite_where=_OF_JOBS, postgresql_where=_OF_JOBS),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[datetime]
    mapping: Mapped[str]
    direction: Mapped[str]
    outcome: Mapped[str]
    bc_id: Mapped[str | None]
    sales_id: Mapped[str | None]
    wrote: Mapped[list[str]]
    overruled: Mapped[dict[str, Any]]
    job_id: Mapped[int | None]


class EndedRow(Base):
    """The `keys` of so many records (`number`) that a batch has ended alike, each as its source side calls it: those
    that nothing else keeps one by one, packed, for there may be a million in a job that finds all in step.
    """

    __tablename__ = "ended_records"
    __table_args__ = (
        Index(None, "at"),
        Index(None, "outcome", "at", "id"),
        Index("ix_ended_records_of_job", "job_id", "outcome", "id", sqlite_where=_OF_JOBS, postgresql_where=_OF_JOBS),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[datetime]
    mapping: Mapped[str]
    direction: Mapped[str]
    outcome: Mapped[str]
    job_id: Mapped[int | None]
    number: Mapped[int]
    keys: Mapped[list[str]]


class EndedCountRow(Base):
    """How many changes have ended so in a minute, which is counted from 1970 on.

    `partition`: one of the batch's, which it holds until it is recorded, so that no two workers wait for a row here.
    """

    __tablename__ = "ended_counts"

    minute: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    mapping: Mapped[str] = mapped_column(primary_key=True)
    direction: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
