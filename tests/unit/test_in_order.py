"""What a sweep of Business Central reads, and is older by its time than what is known of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from producers.current import Current, InOrder
from producers.ports import Page, Position
from schemas import rows
from schemas.change import Change, Op
from schemas.mapping import TableMapping
from schemas.side import Side
from tests.support.made import bc_row, mapping

MAPPING, JOB = mapping(), 7
EARLY, NOON, LATE = ("2026-01-01T11:00:00Z", "2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z")
NOW = 1_767_268_800_000


def row(at: str) -> dict[str, Any]:
    return {**bc_row(), "@odata.etag": f'W/"{at}"', "lastModifiedDateTime": at}


def swept(at: str) -> Change:
    return rows.change(MAPPING.bc, row(at), Op.READ, NOW, (JOB, MAPPING.name))


class World:
    """A page of one record as it was `read`, what is known of it, and how it is `now`; None: it is gone."""

    def __init__(self, read: str, known: str | None, now: str | None) -> None:
        self._read, self._known, self._now = read, known, now
        self.asked: list[str] = []

    async def page(self) -> Change:
        (change,) = (
            await InOrder(Swept(self._read), Current(Side.BC, self, self), MAPPING, lambda: NOW).read(None)
        ).changes
        return change

    async def heights(self, name: str, side: Side, ids: Iterable[str]) -> Mapping[str, int]:
        return {key: swept(self._known).sequence for key in ids} if self._known else {}

    async def read(self, table: TableMapping, ids: Sequence[str]) -> Mapping[str, Any]:
        self.asked += ids
        return {key: row(self._now) for key in ids} if self._now else {}


class Swept:
    def __init__(self, at: str) -> None:
        self._at = at

    async def read(self, position: Position | None) -> Page:
        return Page((swept(self._at),), {"next": ""}, more=False)


@pytest.mark.parametrize("known", [None, EARLY, NOON])
async def test_what_is_no_older_than_what_is_known_is_not_asked_for_again(known: str | None) -> None:
    world = World(NOON, known, LATE)
    assert await world.page() == swept(NOON)
    assert world.asked == []


async def test_a_newer_version_that_was_carried_while_the_page_was_on_its_way_stands_in_for_it() -> None:
    assert await World(EARLY, NOON, NOON).page() == swept(NOON)


async def test_what_is_still_so_counts_as_of_unknown_order() -> None:
    """The clock was set back since: the record is as it was read."""
    change = await World(EARLY, NOON, EARLY).page()
    assert (change.version, change.sequence) == (swept(EARLY).version, 0)
    assert (change.job, change.mapping, change.retry) == (JOB, MAPPING.name, False)


async def test_what_is_gone_is_left_as_it_was_read() -> None:
    assert await World(EARLY, NOON, None).page() == swept(EARLY)
