"""What each channel was notified of and is not over yet, and the messages that nobody could read, counted: they
themselves are on the dead-letters topic, which Kafka has."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select

from daemon.store.database import Database, upsert
from daemon.store.tables_of_alerts import ToldRow, UnreadableRow
from schemas.alert_causes import Cause, Kind

_KINDS = frozenset(Kind)
# For so long a message that was put aside needs somebody. Nothing tells whether anybody has looked at it.
LATELY = timedelta(days=1)


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


class Unreadable:
    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    async def note(self, topic: str, partition: int, offset: int) -> None:
        """One that was put aside; by its place, so that it counts once however often it is delivered."""
        place = {"topic": topic, "partition": partition, "offset": offset}
        async with self._database.write() as connection:
            statement = upsert(connection, UnreadableRow).values(**place, at=self._now())
            await connection.execute(
                statement.on_conflict_do_update(index_elements=list(place), set_={"at": self._now()})
            )

    async def lately(self) -> Mapping[str, int]:
        """How many were put aside in the last day, by topic."""
        row = UnreadableRow
        query = select(row.topic, func.count().label("number")).where(row.at > self._now() - LATELY).group_by(row.topic)
        async with self._database.read() as connection:
            return {one.topic: one.number for one in await connection.execute(query.order_by(row.topic))}
