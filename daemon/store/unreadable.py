"""Messages that nobody could read, counted. They themselves are on the dead-letters topic, which Kafka has."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select

from daemon.store.database import Database, upsert
from daemon.store.tables_of_alerts import UnreadableRow

# For so long a message that was put aside needs somebody. Nothing tells whether anybody has looked at it.
LATELY = timedelta(days=1)


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
