"""Records that went across with a blank are counted by an index, however many, and many causes of failures cost no more
questions than few."""

from dataclasses import replace

import pytest

from daemon.store.engine import Store
from schemas.coupling import Reference
from schemas.side import Side

from .asking import asked
from .conftest import Clock
from .made import CUSTOMER, NOWHERE, coupled, failed
from .test_many_failures import analyse, costs

MANY = 400
NOBODY = Reference("CONTACTS", Side.BC, "number", "nobody")


async def test_blanks_are_counted_and_listed_without_a_look_through_all_couplings(
    store: Store, clock: Clock, url: str
) -> None:
    made = [replace(coupled(f"b{n:04}", f"s{n:04}"), owed=(NOBODY,)) for n in range(MANY)]
    await store.memory.record(made, NOWHERE)
    analyse(url)
    with asked(store) as statements:
        assert await store.blanks.counts() == {CUSTOMER: MANY}
        assert len(await store.blanks.listed(limit=MANY)) == MANY
    found = costs(url, statements, "owed_references")
    assert len(found) == 2
    # Each with the coupling it is looked up by; SQLite counts some dozen steps for each.
    most = 100 * MANY if url.startswith("sqlite") else 3 * MANY
    assert {statement: cost for statement, cost in found.items() if cost > most} == {}


@pytest.mark.parametrize("number", [3, 120])
async def test_many_causes_are_told_by_as_many_questions_as_few(store: Store, number: int) -> None:
    await store.memory.record([failed(f"b{n}", f"code-{n % number}") for n in range(2 * number)], NOWHERE)
    with asked(store) as statements:
        causes = await store.views.causes(limit=200)
    assert [(one.count, len(one.examples)) for one in causes] == [(2, 2)] * number
    assert len(statements) <= 5
