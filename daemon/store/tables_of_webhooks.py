"""The tables of Business Central's webhooks, declared as those of `daemon/store/tables.py`."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from daemon.store.columns import Base


class SubscriptionRow(Base):
    """Our subscription to a table's webhooks; `secret` is what its notifications are known by."""

    __tablename__ = "webhook_subscriptions"

    entity_set: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str]
    secret: Mapped[str]
    subscription: Mapped[str]


class NoticeRow(Base):
    """What Business Central has told, until the leader has looked."""

    __tablename__ = "webhook_notices"

    entity_set: Mapped[str] = mapped_column(primary_key=True)
    told: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
