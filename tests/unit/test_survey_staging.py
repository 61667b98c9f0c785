"""Both sides are read once through, and a kill at any page loses and repeats none (promise 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from consumers.survey.ports import Position, Row
from consumers.survey.staging import read_both, staged
from schemas.change import Change, Op
from schemas.side import Side
from tests.support.fakes import Killed

JOB = 7


@dataclass(frozen=True)
class Page:
    changes: Sequence[Change]
    position: Position
    more: bool


class Pages:
    """A table of numbered records, `size` to a page."""

    def __init__(self, side: Side, count: int, size: int = 2) -> None:
        self.side, self.count, self.size = side, count, size
        self.reads: list[int] = []

    async def read(self, position: Position | None) -> Page:
        start = int(position["next"]) if position else 0
        self.reads.append(start)
        end = min(start + self.size, self.count)
        return Page([_change(self.side, n) for n in range(start, end)], {"next": str(end)}, end < self.count)


class MemoryStaging:
    """`left` is how many pages are kept before the process is killed."""

    def __init__(self) -> None:
        self.kept: dict[Side, dict[str, Row]] = {side: {} for side in Side}
        self.positions: dict[Side, Position] = {}
        self.left = 1_000

    async def position(self, job: int, side: Side) -> Position:
        return self.positions.get(side, {})

    async def stage(self, job: int, side: Side, changes: Sequence[Change], position: Position) -> None:
        if not self.left:
            raise Killed
        self.left -= 1
        self.kept[side] |= {one.key: one.after or {} for one in changes}
        self.positions[side] = position

    async def page(self, job: int, side: Side, after: str, limit: int) -> list[tuple[str, Row]]:
        return sorted((key, row) for key, row in self.kept[side].items() if key > after)[:limit]

    async def rows(self, job: int, side: Side, ids: Sequence[str]) -> Mapping[str, Row]:
        return {key: self.kept[side][key] for key in ids if key in self.kept[side]}

    async def forget(self, job: int) -> None:
        self.__init__()  # type: ignore[misc]


def _change(side: Side, number: int) -> Change:
    row: dict[str, Any] = {"id": f"{number:04d}"}
    return Change(Op.READ, side, "t", row["id"], row, "", 0, 0, 0)


async def _nothing(count: int) -> None:
    return None


@pytest.mark.parametrize("kills", range(6))
async def test_a_kill_after_any_page_neither_loses_nor_repeats_one(kills: int) -> None:
    staging, told = MemoryStaging(), list[int]()
    sweeps = {Side.BC: Pages(Side.BC, 5), Side.SALES: Pages(Side.SALES, 3)}

    async def progress(count: int) -> None:
        told.append(count)

    staging.left = kills
    if kills < 5:
        with pytest.raises(Killed):
            await read_both(JOB, sweeps, staging, progress)
    staging.left = 1_000
    await read_both(JOB, sweeps, staging, progress)

    assert {side: len(kept) for side, kept in staging.kept.items()} == {Side.BC: 5, Side.SALES: 3}
    assert told == [2, 2, 1, 2, 1]


async def test_an_empty_side_is_read_once() -> None:
    staging, pages = MemoryStaging(), Pages(Side.BC, 0)
    for _ in range(2):
        await read_both(JOB, {Side.BC: pages}, staging, _nothing)
    assert pages.reads == [0]


async def test_staged_rows_come_back_all_once() -> None:
    staging = MemoryStaging()
    await read_both(JOB, {Side.BC: Pages(Side.BC, 1201, 100)}, staging, _nothing)
    found = [key for page in [page async for page in staged(JOB, Side.BC, staging)] for key, _ in page]
    assert found == [f"{n:04d}" for n in range(1201)]
