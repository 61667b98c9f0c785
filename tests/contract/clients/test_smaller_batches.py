"""A batch that fails as a whole is sent again in smaller ones, down to the record that is the cause (promise 7)."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import orjson
import pytest

from consumers.business_central import BusinessCentralTarget
from consumers.dataverse import DataverseTarget
from consumers.decide import decide
from consumers.odata import Send
from consumers.patience import Patience
from consumers.push import Push
from consumers.sizes import Size
from daemon.sandbox.business_central import BcSettings, create_app
from daemon.sandbox.dataverse import DataverseSettings
from daemon.sandbox.dataverse import create_app as create_dataverse
from daemon.sessions import session
from schemas.change import Op
from schemas.errors import BatchError
from schemas.flags import Flags
from schemas.outcome import Outcome, Settled
from schemas.rows import change
from schemas.side import Side
from schemas.write import Answer, Write, Written
from tests.contract.clients.client_support import (
    COMPANY,
    CUSTOMER,
    GUID,
    MAPPINGS,
    NOW_MS,
    Ticker,
    error,
    json,
    settings,
)
from tests.support.fakes import FakeMemory

ITEMS = MAPPINGS["ITEM-PRODUCT"]
POISON = "Poison"


class Gateway(httpx.AsyncBaseTransport):
    """Stands before a simulator and answers some writes in its place, after or before they took effect."""

    def __init__(
        self,
        side: Side,
        refuses: Callable[[int, str], int | None],
        *,
        after: bool = False,
        reads: Callable[[int], int | None] = lambda parts: None,
    ) -> None:
        self._side, self._refuses, self._after, self._reads = side, refuses, after, reads
        ticker = Ticker()
        made = create_app(BcSettings(), {}, ticker.moment) if side is Side.BC else None
        self.app = made or create_dataverse(DataverseSettings(), {}, ticker.moment)
        self._inner = httpx.ASGITransport(self.app)
        self.ticker, self.sizes = ticker, list[int]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        text, parts = request.content.decode(), _parts(request)
        status = self._refuses(parts, text) if parts else self._reads(text.count("\r\nGET "))
        self.sizes += [parts] if parts else []
        if status is None or self._after:
            answer = await self._inner.handle_async_request(request)
            await answer.aread()
        if status is None:
            return answer
        if not status:
            raise httpx.ReadError("the connection was lost")
        return json(status, {"error": {"code": "", "message": f"refused, {parts} parts"}})

    @property
    def client(self) -> httpx.AsyncClient:
        return session(self._side, settings(self._side), transport=self, clocks=self.ticker.time)

    async def names(self) -> list[str]:
        """Of all records there are now."""
        side, self._refuses = self._side, lambda parts, text: None
        here = f"api/v2.0/companies({COMPANY})/customers" if side is Side.BC else "api/data/v9.2/accounts"
        async with self.client as client:
            rows = (await client.get(here)).json()["value"]
        return [row["displayName" if side is Side.BC else "name"] for row in rows]


def _parts(request: httpx.Request) -> int:
    """How many writes a request carries."""
    if not request.url.path.endswith("/$batch"):
        return int(request.method in {"POST", "PATCH"} and "/oauth2/" not in request.url.path)
    text = request.content.decode()
    if text.startswith("{"):
        return sum(one["method"] != "GET" for one in orjson.loads(text)["requests"])
    return text.count("\r\nPATCH ") + text.count("\r\nPOST ")


def poisoned(status: int, alone: int) -> Callable[[int, str], int | None]:
    """Any batch that holds the record fails as a whole; the record fails alone too."""
    return lambda parts, text: (status if parts > 1 else alone) if POISON in text else None


def too_many(limit: int, status: int) -> Callable[[int, str], int | None]:
    return lambda parts, text: status if parts > limit else None


async def created(gateway: Gateway, count: int) -> dict[str, Settled]:
    """Customers of one side, one of them poison, created on the other."""
    source = gateway._side.other
    memory = FakeMemory()
    async with gateway.client as client:
        target = BusinessCentralTarget(client, COMPANY) if gateway._side is Side.BC else DataverseTarget(client)
        push = Push(target, memory, gateway._side, gateway.ticker.sleep, Patience(), gateway.ticker.moment)
        changes = [change(CUSTOMER.table(source), _row(source, n), Op.UPDATE, NOW_MS) for n in range(count)]
        ends: dict[str, Settled] = {}
        while changes:
            steps = [decide(one, CUSTOMER, None, {}, Flags(False, False)) for one in changes]
            ends |= {end.change.key: end for end in await push.carry_out(CUSTOMER, steps, {})}
            # Those that may still come, carried again once they no longer can: all but the cause.
            unknown = [key for key, end in ends.items() if end.problem and end.problem.code == "outcome-unknown"]
            changes = [one for one in changes if one.key in unknown] if len(unknown) > 1 else []
            gateway.ticker.seconds += 16 * 60
    return ends


def _row(side: Side, number: int) -> dict[str, Any]:
    name = POISON if number == 37 else f"Firm {number}"
    if side is Side.BC:
        return {"id": GUID.format(number), "displayName": name, "blocked": "_x0020_", "@odata.etag": 'W/"1"'}
    return {
        "accountid": GUID.format(number),
        "name": name,
        "customertypecode": 3,
        "statecode": 0,
        "@odata.etag": 'W/"1"',
    }


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(("status", "alone"), [(400, 400), (413, 413), (500, 500), (408, 408), (504, 504), (502, 400)])
async def test_promise_7_the_record_that_fails_a_whole_batch_fails_alone(side: Side, status: int, alone: int) -> None:
    gateway = Gateway(side, poisoned(status, alone))
    ends = await created(gateway, 100)
    outcomes = Counter(end.outcome for end in ends.values())
    assert (outcomes[Outcome.INSERTED], outcomes[Outcome.FAILED]) == (99, 1)
    assert ends[GUID.format(37)].outcome is Outcome.FAILED
    problem = ends[GUID.format(37)].problem
    assert problem is not None
    assert "1 parts" in problem.message or problem.code == "outcome-unknown"
    names = Counter(await gateway.names())
    assert (len(names), set(names.values())) == (99, {1})


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("status", [0, 504, 500])
async def test_promise_2_what_a_lost_batch_has_created_is_found_before_a_smaller_one_is_sent(
    side: Side, status: int
) -> None:
    gateway = Gateway(side, too_many(6, status), after=True)
    ends = await created(gateway, 40)
    assert Counter(end.problem for end in ends.values()) == {None: 40}
    assert len(await gateway.names()) == 40


async def test_the_smaller_size_is_remembered_for_the_table_and_recovers_slowly() -> None:
    gateway = Gateway(Side.BC, too_many(30, 413))
    async with gateway.client as client:
        target = BusinessCentralTarget(client, COMPANY, parallel=1)

        async def write(start: int, count: int) -> None:
            made = await target.write(
                [Write(ITEMS, "", {"number": f"I{n}", "displayName": "x"}) for n in range(start, start + count)]
            )
            assert all(isinstance(one, Written) for one in made)

        await write(0, 100)
        assert gateway.sizes == [100, 50, 25, 25, 50, 25, 25]
        gateway.sizes.clear()
        await write(100, 100)
        assert gateway.sizes == [25] * 4
        gateway.sizes.clear()
        await write(200, 100)
        assert gateway.sizes[:3] == [50, 25, 25], "larger ones are tried again"
        gateway.sizes.clear()
        for start in range(300, 600, 100):
            await write(start, 100)
        assert gateway.sizes == [25] * 12, "but less and less often"


@pytest.mark.parametrize("side", Side)
async def test_who_looks_on_sees_every_request_that_carries_writes(side: Side) -> None:
    """Also the smaller ones that follow one that was too large, and a write that goes alone."""
    gateway, seen = Gateway(side, too_many(30, 413)), list[int]()

    def watch(told: Side, send: Send) -> Send:
        async def watched(writes: Sequence[Write]) -> Sequence[Answer]:
            seen.append(len(writes))
            return await send(writes)

        assert told is side
        return watched

    async with gateway.client as client:
        bc, number = side is Side.BC, "number" if side is Side.BC else "accountnumber"
        target = BusinessCentralTarget(client, COMPANY, watch=watch) if bc else DataverseTarget(client, watch=watch)
        await target.write([Write(CUSTOMER, GUID.format(n), {number: f"C{n}"}) for n in range(101)])
    assert Counter(seen) == Counter(gateway.sizes)
    assert Counter(seen)[100] == Counter(seen)[1] == 1


async def test_a_batch_of_another_table_keeps_its_size() -> None:
    gateway = Gateway(Side.SALES, lambda parts, text: 413 if parts > 10 and "/accounts(" in text else None)
    async with gateway.client as client:
        target = DataverseTarget(client)
        await target.write([Write(CUSTOMER, GUID.format(n), {"name": "x"}) for n in range(100)])
        gateway.sizes.clear()
        contacts = [Write(MAPPINGS["CONTACTS"], GUID.format(n), {"lastname": "x"}) for n in range(100)]
        await target.write(contacts)
    assert gateway.sizes == [100]


@pytest.mark.parametrize("status", [401, 403, 429, 503])
async def test_a_batch_that_is_not_let_in_or_throttled_is_no_smaller_next_time(status: int) -> None:
    refusing = [status]
    gateway = Gateway(Side.BC, lambda parts, text: refusing[0] or None)
    async with gateway.client as client:
        target = BusinessCentralTarget(client, COMPANY)
        writes = [Write(ITEMS, "", {"number": f"I{n}", "displayName": "x"}) for n in range(100)]
        answers = await target.write(writes)
        assert isinstance(answers[0], BatchError) is (status == 403)
        assert error(answers[0]).status == status
        refusing[0] = 0
        gateway.sizes.clear()
        await target.write(writes)
    assert gateway.sizes == ([50, 50] if status == 403 else [100])


async def test_a_side_that_answers_no_read_is_waited_for_in_full_batches() -> None:
    away = [True, True, True]

    def refuses(parts: int, text: str) -> int | None:
        return 502 if away and away.pop() else None

    gateway = Gateway(Side.SALES, refuses)
    ends = await created(gateway, 100)
    assert len(ends) == 100


@pytest.mark.parametrize("status", [413, 500, 504, 0])
async def test_queries_of_a_batch_that_fails_as_a_whole_are_asked_in_smaller_ones(status: int) -> None:
    gateway = Gateway(Side.SALES, lambda parts, text: None, reads=lambda parts: status if parts > 7 else None)
    async with gateway.client as client:
        target = DataverseTarget(client)
        await target.write([Write(CUSTOMER, GUID.format(n), {"name": "x"}) for n in range(100)])
        found = await target.read(CUSTOMER, [GUID.format(n) for n in range(1000)])
    assert len(found) == 100


def test_a_write_that_fails_alone_as_its_batches_did_was_the_cause_and_gives_the_size_back() -> None:
    size = Size(100)
    for count in (100, 50, 25, 12, 6, 3):
        size.failed(count, 500)
    assert size.now == 1
    size.failed_alone(400)
    assert size.now == 1
    size.failed_alone(500)
    assert size.now == 100


def test_batches_that_were_under_way_together_shrink_it_once() -> None:
    size = Size(100)
    for _ in range(4):
        size.failed(100, 504)
    assert size.now == 50
