"""The tables of what people are told, declared as those of `daemon/store/tables.py`."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from daemon.store.columns import Base, Json


class ToldRow(Base):
    """What a channel was told of and is not over yet, so that nobody is told twice after a restart."""

    __tablename__ = "notified"

    channel: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    about: Mapped[str] = mapped_column(primary_key=True)
    summary: Mapped[str]
    advice: Mapped[str]
    told_at: Mapped[datetime]


class LookRow(Base):
    """When the leader looked last, and which alerts held then; there is one row."""

    __tablename__ = "looks"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    alerts: Mapped[list[dict[str, Any]]] = mapped_column(Json)


class SideRow(Base):
    """How the worker that reads a side has found it last, and when it said so."""

    __tablename__ = "sides"

    side: Mapped[str] = mapped_column(primary_key=True)
    up: Mapped[bool]
    detail: Mapped[str]
    checked_at: Mapped[datetime | None]
    told_at: Mapped[datetime]


class UnreadableRow(Base):
    """A message that nobody could read, and when it was put aside."""

    __tablename__ = "unreadable"

    topic: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    offset: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
