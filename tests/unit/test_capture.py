"""Live capture: the position moves after the acknowledgement only, and goes back for a new log (promises 1 and 5)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from producers.capture import Capture
from producers.ports import Marks, Page, Position, Published
from schemas.change import Change
from schemas.errors import ApiError, ConfigurationError, CoupledError, Unreachable
from schemas.mapping import Table
from schemas.side import Side
from tests.support.made import bc_row, change_of, mapping

MAPPING = mapping()
Event = tuple[Any, ...]


class FakeSource:
    """A table whose changes are numbered from 1; three to a page."""

    def __init__(self, count: int) -> None:
        self.changes = [change_of(MAPPING, Side.BC, bc_row(at=number + 1)) for number in range(count)]
        self.faults: list[Exception] = []
        self.gaps: set[int] = set()

    @property
    def table(self) -> Table:
        return MAPPING.bc

    async def start(self) -> Position:
        return {"at": 0}

    async def read(self, position: Position) -> Page:
        if self.faults:
            raise self.faults.pop(0)
        start = position["at"]
        end = min(start + 3, len(self.changes))
        return Page(tuple(self.changes[start:end]), {"at": end}, end < len(self.changes), end in self.gaps)


class FakeLog:
    """Kafka, and the store's positions beside it; `story` is what happened in order."""

    def __init__(self) -> None:
        self.story: list[Event] = []
        self.marks: dict[str, Marks] = {}
        self.values: list[str] = []
        self.publish_faults: list[Exception] = []
        self.store_faults: list[Exception] = []

    async def publish(self, topic: str, changes: Sequence[Change], packed: bool) -> Published:
        if self.publish_faults:
            raise self.publish_faults.pop(0)
        assert not packed
        self.story.append(("acknowledged", len(changes)))
        self.values += [change.version for change in changes]
        return Published(topic, {0: len(self.values) - 1})

    async def resume(self, name: str, log_id: str) -> Position | None:
        held = self.marks.get(name)
        if held and held.log_id != log_id:
            await self.begin(name, held.applied, log_id)
        return held and self.marks[name].published

    async def begin(self, name: str, position: Position, log_id: str) -> None:
        self.story.append(("began", position["at"], log_id))
        self.marks[name] = Marks(position, position, log_id)

    async def published(
        self, name: str, position: Position, page: Published, count: int, *, job: int | None = None
    ) -> None:
        if self.store_faults:
            raise self.store_faults.pop(0)
        self.story.append(("stored", position["at"], count, dict(page.offsets)))
        held = self.marks[name]
        self.marks[name] = Marks(position, held.applied, held.log_id)

    async def settle(self, name: str) -> bool:
        self.story.append(("settled",))
        return True

    def applied(self, at: int) -> None:
        """The consumers have stored the outcomes up to here."""
        (name,) = self.marks
        self.marks[name] = Marks(self.marks[name].published, {"at": at}, self.marks[name].log_id)


def capture(source: FakeSource, log: FakeLog, log_id: str = "log-1") -> Capture:
    return Capture(source, "coupled.bc.customers", log, log_id, log)


async def test_a_page_is_stored_after_kafka_has_acknowledged_it() -> None:
    log = FakeLog()
    assert await capture(FakeSource(4), log).once() == 4
    assert log.story == [
        ("began", 0, "log-1"),
        ("acknowledged", 3),
        ("stored", 3, 3, {0: 2}),
        ("acknowledged", 1),
        ("stored", 4, 1, {0: 3}),
        ("settled",),
    ]


async def test_a_page_that_kafka_refuses_is_published_again() -> None:
    source, log = FakeSource(2), FakeLog()
    reader = capture(source, log)
    log.publish_faults = [OSError("no broker")]
    with pytest.raises(OSError, match="broker"):
        await reader.once()
    assert log.story == [("began", 0, "log-1")]
    assert await reader.once() == 2


