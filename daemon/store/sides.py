"""How each side was found by the worker that reads it, for the others to tell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from daemon.store.database import Database, upsert
from daemon.store.tables_of_alerts import SideRow
from schemas.side import Side


@dataclass(frozen=True, slots=True)
class Seen:
    """`checked`: when a read of it came to its end, None if none has. `detail` says why it is down, or how it is
    watched."""

    up: bool
    detail: str
    checked: datetime | None


class SidesSeen:
    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    async def tell(self, found: Mapping[Side, Seen]) -> None:
        """As found now; what is not among them stays as it was told."""
        rows = [
            {"side": side.value, "up": one.up, "detail": one.detail, "checked_at": one.checked, "told_at": self._now()}
            for side, one in found.items()
        ]
        async with self._database.write() as connection:
            statement = upsert(connection, SideRow)
            new = {name: statement.excluded[name] for name in ("up", "detail", "checked_at", "told_at")}
            await connection.execute(statement.on_conflict_do_update(index_elements=["side"], set_=new), rows)

    async def told(self) -> Mapping[Side, tuple[Seen, datetime]]:
        """What was told last of each, and when."""
        query = select(*SideRow.__table__.columns)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return {Side(one.side): (Seen(one.up, one.detail, one.checked_at), one.told_at) for one in rows}
