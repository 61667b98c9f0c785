"""The table of what has become of pairs, declared as those of `daemon/store/tables.py`."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
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