async def test_a_page_whose_position_was_not_stored_is_published_again() -> None:
    log = FakeLog()
    reader = capture(FakeSource(2), log)
    log.store_faults = [OSError("no store")]
    with pytest.raises(OSError, match="store"):
        await reader.once()
    await reader.once()
    assert log.values == ['W/"bc-1"', 'W/"bc-2"'] * 2


async def test_a_side_that_is_away_keeps_the_position() -> None:
    source, log = FakeSource(2), FakeLog()
    reader = capture(source, log)
    source.faults = [ApiError(503, "", "away")]
    with pytest.raises(ApiError):
        await reader.once()
    assert await reader.once() == 2


@pytest.mark.parametrize("error", [ApiError(503, "", "away"), Unreachable("kafka", "away")])
async def test_deletions_in_a_gap_are_looked_for_before_the_position_passes_it(error: CoupledError) -> None:
    source, log, faults = FakeSource(4), FakeLog(), [error]
    source.gaps.add(4)

    async def deleted() -> int:
        log.story.append(("looked for deletions",))
        if faults:
            raise faults.pop()
        return 0

    reader = Capture(source, "coupled.bc.customers", log, "log-1", log, deleted)
    with pytest.raises(type(error)):
        await reader.once()
    assert log.marks[reader.name].published == {"at": 3}
    log.story.clear()
    await reader.once()
    assert log.story == [("acknowledged", 1), ("looked for deletions",), ("stored", 4, 1, {0: 4}), ("settled",)]


@pytest.mark.parametrize("error", [ApiError(403, "", "no"), ConfigurationError("deletions-held-back", "too many")])
async def test_deletions_that_cannot_be_looked_for_are_told_and_stop_no_changes(error: CoupledError) -> None:
    source, log = FakeSource(4), FakeLog()
    source.gaps.add(4)

    async def deleted() -> int:
        raise error

    with capture_logs() as logs:
        assert await Capture(source, "coupled.bc.customers", log, "log-1", log, deleted).once() == 4
    assert "deletions_not_looked_for" in {line["event"] for line in logs}


async def test_nothing_new_publishes_nothing() -> None:
    log = FakeLog()
    reader = capture(FakeSource(1), log)
    await reader.once()
    log.story.clear()
    assert await reader.once() == 0
    assert log.story == [("settled",)]


async def test_the_same_log_is_gone_on_with_from_what_was_published() -> None:
    log = FakeLog()
    await capture(FakeSource(4), log).once()
    log.applied(1)
    log.values.clear()
    await capture(FakeSource(5), log).once()
    assert log.values == ['W/"bc-5"']


async def test_a_new_log_is_filled_from_what_was_applied() -> None:
    log = FakeLog()
    await capture(FakeSource(4), log).once()
    log.applied(1)
    log.values.clear()
    await capture(FakeSource(4), log, "log-2").once()
    assert log.values == ['W/"bc-2"', 'W/"bc-3"', 'W/"bc-4"']
    assert ("began", 1, "log-2") in log.story


async def test_after_a_rest_the_position_is_read_anew() -> None:
    log = FakeLog()
    reader = capture(FakeSource(4), log)
    await reader.once()
    (name,) = log.marks
    log.marks[name] = Marks({"at": 2}, {"at": 2}, "log-1")  # another worker's doing
    reader.rest()
    assert await reader.once() == 2


async def test_a_position_that_the_store_set_back_is_gone_on_with() -> None:
    """The topic was made anew: the store goes back to what is applied, and says so (promise 5)."""
    source, log = FakeSource(3), FakeLog()
    it = capture(source, log)
    await it.once()
    log.applied(1)
    source.changes.append(change_of(MAPPING, Side.BC, bc_row(at=9)))
    log.store_faults = [Unreachable("topic-went-back", "The topic was made anew.")]
    with pytest.raises(Unreachable):
        await it.once()
    log.marks[it.name] = replace(log.marks[it.name], published={"at": 1})
    await it.once()
    assert log.marks[it.name].published == {"at": 4}
    assert ("stored", 4, 3, {0: 6}) in log.story
