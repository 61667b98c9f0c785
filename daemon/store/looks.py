"""What the leader saw when it looked last, for every worker to tell."""

from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import select

from daemon.store.database import Database, upsert
from daemon.store.tables_of_alerts import LookRow
from schemas import holding
from schemas.holding import Alert, Looked

_alerts = TypeAdapter(list[Alert])
_ONLY = 1


class Looks:
    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    async def keep(self, looked: Looked) -> None:
        """In the place of the look before."""
        row = {"id": _ONLY, "at": looked.at, "alerts": _alerts.dump_python(list(looked.alerts), mode="json")}
        async with self._database.write() as connection:
            statement = upsert(connection, LookRow).values(**row)
            await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))

    async def last(self) -> Looked | None:
        """None: nobody has ever looked."""
        query = select(LookRow.at, LookRow.alerts).where(LookRow.id == _ONLY)
        async with self._database.read() as connection:
            found = (await connection.execute(query)).one_or_none()
        return Looked(found.at, _alerts.validate_python(found.alerts)) if found else None

    async def told(self, begun: datetime | None = None) -> Sequence[Alert]:
        """See `schemas.holding.told`."""
        return holding.told(await self.last(), self._now(), begun)
