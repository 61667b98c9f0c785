"""What seems to be an old version, and is read anew."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from consumers.anew import Anew
from schemas import rows
from schemas.change import Change, Op, Version
from schemas.coupling import Coupling, Half
from schemas.errors import ApiError
from schemas.mapping import TableMapping
from schemas.side import Side
from tests.support.made import bc_row, mapping, sales_row

MAPPING, JOB = mapping(), 7
EARLY, NOON, LATE = ("2026-01-01T11:00:00Z", "2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z")
NOW = 1_767_268_800_000


def row(at: str) -> dict[str, Any]:
    return {**bc_row(), "@odata.etag": f'W/"{at}"', "lastModifiedDateTime": at}


def told(at: str, retry: bool = False) -> Change:
    return replace(rows.change(MAPPING.bc, row(at), Op.READ, NOW, (JOB, MAPPING.name)), retry=retry)


class World:
    """A record as it is `now`; None: it is gone. `failing`: what the side answers instead."""

    def __init__(self, now: Mapping[str, Any] | None, failing: ApiError | None = None) -> None:
        self._now, self._failing = now, failing
        self.asked: list[str] = []

    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Any]:
        self.asked += ids
        if self._failing:
            raise self._failing
        return {key: self._now for key in ids if self._now is not None}

    async def seen(self, change: Change, known: str = NOON, failed: str = "") -> Change:
        """The change, where the record is coupled, or has failed, in the version of that time."""
        half, key = Half(change.key, sequence=told(known).sequence), (MAPPING.name, change.key)
        couplings = {} if failed else {key: Coupling.of(MAPPING.name, change.side, half, Half("partner"))}
        versions = {change.key: Version("", told(failed).sequence)} if failed else {}
        anew = Anew(dict.fromkeys(Side, self))
        return (await anew.read(MAPPING, {change.key: change}, couplings, versions))[change.key]


@pytest.mark.parametrize("failed", ["", NOON])
async def test_what_is_still_so_counts_as_of_unknown_order(failed: str) -> None:
    assert await World(row(EARLY)).seen(told(EARLY), failed=failed) == replace(told(EARLY), sequence=0)


@pytest.mark.parametrize("now", [row(LATE), None])
async def test_what_is_another_version_by_now_or_gone_stays_old(now: Mapping[str, Any] | None) -> None:
    assert await World(now).seen(told(EARLY)) == told(EARLY)


async def test_what_somebody_asked_for_is_carried_as_it_is_now() -> None:
    assert await World(row(LATE)).seen(told(EARLY, retry=True)) == replace(told(LATE, retry=True), sequence=0)


@pytest.mark.parametrize("at", [NOON, LATE])
async def test_nobody_asks_for_what_is_not_older(at: str) -> None:
    world = World(row(EARLY))
    assert (await world.seen(told(at)), world.asked) == (told(at), [])


async def test_sales_orders_its_versions_itself() -> None:
    world, change = World({}), rows.change(MAPPING.sales, sales_row(), Op.UPDATE, NOW)
    assert (await world.seen(replace(change, sequence=1)), world.asked) == (replace(change, sequence=1), [])


async def test_a_side_that_is_away_is_waited_for_and_one_that_refuses_changes_nothing() -> None:
    with pytest.raises(ApiError):
        await World(None, ApiError(503, "", "away")).seen(told(EARLY))
    assert await World(None, ApiError(403, "", "no")).seen(told(EARLY)) == told(EARLY)
