"""Failed records, carried again on the same road: when a transient cause may be over, or a missing partner has come.

A record refused for good waits for its next change, a `sync` or a `retry` (promise 7, business-central-sync 3.3, 3.8).
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol

from producers.current import Current
from producers.ports import Log, Page, Position, Published, Sweep
from schemas import rows
from schemas.change import Change
from schemas.errors import CoupledError
from schemas.mapping import Mappings, TableMapping
from schemas.side import Direction, Side
from schemas.topics import Topics

_MOST = 200
# Of the retry set of a `sync`, the records that are read and published together.
PAGE = 400
# A topic that was made anew never comes to where a wave ended.
_LONGEST = timedelta(minutes=10)
# What is through by then kept nobody waiting.
_SHORT = timedelta(seconds=5)
# In the position of a sweep: the key behind which failures are still to be read; and that the table is not begun.
_FAILED, _BEGIN = "failed", "begin"


@dataclass(frozen=True, slots=True)
class Due:
    """A failed record whose time has come; `key` is its id on the source side, `last_at` when it was last tried."""

    mapping: str
    direction: Direction
    key: str
    last_at: datetime | None = field(default=None, compare=False)


class Failures(Protocol):
    async def due(self, now: datetime, limit: int, served: Collection[tuple[str, Direction]]) -> Sequence[Due]:
        """Of these mappings and directions, in their order."""

    async def failed(self, mapping: str, direction: Direction, after: str, limit: int) -> Sequence[Due]:
        """The open failures of one direction that are not skipped, the retry set of a `sync`: the next `limit` of
        them behind the key `after`, in the order of their keys."""

    async def taken(self, due: Sequence[Due], now: datetime) -> None:
        """They are on the log, and not due again before their outcome, or a good while, has passed.

        One that was tried, or woken by its outcome, since `last_at` is left as it is.
        """


@dataclass(slots=True)
class _Wave:
    """What was put on a topic together, and when; `free_at` is known once all of it has its outcomes."""

    published: Published
    began: datetime
    free_at: datetime | None = None


class Retry:
    """Publishes due failures as they are on their side now. One worker at a time: the leader.

    However many there are, a change that happens now waits for few of them (promise 7): nothing is added to a topic
    before what was put there is `through`, nor, if that took long, before a rest as long as it took.
    """

    def __init__(
        self,
        mappings: Mappings,
        failures: Failures,
        records: Mapping[Side, Current],
        log: Log,
        topics: Topics,
        now: Callable[[], datetime],
        through: Callable[[Published], Awaitable[bool]],
    ) -> None:
        """`through` tells whether all that was published has its outcomes in the store."""
        self._mappings = mappings
        self._failures = failures
        self._records = records
        self._log = log
        self._topics = topics
        self._now = now
        self._through = through
        self._waves: dict[str, _Wave] = {}

    async def once(self) -> int:
        """How many records were put on the log again. CoupledError if a side or Kafka is away: its records stay due."""
        served = await self._free()
        due = await self._failures.due(self._now(), _MOST, served)
        count, trouble = 0, None
        for (name, direction), group in groupby(due, key=lambda one: (one.mapping, one.direction)):
            try:
                count += await self._again(self._mappings[name], direction, list(group))
            except CoupledError as error:  # the other side may be well
                trouble = error
        if trouble:
            raise trouble
        return count

    async def _free(self) -> list[tuple[str, Direction]]:
        """Mappings and directions whose topics may take more."""
        places = [(mapping, way) for mapping in self._mappings.all for way in mapping.direction.one_ways]
        topics = dict.fromkeys(self._topic(mapping, way) for mapping, way in places)
        free = {topic for topic in topics if await self._rested(topic)}
        return [(mapping.name, way) for mapping, way in places if self._topic(mapping, way) in free]

    async def _rested(self, topic: str) -> bool:
        wave, now = self._waves.get(topic), self._now()
        if wave is None:
            return True
        if wave.free_at is None:
            if now - wave.began < _LONGEST and not await self._through(wave.published):
                return False
            took = now - wave.began
            wave.free_at = now + (took if took > _SHORT else timedelta(0))
        return now >= wave.free_at

    def _topic(self, mapping: TableMapping, direction: Direction) -> str:
        return self._topics.table(direction.source, mapping.table(direction.source).name)

    async def _again(self, mapping: TableMapping, direction: Direction, due: Sequence[Due]) -> int:
        began = self._now()
        changes = await _read(self._records[direction.source], mapping, due, began)
        topic = self._topic(mapping, direction)
        published = await self._log.publish(topic, changes, packed=False)
        before = self._waves.get(topic)
        if before and before.free_at is None:  # another mapping's, of this round
            published, began = (
                replace(published, offsets={**before.published.offsets, **published.offsets}),
                before.began,
            )
        self._waves[topic] = _Wave(published, began)
        await self._failures.taken(due, self._now())
        return len(changes)


class FailedFirst:
    """A sweep that begins with the records that failed before, whether or not they were modified since.

    Those of them that the sweep finds too, as they were carried already, are left out (business-central-sync 3.3).
    """

    def __init__(
        self,
        sweep: Sweep,
        failures: Failures,
        records: Current,
        mapping: TableMapping,
        job: tuple[int, Direction],
        now: Callable[[], datetime],
    ) -> None:
        self._sweep, self._failures, self._records, self._mapping = sweep, failures, records, mapping
        self._job, self._direction = job
        self._now = now
        self._carried: dict[str, str] = {}

    async def read(self, position: Position | None) -> Page:
        position = position or {_FAILED: ""}
        if _FAILED in position:
            return await self._failed(position[_FAILED])
        page = await self._sweep.read(None if position.get(_BEGIN) else position)
        return replace(page, changes=tuple(one for one in page.changes if self._carried.get(one.key) != one.version))

    async def _failed(self, after: str) -> Page:
        due = await self._failures.failed(self._mapping.name, self._direction, after, PAGE)
        changes = await _read(self._records, self._mapping, due, self._now(), self._job)
        self._carried |= {change.key: change.version for change in changes}
        # An older version, which read them all at once, goes on with the sweep itself.
        left = {_FAILED: due[-1].key} if len(due) == PAGE else {}
        return Page(tuple(changes), {"next": "", _BEGIN: True, **left}, more=True)


async def _read(
    records: Current, mapping: TableMapping, due: Sequence[Due], now: datetime, job: int | None = None
) -> list[Change]:
    """The records as they are now, for this mapping only. One that is gone is told as deleted: if it was coupled, its
    deletion may be what failed; if not, nothing is left to carry."""
    table, now_ms = mapping.table(records.side), int(now.timestamp() * 1000)
    found = await records.changes(mapping, [one.key for one in due], now_ms)
    changes = (found.get(one.key) or rows.deletion(table, one.key, now_ms) for one in due)
    return [replace(change, job=job, mapping=mapping.name, retry=True) for change in changes]
