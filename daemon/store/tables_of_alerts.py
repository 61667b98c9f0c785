"""The table of notifications, declared as those of `daemon/store/tables.py`."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from daemon.store.columns import Base


class ToldRow(Base):
    """What a channel was told of and is not over yet, so that nobody is told twice after a restart."""

    __tablename__ = "notified"

    channel: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    about: Mapped[str] = mapped_column(primary_key=True)
    summary: Mapped[str]
    advice: Mapped[str]
    told_at: Mapped[datetime]
