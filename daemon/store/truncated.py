"""What a topic has lost at its end: a broker lost its power before that was on its disk (promise 5)."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import select

from daemon.store.database import Database
from daemon.store.marks import read_again
from daemon.store.progress import set_back
from daemon.store.tables import PageRow, ProgressRow


class Truncated:
    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    async def reached(self) -> Mapping[str, Mapping[int, int]]:
        """By topic and partition, the highest offset that a page in flight has, or that is applied."""
        found: defaultdict[str, dict[int, int]] = defaultdict(dict)
        row, page = ProgressRow, PageRow
        async with self._database.read() as connection:
            for topic, number, last in await connection.execute(select(row.topic, row.partition, row.last_offset)):
                found[topic][number] = last
            for topic, offsets in await connection.execute(select(page.topic, page.offsets)):
                for number, last in offsets.items():
                    found[topic][int(number)] = max(last, found[topic].get(int(number), -1))
        return found

    async def cut(self, topic: str, log_id: str, ends: Mapping[int, int]) -> None:
        """What was published at these offsets or after them, and is not applied, is published again; what was applied
        there does not count for the other messages that will have these offsets."""
        async with self._database.write() as connection:
            await read_again(connection, topic, log_id, ends, self._now())
            await set_back(connection, topic, {number: end - 1 for number, end in ends.items()})
