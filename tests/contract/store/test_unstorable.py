"""What a database cannot hold is told from a database that does not answer, and stops no other record (promise 7)."""

import random

import pytest
from sqlalchemy import text

from consumers.patience import Patience
from consumers.ports import Applied
from consumers.push import Push
from consumers.synchronise import Message, Synchronise
from daemon.store.engine import Store
from schemas.change import encode
from schemas.coupling import Reference
from schemas.errors import CoupledError, Unreachable
from schemas.side import Side
from tests.support.made import part
from tests.support.river import River, at_once

from .made import CUSTOMER, NOWHERE, TOPIC, coupled

NOISE = "".join(random.Random(1).choices("0123456789abcdefghijklmnopqrstuvwxyz", k=20_000))


@pytest.fixture
def on_postgresql(url: str) -> None:
    if url.startswith("sqlite"):
        pytest.skip("SQLite holds anything")


@pytest.mark.usefixtures("on_postgresql")
@pytest.mark.parametrize("value", ["a\0b", NOISE], ids=["a zero character", "too long for an index"])
async def test_a_value_that_cannot_be_held_is_no_outage(store: Store, value: str) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, but ours
        await store.memory.record([coupled("b1", "s1", number=value)], NOWHERE)

    assert not isinstance(caught.value, CoupledError)


@pytest.mark.usefixtures("on_postgresql")
async def test_a_value_that_cannot_be_asked_for_is_no_outage(store: Store) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, but ours
        await store.memory.lookups([Reference(CUSTOMER, Side.BC, "code", "a\0b")])

    assert not isinstance(caught.value, CoupledError)


async def test_a_number_that_cannot_be_held_is_no_outage(store: Store) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, but ours
        await store.memory.record([], Applied(TOPIC, "log-1", {0: 2**70}))

    assert not isinstance(caught.value, CoupledError)


async def test_a_table_that_is_missing_is_an_outage(store: Store) -> None:
    """It is not the records' fault, so they wait."""
    async with store.database.write() as connection:
        await connection.execute(text("DROP TABLE coupling_references"))

    with pytest.raises(Unreachable, match="coupling_references"):
        await store.memory.record([coupled("b1", "s1", number="1")], NOWHERE)


@pytest.mark.usefixtures("on_postgresql")
async def test_a_record_that_postgresql_chokes_on_stops_no_other(store: Store) -> None:
    river = _river()
    synchronise = _over(river, store)
    bad, good = (river.new(Side.BC, displayName=name, currencyCode=code) for name, code in (("A", "\0"), ("B", "")))
    topic = river.topic(Side.BC)
    messages = [Message(0, number, None, encode(change)) for number, change in enumerate((bad, good))]

    [(refused, reason)] = await synchronise.batch(topic, "log-1", messages)

    assert refused == messages[0]
    assert "NUL" in reason
    assert [row["name"] for row in river.rows(Side.SALES)] == ["B"]
    assert (await store.memory.applied(topic, "log-1")).offsets == {0: 1}


def _river() -> River:
    currency = part(
        "CURRENCY",
        bc={"table": "currencies"},
        sales={"table": "transactioncurrencies"},
        fields=[{"bc": "code", "sales": "isocurrencycode"}],
    )
    name = {"bc": "displayName", "sales": "name"}
    code = {"bc": "currencyCode", "sales": "transactioncurrencyid", "lookup": "CURRENCY"}
    return River(part(only_coupled=False, fields=[name, code]), currency)


def _over(river: River, store: Store) -> Synchronise:
    pushes = {side: Push(river.sides[side], store.memory, side, at_once, Patience((1,)), river.now) for side in Side}
    return Synchronise(river.mappings, store.memory, pushes)
