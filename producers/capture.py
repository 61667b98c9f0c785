"""Live capture of one table: read after the position, publish, remember the position (promise 1).

The position has two marks (promise 5): *published*, what Kafka has acknowledged, and *applied*, what is surely in the
store. On the same log capture goes on from published; if the log is a new one, from applied.
"""

from collections.abc import Awaitable, Callable

import structlog

from producers.ports import Log, Position, Positions, Source
from schemas.errors import CoupledError

_log = structlog.get_logger(__name__)
Clock = Callable[[], float]


class Capture:
    """Reads one table's changes to its topic. One instance per table, on one worker at a time.

    `deleted` publishes the deletions that nobody told, where a gap in what is told may hide some; see `Deletions.once`.
    """

    def __init__(
        self,
        source: Source,
        topic: str,
        log: Log,
        log_id: str,
        positions: Positions,
        deleted: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self.name = f"live:{source.table.side.value}:{source.table.name}"
        self.topic = topic
        self._source = source
        self._log = log
        self._log_id = log_id
        self._positions = positions
        self._deleted = deleted
        self._position: Position | None = None

    async def once(self) -> int:
        """Publishes everything that changed since last time; how many changes. ApiError if the side is away."""
        try:
            return await self._once()
        except CoupledError:
            # The store may have set the position back (the topic was made anew): it knows where to go on.
            self._position = None
            raise

    async def _once(self) -> int:
        if self._position is None:
            self._position = await self._resume()
        count, more = 0, True
        while more:
            page = await self._source.read(self._position)
            published = await self._log.publish(self.topic, page.changes, packed=False) if page.changes else None
            if page.gap:
                await self._close()
            if published:
                await self._positions.published(self.name, page.position, published, len(page.changes))
            self._position, more = page.position, page.more
            count += len(page.changes)
        await self._positions.settle(self.name)
        return count

    async def _close(self) -> None:
        """Before the position passes the gap. What a person has to look into first is told, and keeps nothing else."""
        if self._deleted is None:
            return
        try:
            await self._deleted()
        except CoupledError as error:
            if not error.for_good:
                raise
            _log.warning("deletions_not_looked_for", table=self.name, error=str(error))

    def rest(self) -> None:
        """Another worker captures now: when it is our turn again, the position is read anew."""
        self._position = None

    async def _resume(self) -> Position:
        position = await self._positions.resume(self.name, self._log_id)
        if position is None:
            position = await self._source.start()
            await self._positions.begin(self.name, position, self._log_id)
            _log.info("capture_started", table=self.name)
        return position
