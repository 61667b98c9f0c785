"""Many changes at once travel in few requests, through the real streams: requests are what users pay for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import ceil

import pytest

from tests.support.simulators import Side
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = pytest.mark.both_brokers

CUSTOMERS, BATCH = 250, 100


@pytest.fixture(scope="module")
def many(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("many"), bootstrap, customers=CUSTOMERS) as world, world.daemon():
        world.full_sync("restore", mappings=["CURRENCY", "SALESPEOPLE", "CUSTOMER"])
        yield world


def batches(side: Side, since: int) -> list[int]:
    """The number of writes in each batch."""
    found, parts = [], 0
    for entry in side.log(since):
        parts += entry.part and entry.write
        if entry.path.endswith("$batch") and not entry.part:
            found, parts = [*found, parts], 0
    return found


@pytest.mark.parametrize(("here", "there", "field"), [("bc", "sales", "city"), ("sales", "bc", "address1_city")])
def test_a_burst_of_edits_is_written_in_full_batches(many: World, here: str, there: str, field: str) -> None:
    source, target = getattr(many, here), getattr(many, there)
    table = {"bc": "customers", "sales": "accounts"}[here]
    many.quiet()
    known = {row["id"] for row in many.bc.rows("customers")} & {row["accountid"] for row in many.sales.rows("accounts")}
    with source.unseen(table), ThreadPoolExecutor(4) as people:
        list(people.map(lambda key: source.edit(f"{table}({key})", **{field: f"Moved by {here}"}), sorted(known)))
        since = target.mark()
    wait_until(lambda: sum(batches(target, since)) >= len(known), 60, "all edits on the other side")
    # One more than the fewest: a machine that stalls in mid-burst may cut it in two.
    assert len(batches(target, since)) <= ceil(len(known) / BATCH) + 1
