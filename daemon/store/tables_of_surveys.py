"""The tables of jobs that only look, declared as those of `daemon/store/tables.py`."""

from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from daemon.store.columns import Base, Json, RowId


class FindingRow(Base):
    """One thing that match, verify or a dry run has found, with how it is called on its side."""

    __tablename__ = "findings"
    __table_args__ = (Index(None, "job_id", "kind"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    mapping: Mapped[str]
    kind: Mapped[str]
    direction: Mapped[str]
    bc_id: Mapped[str | None]
    sales_id: Mapped[str | None]
    label: Mapped[str]
    detail: Mapped[dict[str, Any]]


class PlainFindingRow(Base):
    """So many (`number`) findings of one kind that need nothing of anybody: of each both ids, and how it is called."""

    __tablename__ = "plain_findings"
    __table_args__ = (Index(None, "job_id", "kind", "id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    mapping: Mapped[str]
    kind: Mapped[str]
    direction: Mapped[str]
    number: Mapped[int]
    records: Mapped[list[Any]] = mapped_column(Json)


class SurveyRecordRow(Base):
    """A record as a survey has read it, until its job is over."""

    __tablename__ = "survey_records"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[str] = mapped_column(primary_key=True)
    row: Mapped[dict[str, Any]]
