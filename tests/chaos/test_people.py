"""The checker knows the truth: what both sides agree on may still not be what was written last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from daemon.sandbox.seed import seed
from tests.chaos.books import Books
from tests.chaos.people import People
from tests.support.stage import Stage
from tests.support.stage_mappings import standard

_DATA = seed(customers=2, seed=1)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(tmp_path, _DATA.bc, _DATA.sales, standard(CONTACTS={"on_delete": "delete"})) as made:
        await made.full_sync(answer="keep")
        await made.live()
        yield made


@pytest.fixture
async def people(stage: Stage, tmp_path: Path) -> People:
    """After some work that the daemon has carried."""
    made = People(stage.bc, stage.sales, Books(tmp_path / "stage.db"), {"customers": 0, "contacts": 0})
    random = Random(1)
    for _ in range(7):
        made.work(random)
        for side in (stage.bc, stage.sales):
            side.disarm()
        await stage.live()
        made.all_is_across()
    stage.clock.tick(3600)
    await stage.look_for_deletions()
    await stage.live()
    return made


async def test_what_the_daemon_has_carried_is_found(people: People) -> None:
    assert people.lost() == []
    assert min(people.edits, people.made, people.deletions) > 0
    assert people.compared > 0


async def test_an_older_value_on_both_sides_is_lost_though_they_are_equal(people: People, stage: Stage) -> None:
    for row in stage.bc.rows("customers"):
        stage.bc.edit(f"customers({row['id']})", addressLine2="+61 0")
    await stage.live()
    found = people.lost()
    assert {word for line in found for word in ("addressLine2", "address1_line2") if word in line} == {
        "addressLine2",
        "address1_line2",
    }
    assert all("'+61 0', where" in line for line in found)


async def test_a_newcomer_that_is_there_twice_on_both_sides_is_told(people: People, stage: Stage) -> None:
    stage.bc.create("customers", displayName="Newcomer 1", email="again@example.com")
    await stage.live()
    assert {line for line in people.lost() if "2 times" in line}
