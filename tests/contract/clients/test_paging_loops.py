"""A side whose next links lead in a circle is told of, wherever pages are read (wire-protocols C30)."""

import ast
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from consumers.business_central import BusinessCentralTarget
from consumers.dataverse import DataverseTarget
from producers.business_central import BusinessCentralSweep, ModifiedSource, companies
from producers.currencies import Rates, current_rates
from producers.dataverse import DataverseSweep, DeltaSource
from producers.deletions import business_central_ids, sales_ids
from producers.subscriptions import Subscriptions, offered_by
from producers.watermark import EPOCH
from schemas.errors import ApiError
from schemas.side import Side
from tests.contract.clients.client_support import COMPANY, CUSTOMER, GUID, HOST, MAPPINGS, NOW_MS, json, scripted

ROOT = Path(__file__).parents[3]
CURRENCY = MAPPINGS["CURRENCY"].bc
LINKS = {"": "a", "a": "b", "b": "a"}


def circle(request: httpx.Request) -> httpx.Response:
    """The first page leads to a, a to b, and b back to a."""
    if request.url.path.endswith("/token"):
        return json(200, {"access_token": "t", "expires_in": 3599})
    if request.url.path.endswith("companyInformation"):
        return json(200, {"value": [{"currencyCode": "EUR"}]})
    link = LINKS[request.url.params.get("$skiptoken", "")]
    return json(200, {"value": [], "@odata.nextLink": f"{HOST}{request.url.path}?$skiptoken={link}"})


def now_ms() -> int:
    return NOW_MS


async def swept(sweep: Any) -> None:
    position = None
    while (page := await sweep.read(position)).more:
        position = page.position


async def watched(source: Any) -> None:
    page = await source.read({"watermark": EPOCH})
    while page.more:
        page = await source.read(page.position)


async def subscribed(client: httpx.AsyncClient) -> None:
    class Nothing:
        async def subscriptions(self) -> dict[str, Any]:
            return {}

    made = Subscriptions(client, COMPANY, [], Nothing(), "https://x", now=None, new_secret=str)  # type: ignore[arg-type]
    await made._api("", [CUSTOMER.bc])


async def read_through(pages: AsyncIterator[Any]) -> None:
    async for _ in pages:
        pass


Read = Callable[[httpx.AsyncClient], Awaitable[Any]]
IN_BC: dict[str, Read] = {
    "companies": companies,
    "rates": lambda client: current_rates(client, COMPANY, NOW_MS),
    "currencies by code": lambda client: Rates(client, COMPANY, CURRENCY, now_ms).rows(["EUR"], ["id"]),
    "resources with webhooks": lambda client: offered_by(client, COMPANY),
    "subscriptions": subscribed,
    "ids by name": lambda client: business_central_ids(client, COMPANY, CUSTOMER.bc, now_ms).there([GUID.format(1)]),
    "ids": lambda client: read_through(business_central_ids(client, COMPANY, CUSTOMER.bc, now_ms).pages()),
    "a sweep": lambda client: swept(
        BusinessCentralSweep(client, COMPANY, CUSTOMER.bc, ["id"], job=(1, "CUSTOMER"), now_ms=now_ms)
    ),
    "capture": lambda client: watched(ModifiedSource(client, COMPANY, CUSTOMER.bc, ["id"], now_ms=now_ms)),
    "look-ups": lambda client: BusinessCentralTarget(client, COMPANY).find(CUSTOMER, "displayName", ["x"]),
}
IN_SALES: dict[str, Read] = {
    "ids": lambda client: read_through(sales_ids(client, CUSTOMER.sales).pages()),
    "ids by name": lambda client: sales_ids(client, CUSTOMER.sales).there([GUID.format(1)]),
    "a sweep": lambda client: swept(
        DataverseSweep(client, CUSTOMER.sales, ["accountid"], job=(1, "CUSTOMER"), now_ms=now_ms, filter_text="")
    ),
    "capture from the start": lambda client: DeltaSource(client, CUSTOMER.sales, ["accountid"], now_ms=now_ms).start(),
    "look-ups": lambda client: DataverseTarget(client).find(CUSTOMER, "name", ["x"]),
}


@pytest.mark.parametrize(
    ("side", "read"),
    [
        *(pytest.param(Side.BC, read, id=f"bc {name}") for name, read in IN_BC.items()),
        *(pytest.param(Side.SALES, read, id=f"sales {name}") for name, read in IN_SALES.items()),
    ],
)
async def test_c_30_a_circle_is_told_and_not_walked_for_ever(side: Side, read: Read) -> None:
    async with scripted(side, circle) as client:
        with pytest.raises(ApiError) as told:
            await read(client)
    assert told.value.problem.code == "paging-loop"


def test_c_30_nobody_follows_links_but_the_helpers_that_watch_for_circles() -> None:
    """A page's `next` in a loop's assignment is a loop of its own."""
    own = {"producers/odata.py", "consumers/odata.py"}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("producers", "consumers", "daemon")
        for path in (ROOT / folder).rglob("*.py")
        if "sandbox" not in path.parts and str(path.relative_to(ROOT)) not in own
        for loop in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(loop, ast.While) and "follow" not in ast.dump(loop)
        for node in ast.walk(loop)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute) and node.value.attr == "next"
    ]
    assert found == []
