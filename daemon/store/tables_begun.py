"""The tables of what is about to be written on a side, which a crash may leave half done (promises 2 and 3)."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from daemon.store.columns import Base


class IntentRow(Base):
    """A BC record about to be created (promise 2)."""

    __tablename__ = "intents"

    mapping: Mapped[str] = mapped_column(primary_key=True)
    sales_id: Mapped[str] = mapped_column(primary_key=True)
    fields: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    lost_at: Mapped[datetime | None]
    # Of the record that is about to be changed before it is coupled; empty, if there is none.
    bc_id: Mapped[str] = mapped_column(default="", server_default="")


class BegunRow(Base):
    """A partner about to be changed, or created in Sales (promises 2 and 3): where, what both halves will hold then,
    because of which version of the other, and under which version of its own."""

    __tablename__ = "changes_begun"

    mapping: Mapped[str] = mapped_column(primary_key=True)
    bc_id: Mapped[str] = mapped_column(primary_key=True)
    side: Mapped[str]
    sent: Mapped[dict[str, Any]]
    cause: Mapped[dict[str, Any]]
    version: Mapped[str]
    sequence: Mapped[int] = mapped_column(BigInteger)
    under: Mapped[str] = mapped_column(default="", server_default="")
    created_at: Mapped[datetime]
    # When a creation was sent, as long as no answer is known.
    lost_at: Mapped[datetime | None]


class LateRow(Base):
    """A change that was begun and not found, and may be carried out yet: the partner has the version it was sent under
    (promise 3)."""

    __tablename__ = "changes_late"

    mapping: Mapped[str] = mapped_column(primary_key=True)
    bc_id: Mapped[str] = mapped_column(primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    sent: Mapped[dict[str, Any]]
    cause: Mapped[dict[str, Any]]
    sequence: Mapped[int] = mapped_column(BigInteger)
    under: Mapped[str]
    created_at: Mapped[datetime]


class SequenceRow(Base):
    __tablename__ = "sequences"

    name: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)
