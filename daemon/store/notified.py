"""What each channel was notified of and is not over yet."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select

from daemon.store.database import Database
from daemon.store.tables_of_alerts import ToldRow
from schemas.alert_causes import Cause, Kind

_KINDS = frozenset(Kind)


class Notified:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Mapping[str, list[Cause]]:
        """By channel. Of a kind that this version does not know nothing is told."""
        row = ToldRow
        query = select(row.channel, row.kind, row.about, row.summary, row.advice).order_by(row.told_at, row.about)
        found: dict[str, list[Cause]] = {}
        async with self._database.read() as connection:
            for one in await connection.execute(query):
                if one.kind in _KINDS:
                    cause = Cause(Kind(one.kind), one.about, one.summary, one.advice)
                    found.setdefault(one.channel, []).append(cause)
        return found

    async def keep(self, channel: str, causes: Collection[Cause], at: datetime) -> None:
        """These, in the place of what was kept of the channel; those that stay have been told when they were."""
        row = ToldRow
        async with self._database.write() as connection:
            query = select(row.kind, row.about).where(row.channel == channel)
            known = {(one.kind, one.about) for one in await connection.execute(query)}
            wanted = {(cause.kind.value, cause.about): cause for cause in causes}
            for kind, about in sorted(known - wanted.keys()):
                await connection.execute(
                    delete(row).where(row.channel == channel, row.kind == kind, row.about == about)
                )
            rows = [
                {"channel": channel, "kind": key[0], "about": key[1], "summary": one.summary, "advice": one.advice}
                for key, one in wanted.items()
                if key not in known
            ]
            if rows:
                await connection.execute(insert(row), [{**each, "told_at": at} for each in rows])
