"""A sweep: a table once through, resumable at every page (promises 5 and 6)."""

from collections.abc import Sequence
from typing import Any

import pytest

from producers.ports import Marks, Page, Position, Published
from producers.sweep import NEWEST, JobSweep
from schemas.change import Change
from schemas.job import Job
from schemas.side import Direction, Side
from tests.support.made import bc_row, change_of, mapping

MAPPING = mapping()
PAGES = [[1, 2], [5, 3], [4]]


class FakeShelf:
    """The table, the log and the positions of one job. `fault` is raised by the store when it is to note a page."""

    def __init__(self) -> None:
        self.marks: dict[str, Marks] = {}
        self.seen: list[int] = []
        self.counted = 0
        self.fault: Exception | None = None

    async def read(self, position: Position | None) -> Page:
        number = position["next"] if position else 0
        changes = tuple(change_of(MAPPING, Side.BC, bc_row(at=at), job=7) for at in PAGES[number])
        return Page(changes, {"next": number + 1}, number + 1 < len(PAGES))

    async def publish(self, topic: str, changes: Sequence[Change], packed: bool) -> Published:
        assert packed
        self.seen += [int(change.version[6:-1]) for change in changes]
        return Published(topic, {0: len(self.seen)})

    async def resume(self, name: str, log_id: str) -> Position | None:
        held = self.marks.get(name)
        if held and held.log_id != log_id:
            await self.begin(name, held.applied, log_id)
        return held and self.marks[name].published

    async def begin(self, name: str, position: Position, log_id: str) -> None:
        self.marks[name] = Marks(position, position, log_id)

    async def published(
        self, name: str, position: Position, page: Published, count: int, *, job: int | None = None
    ) -> None:
        if self.fault:
            fault, self.fault = self.fault, None
            raise fault
        assert job == 7
        self.counted += count
        self.marks[name] = Marks(position, self.marks[name].applied, self.marks[name].log_id)

    async def settle(self, name: str) -> bool:
        return True


async def swept(shelf: FakeShelf, log_id: str = "log-1", swept: bool = False) -> None:
    async def progress(count: int) -> None:
        assert count > 0

    sweep: Any = shelf
    job = Job(7, "r1", MAPPING.name, Direction.TO_SALES, swept=swept)
    await JobSweep(job, "coupled.bc.customers", sweep, log_id, sweep).run(sweep, progress)


async def test_every_record_is_published_once_and_counted() -> None:
    shelf = FakeShelf()
    await swept(shelf)
    assert (shelf.seen, shelf.counted) == ([1, 2, 5, 3, 4], 5)


async def test_the_newest_change_seen_is_remembered_wherever_it_stood() -> None:
    shelf = FakeShelf()
    await swept(shelf)
    newest = change_of(MAPPING, Side.BC, bc_row(at=5)).ts_ms
    assert shelf.marks["job:7"].published[NEWEST] == newest


async def test_a_sweep_that_is_done_is_not_repeated() -> None:
    shelf = FakeShelf()
    await swept(shelf)
    await swept(shelf)
    assert shelf.counted == 5


async def test_a_sweep_that_is_over_and_forgotten_does_not_begin_again() -> None:
    """The kill comes when the position has been forgotten, and before the job is finished (promise 6)."""
    shelf = FakeShelf()
    await swept(shelf)
    shelf.marks.clear()
    await swept(shelf, swept=True)
    assert shelf.counted == 5


async def test_a_sweep_goes_on_at_the_page_that_was_not_stored() -> None:
    shelf = FakeShelf()
    shelf.fault = OSError("killed")
    with pytest.raises(OSError, match="killed"):
        await swept(shelf)
    await swept(shelf)
    assert shelf.seen == [1, 2, 1, 2, 5, 3, 4]
    assert shelf.counted == 5


async def test_a_new_log_is_swept_again_from_what_was_applied() -> None:
    shelf = FakeShelf()
    await swept(shelf)
    held = shelf.marks["job:7"]
    shelf.marks["job:7"] = Marks(held.published, {"next": 2}, held.log_id)
    shelf.seen.clear()
    await swept(shelf, "log-2")
    assert shelf.seen == [4]
