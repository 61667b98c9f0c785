"""What the console counts: of a small store what is true now, of a large one what was counted once for all who ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from daemon.store import sharing
from daemon.store.engine import Store
from schemas.coupling import Reference
from schemas.outcome import Outcome
from schemas.side import Side

from .asking import asked
from .made import CUSTOMER, NOWHERE, coupled, ended, failed

NOBODY = Reference("CONTACTS", Side.BC, "number", "nobody")
Figure = Callable[[], Awaitable[object]]


def _of(store: Store) -> dict[str, Figure]:
    tallies = store.tallies
    figures = tallies.couplings, tallies.failures, tallies.blanks, tallies.open_failures, tallies.cause_list
    return {figure.__name__: figure for figure in figures}


async def _filled(store: Store) -> None:
    """Two causes, a conflict that both sides have noticed, and a blank."""
    await store.memory.record([failed("b1"), failed("b2"), failed("b3", "http-500")], NOWHERE)
    conflict = {"outcome": Outcome.CONFLICT}
    await store.memory.record([replace(failed("b4", "both", **conflict), partner="s4")], NOWHERE)
    await store.memory.record([replace(failed("s4", "both", side=Side.SALES, **conflict), partner="b4")], NOWHERE)
    await store.memory.record([replace(coupled("b5", "s5"), owed=(NOBODY,)), coupled("b6", "s6")], NOWHERE)


async def test_a_small_store_is_told_as_the_views_tell_it_at_once(store: Store) -> None:
    views, tallies = store.views, store.tallies
    for _ in range(2):
        await _filled(store)
        assert await tallies.couplings() == await views.coupling_counts() == {CUSTOMER: 2}
        assert await tallies.failures() == await views.failure_counts()
        assert await tallies.blanks() == await store.blanks.counts() == {CUSTOMER: 1}
        assert await tallies.open_failures() == len(await views.failures()) == 4
        for wanted in ({"mapping": CUSTOMER}, {"mapping": "OTHER"}, {"code": "http-500"}, {"cause": "none"}):
            assert await tallies.open_failures(**wanted) == len(await views.failures(**wanted))
        found = await tallies.cause_list()
        assert list(found.items) == await views.causes()
        assert (found.causes, found.records) == (3, 4)
        await store.memory.record([ended(key, Outcome.MODIFIED) for key in ("b1", "b2", "b3")], NOWHERE)
        assert await tallies.open_failures() == 1


async def test_causes_are_listed_from_so_many_on_and_those_of_a_code_or_mapping(store: Store) -> None:
    await _filled(store)
    tallies, every = store.tallies, await store.views.causes()
    part = await tallies.cause_list(offset=1, limit=1)
    assert (list(part.items), part.causes, part.records) == ([every[1]], 3, 4)
    only = await tallies.cause_list(code="http-500")
    assert ([one.problem.code for one in only.items], only.causes, only.records) == (["http-500"], 1, 1)
    assert (await tallies.cause_list("OTHER")).causes == 0
    assert await tallies.open_failures(cause=every[0].id) == every[0].count


@pytest.mark.parametrize("name", ["couplings", "failures", "blanks", "open_failures", "cause_list"])
async def test_a_large_store_is_counted_once_for_all_who_ask(
    store: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "FEW", 0)
    await _filled(store)
    figure = _of(store)[name]
    with asked(store) as statements:
        told = await asyncio.gather(*(figure() for _ in range(4)))
    counted = [statement for statement, _ in statements if "count(" in statement]
    assert len(counted) == len(set(counted)) > 0
    assert told == [told[0]] * 4


async def test_a_store_that_is_closed_while_it_counts_leaves_nothing_behind(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "FEW", 0)
    await _filled(store)
    before = asyncio.all_tasks()
    asking = asyncio.create_task(store.tallies.couplings())
    await asyncio.sleep(0)
    await store.close()
    await asyncio.wait([asking])
    assert asyncio.all_tasks() == before
