"""Failed records are carried again on the same road as everything else (promise 7)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from producers.current import Current
from producers.ports import Page, Position, Published
from producers.retry import PAGE as RETRY_PAGE
from producers.retry import Due, FailedFirst, Retry
from schemas.change import Change, Op, decode, encode
from schemas.errors import ApiError
from schemas.mapping import TableMapping
from schemas.side import Direction, Side
from schemas.topics import Topics
from tests.support.made import bc_row, mapping, mappings, part

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TO_SALES = Direction.TO_SALES
MAPPING = mapping()
ROW = bc_row()
HERE, GONE = Due(MAPPING.name, TO_SALES, ROW["id"]), Due(MAPPING.name, TO_SALES, "00000000-0000-0000-0000-00000000dead")


class Desk:
    """The failures, the sides and the log."""

    def __init__(self, *open_ones: Due) -> None:
        self.open = list(open_ones)
        self.was_taken: list[Due] = []
        self.published: list[tuple[str, Change]] = []
        self.away = False
        self.now = NOON
        self.applied = True

    async def due(self, now: datetime, limit: int, served: Collection[tuple[str, Direction]]) -> Sequence[Due]:
        return [one for one in self.open if (one.mapping, one.direction) in served]

    async def failed(self, name: str, direction: Direction, after: str, limit: int) -> Sequence[Due]:
        return sorted((one for one in self.open if one.key > after), key=lambda one: one.key)[:limit]

    async def taken(self, due: Sequence[Due], now: datetime) -> None:
        self.was_taken += due

    async def read(self, table: TableMapping, ids: Sequence[str]) -> Mapping[str, Any]:
        if self.away:
            raise ApiError(503, "", "away")
        return {key: ROW for key in ids if key == ROW["id"]}

    async def publish(self, topic: str, changes: Sequence[Change], packed: bool) -> Published:
        self.published += [(topic, change) for change in changes]
        return Published(topic, {0: len(self.published)})

    def retry(self) -> Retry:
        known = mappings(part(MAPPING.name))
        records = {side: Current(side, self) for side in Side}
        return Retry(known, self, records, self, Topics(), lambda: self.now, self.through)

    async def through(self, published: Published) -> bool:
        return self.applied


async def test_a_due_record_goes_on_its_topic_as_it_is_now_for_its_mapping_only() -> None:
    desk = Desk(HERE)
    assert await desk.retry().once() == 1
    ((topic, change),) = desk.published
    assert topic == "coupled.bc.customers"
    assert (change.op, change.key, change.mapping, change.job) == (Op.READ, ROW["id"], MAPPING.name, None)
    assert change.retry
    assert decode(encode(change)) == [change]
    assert desk.was_taken == [HERE]


async def test_a_record_that_no_longer_exists_is_told_as_deleted() -> None:
    desk = Desk(GONE)
    assert await desk.retry().once() == 1
    ((_, change),) = desk.published
    assert (change.op, change.key, change.mapping, change.retry) == (Op.DELETE, GONE.key, MAPPING.name, True)
    assert decode(encode(change)) == [change]


async def test_while_the_side_is_away_everything_stays_due() -> None:
    desk = Desk(HERE)
    desk.away = True
    with pytest.raises(ApiError):
        await desk.retry().once()
    assert (desk.was_taken, desk.published) == ([], [])


async def put(*looks: tuple[int, bool]) -> list[int]:
    """How many are put on a topic at each look: so many seconds after the look before, its last ones through or not."""
    desk = Desk(HERE)
    retry = desk.retry()
    assert await retry.once() == 1
    found = []
    for seconds, applied in looks:
        desk.applied = applied
        desk.now += timedelta(seconds=seconds)
        found.append(await retry.once())
    return found


async def test_what_happens_now_waits_for_few_of_many_that_failed() -> None:
    """Nothing more is put on a topic before its last ones are through, and a rest as long as that took is over."""
    assert await put((20, False), (0, True), (19, True), (1, True)) == [0, 0, 0, 1]


async def test_a_topic_that_never_comes_there_is_not_waited_for_for_ever() -> None:
    """It was made anew."""
    *_, last = await put((600, False), (600, False))
    assert last == 1


async def test_failures_of_a_mapping_that_has_left_the_file_are_left_alone() -> None:
    desk = Desk(Due("GONE", TO_SALES, ROW["id"]))
    assert await desk.retry().once() == 0


class OnePage:
    async def read(self, position: Position | None) -> Page:
        assert position is None
        return Page((), {"next": ""}, more=False)


async def test_a_sync_begins_with_what_failed_before_counted_in_its_job() -> None:
    desk = Desk(HERE, GONE)
    sweep = _failed_first(desk)
    first = await sweep.read(None)
    assert [(change.key, change.op, change.job) for change in first.changes] == [
        (GONE.key, Op.DELETE, 7),
        (ROW["id"], Op.READ, 7),
    ]
    assert first.more
    assert "next" in first.position
    assert not (await sweep.read(first.position)).more


async def test_many_that_failed_before_are_read_page_by_page_and_gone_on_with_after_a_kill() -> None:
    """A hundred thousand of them in one page would be read for minutes, and all again after a kill in between."""
    keys = [f"{number:06}" for number in range(2 * RETRY_PAGE + 1)]
    desk = Desk(*(Due(MAPPING.name, TO_SALES, key) for key in keys))
    read, position = list[list[str]](), None
    while position is None or "failed" in position:
        page = await _failed_first(desk).read(position)  # another sweep, each time, as after a kill
        assert page.more
        read.append([change.key for change in page.changes])
        position = page.position
    assert [len(page) for page in read] == [RETRY_PAGE, RETRY_PAGE, 1]
    assert [key for page in read for key in page] == keys
    assert not (await _failed_first(desk).read(position)).more


def _failed_first(desk: Desk) -> FailedFirst:
    return FailedFirst(OnePage(), desk, Current(Side.BC, desk), MAPPING, (7, TO_SALES), lambda: NOON)
