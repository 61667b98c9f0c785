"""Reading Business Central: the watermark, sweeps, currencies, companies (wire-protocols A3, A4)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid5

import httpx
import pytest
from structlog.testing import capture_logs

from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.faults import Fault
from daemon.sides import Sides
from producers.business_central import (
    BusinessCentralSweep,
    ModifiedSource,
    companies,
    count,
    resolve_company,
)
from producers.currencies import precision
from producers.odata import get
from producers.ports import Page
from producers.watermark import EPOCH, Overlap, Query, Watermark
from schemas.change import Op
from schemas.errors import ApiError, ConfigurationError
from schemas.filters import Filter
from schemas.side import Side
from tests.contract.clients.client_support import (
    COMPANY,
    CUSTOMER,
    GUID,
    HOST,
    MAPPINGS,
    NOW_MS,
    Script,
    Ticker,
    bc,
    columns,
    json,
    scripted,
    state,
)

SELECT = columns(Side.BC, "CUSTOMER")
CURRENCY = MAPPINGS["CURRENCY"]
ROOT = f"api/v2.0/companies({COMPANY})"


def customer(number: int, at: str = "2026-01-01T00:00:00Z", **values: Any) -> dict[str, Any]:
    row = {"id": GUID.format(number), "number": f"C{number:05d}", "displayName": f"Customer {number}"}
    return row | {"lastModifiedDateTime": at, **values}


def customers(number: int) -> list[dict[str, Any]]:
    return [customer(one) for one in range(number)]


def answer(*rows: dict[str, Any], link: str = "") -> httpx.Response:
    tagged = [{"@odata.etag": f'W/"{row["lastModifiedDateTime"]}"', **row} for row in rows]
    return json(200, {"value": tagged} | ({"@odata.nextLink": link} if link else {}))


def source(client: httpx.AsyncClient, ticker: Ticker | None = None, **options: Any) -> ModifiedSource:
    overlap = Overlap(options.pop("overlap_seconds", 60), (ticker or Ticker()).clock)
    return ModifiedSource(client, COMPANY, CUSTOMER.bc, SELECT, now_ms=lambda: NOW_MS, overlap=overlap, **options)


def sweep(client: httpx.AsyncClient, name: str = "CUSTOMER", **options: Any) -> BusinessCentralSweep:
    mapping = MAPPINGS[name]
    return BusinessCentralSweep(
        client,
        COMPANY,
        mapping.bc,
        columns(Side.BC, name),
        job=(7, name),
        now_ms=lambda: NOW_MS,
        mapped=mapping.mapped(Side.BC),
        **options,
    )


def keys(*pages: Page) -> list[str]:
    return [change.key for page in pages for change in page.changes]


async def rename(client: httpx.AsyncClient, number: int, name: str) -> None:
    url = f"{ROOT}/customers({GUID.format(number)})"
    done = await client.patch(url, json={"displayName": name}, headers={"If-Match": "*"})
    assert done.status_code == 200, done.text


async def test_changes_since_the_start_with_parts_and_in_the_sides_own_clock() -> None:
    ticker = Ticker()
    async with bc(ticker, customers=customers(5)) as client:
        reader = source(client, ticker)
        position = await reader.start()
        assert position == {"watermark": "2026-01-01T00:00:00.000Z", "turn": 1}
        position = (await reader.read(position)).position
        ticker.seconds += 1.25
        await rename(client, 3, "New")
        page = await reader.read(position)
        (change,) = page.changes
        assert (change.key, change.op, change.after and change.after["displayName"]) == (
            GUID.format(3),
            Op.UPDATE,
            "New",
        )
        assert change.after
        assert change.after["contactsInformation"]
        assert page.position["watermark"] == "2026-01-05T12:00:01.250Z"
        assert (await reader.read(page.position)).changes == ()


async def test_an_empty_table_starts_at_the_epoch() -> None:
    async with bc() as client:
        assert await source(client).start() == {"watermark": EPOCH}


async def test_pages_follow_the_next_link_and_ask_for_the_same_size_again() -> None:
    ticker = Ticker()
    async with bc(ticker, customers=customers(7)) as client:
        reader = source(client, ticker, page_size=3)
        pages = [await reader.read({"watermark": EPOCH})]
        while pages[-1].more:
            pages.append(await reader.read(pages[-1].position))
        assert [len(page.changes) for page in pages] == [3, 3, 1]
        assert len(set(keys(*pages))) == 7
        assert "next" not in pages[-1].position


async def test_c_009_a_row_committed_late_with_an_older_time_is_found() -> None:
    late = customer(1, "2026-01-01T11:59:50Z")
    script = Script(answer(customer(2, "2026-01-01T12:00:00Z")), answer(late, customer(2, "2026-01-01T12:00:00Z")))
    ticker = Ticker()
    async with scripted(Side.BC, script, ticker) as client:
        reader = source(client, ticker)
        first = await reader.read({"watermark": "2026-01-01T10:00:00.000Z"})
        ticker.seconds += 30
        second = await reader.read(first.position)
    assert keys(second) == [GUID.format(1)]
    assert second.position["watermark"] == first.position["watermark"]
    assert second.position != first.position
    assert "lastModifiedDateTime gt 2026-01-01T11:59:00.000Z" in unquote(script.paths[1])


async def test_promise_1_what_may_not_have_reached_the_log_is_returned_again() -> None:
    row = customer(2, "2026-01-01T12:00:00Z")
    script = Script(*[answer(row)] * 4)
    async with scripted(Side.BC, script) as client:
        reader = source(client)
        start = {"watermark": "2026-01-01T11:59:59.000Z"}
        first = await reader.read(start)
        assert keys(await reader.read(start)) == keys(first), "read again from before: returned again"
        assert keys(await reader.read(first.position)) == []
        assert keys(await source(client).read(first.position)) == keys(first), "another process knows of nothing"


async def test_once_the_overlap_has_passed_an_idle_table_costs_an_empty_page() -> None:
    ticker = Ticker()
    row = customer(2, "2026-01-01T12:00:00Z")
    script = Script(answer(row), answer(row), answer(row), answer(), answer())
    async with scripted(Side.BC, script, ticker) as client:
        reader = source(client, ticker)
        position = (await reader.read({"watermark": "2026-01-01T11:00:00.000Z"})).position
        position = (await reader.read(position)).position
        ticker.seconds += 61
        position = (await reader.read(position)).position
        position = (await reader.read(position)).position
        await reader.read(position)
    starts = [unquote(path).split(" gt ")[1][11:23] for path in script.paths]
    assert starts == ["10:59:00.000", "11:59:55.000", "11:59:00.000", "12:00:00.000", "12:00:00.000"]


async def test_after_an_import_the_overlap_is_read_again_only_now_and_then() -> None:
    ticker, read = Ticker(), list[int]()
    rows = [customer(n, f"2026-01-05T11:{50 + n // 300}:{n // 5 % 60:02d}Z") for n in range(3000)]
    async with bc(ticker, customers=rows) as client:
        reader = source(client, ticker, overlap_seconds=600)
        page = await reader.read({"watermark": "2026-01-05T11:49:00.000Z"})
        while page.more:
            page = await reader.read(page.position)
        marks = state(client).control.log
        for _ in range(700):
            ticker.seconds += 1
            before = len(marks.entries())
            page = await reader.read(page.position)
            while page.more:
                assert page.changes == ()
                page = await reader.read(page.position)
            read.append(len(marks.entries()) - before)
    assert sum(pages > 1 for pages in read[:600]) == 20
    assert sum(read[:600]) < 600 + 20 * 4
    assert set(read[660:]) == {1}, "settled"


async def test_what_is_known_of_the_overlap_does_not_grow_with_the_time_that_passes() -> None:
    ticker = Ticker()
    async with bc(ticker, customers=customers(40)) as client:
        ask = Query(f"{ROOT}/customers", SELECT, "lastModifiedDateTime")
        reader = Watermark(client, CUSTOMER.bc, ask, overlap=Overlap(60, ticker.clock), now_ms=lambda: NOW_MS)
        position = await reader.start()
        for number in range(40):
            ticker.seconds += 10
            await rename(client, number, "New")
            page = await reader.read(position)
            assert keys(page) == [GUID.format(number)]
            position = page.position
        # Those of the last minute, and the one at its edge.
        assert len(reader.returned) == 7


async def test_an_overlap_that_could_not_be_read_is_read_the_next_time() -> None:
    ticker = Ticker()
    row = customer(2, "2026-01-01T12:00:00Z")
    script = Script(answer(row), *[json(502, {})] * 4, answer(row))
    async with scripted(Side.BC, script, ticker) as client:
        reader = source(client, ticker)
        position = (await reader.read({"watermark": "2026-01-01T11:00:00.000Z"})).position
        ticker.seconds += 40
        with pytest.raises(ApiError):
            await reader.read(position)
        await reader.read(position)
    assert "gt 2026-01-01T11:59:00.000Z" in unquote(script.paths[-1])


async def test_a_next_link_that_lost_its_meaning_is_replaced_by_the_watermark() -> None:
    refused = json(400, {"error": {"code": "BadRequest", "message": "skiptoken"}})
    script = Script(refused, answer(customer(2)))
    link = f"{HOST}/v2.0/sandbox/{ROOT}/customers?$skiptoken=gone"
    async with scripted(Side.BC, script) as client:
        page = await source(client).read({"watermark": "2026-01-01T00:00:00.000Z", "next": link})
    assert keys(page) == [GUID.format(2)]
    assert "gt 2025-12-31T23:59:00.000Z" in unquote(script.paths[1])


async def test_a_sweep_filters_here_since_bc_may_refuse_filters_on_enums() -> None:
    rows = [customer(n, blocked="All" if n == 2 else "_x0020_") for n in range(5)]
    async with bc(chosen=BcSettings(blocked_filter_fails=True), customers=rows) as client:
        reader = sweep(client, page_size=2)
        pages = [await reader.read(None)]
        while pages[-1].more:
            pages.append(await sweep(client, page_size=2).read(pages[-1].position))
        assert keys(*pages) == [GUID.format(n) for n in (0, 1, 3, 4)]
        assert {(change.op, change.job, change.mapping) for change in pages[0].changes} == {(Op.READ, 7, "CUSTOMER")}
        assert await sweep(client).read(pages[-1].position) == Page((), pages[-1].position, more=False)
        assert await count(client, COMPANY, CUSTOMER.bc) == 5


ITEM = MAPPINGS["ITEM-PRODUCT"]
ITEMS = [
    {"id": GUID.format(n), "number": f"{n}", "displayName": name, "blocked": n == 2, "unitPrice": n * 1.5, "gtin": gtin}
    for n, (name, gtin) in enumerate([("Bike", "A"), ("bike ", "B"), ("Bell", "A"), ("Lamp", ""), ("LAMP", "C")])
]
STRICT = [
    "blocked eq false",
    "gtin eq 'a' or gtin eq 'C'",
    "displayName eq 'LAMP' and unitPrice gt 4.5",
    "displayName eq 'lamp' or unitPrice lt 2",
    "startswith(displayName,'b') and not blocked",
    "not (unitPrice ge 3 or number eq '0')",
    "type eq 'Inventory' and number ne '3'",
    "id eq 11111111-0000-0000-0000-000000000001",
    "displayName ne null",
]


@pytest.mark.parametrize("text", STRICT)
async def test_the_server_evaluates_what_it_takes_of_a_filter_and_the_rest_is_ours(text: str) -> None:
    """The simulator refuses an `or` across fields, functions, and compares text to the letter (D19, A3)."""
    table = replace(ITEM.bc, filter=Filter.parse(text))
    select = ["id", *table.filter.fields, "lastModifiedDateTime"]
    async with bc(items=ITEMS) as client:
        every = (await get(client, f"{ROOT}/items")).rows
        reader = BusinessCentralSweep(client, COMPANY, table, select, job=(7, "I"), now_ms=lambda: NOW_MS)
        with capture_logs() as logs:
            found = keys(await reader.read(None))
    assert found == [row["id"] for row in every if table.filter.matches(row)]
    assert logs == []


async def test_a_blocked_item_is_not_even_read() -> None:
    script = Script(answer(), json(200, 0))
    async with scripted(Side.BC, script) as client:
        await sweep(client, "ITEM-PRODUCT", since=datetime(2026, 1, 3, tzinfo=UTC)).read(None)
        await count(client, COMPANY, ITEM.bc)
    asked, counted = map(unquote, script.paths)
    assert "$filter=(blocked eq false) and (lastModifiedDateTime ge 2026-01-03T00:00:00.000Z)" in asked
    assert counted.endswith("/items/$count?$filter=blocked eq false")


async def test_a_server_that_refuses_its_part_of_the_filter_is_asked_without() -> None:
    async with bc(items=ITEMS) as client:
        state(client).control.faults.arm(Fault(status=400, count=1, path="/items"))
        with capture_logs() as logs:
            page = await sweep(client, "ITEM-PRODUCT", page_size=2).read(None)
        pages = [page]
        while pages[-1].more:
            pages.append(await sweep(client, "ITEM-PRODUCT", page_size=2).read(pages[-1].position))
    assert keys(*pages) == [GUID.format(n) for n in (0, 1, 3, 4)]
    assert [(one["event"], one["filter"]) for one in logs] == [("filter_not_taken", "blocked eq false")]


@pytest.mark.parametrize("status", [403, 503])
async def test_other_trouble_is_not_taken_for_a_refusal(status: int) -> None:
    async with bc(items=ITEMS) as client:
        state(client).control.faults.arm(Fault(status=status, count=50, path="/items"))
        with pytest.raises(ApiError):
            await sweep(client, "ITEM-PRODUCT").read(None)


async def test_a_sweep_since_a_time() -> None:
    rows = [customer(n, f"2026-01-0{n + 1}T00:00:00Z") for n in range(4)]
    async with bc(customers=rows) as client:
        since = datetime(2026, 1, 3, tzinfo=UTC)
        assert keys(await sweep(client, since=since).read(None)) == [GUID.format(2), GUID.format(3)]
        assert await count(client, COMPANY, CUSTOMER.bc, since) == 2


async def test_resources_come_from_their_custom_api() -> None:
    rows = [{"number": "R1", "displayName": "Ann", "blocked": False}]
    async with bc(resources=rows) as client:
        page = await sweep(client, "RESOURCE-PRODUCT").read(None)
        assert [change.after and change.after["number"] for change in page.changes] == ["R1"]
        assert await count(client, COMPANY, MAPPINGS["RESOURCE-PRODUCT"].bc) == 1


def currency_data() -> dict[str, Any]:
    def rate(code: str, day: str, amount: float, relational: float) -> dict[str, Any]:
        return {
            "currencyCode": code,
            "startingDate": day,
            "exchangeRateAmount": amount,
            "relationalExchangeRateAmount": relational,
        }

    rates = [
        rate("USD", "2025-01-01", 100, 50),
        rate("USD", "2026-01-01", 100, 93.5),
        rate("USD", "2027-01-01", 100, 1),
        rate("SEK", "2026-01-05", 1, 0),
    ]
    found = [
        {"code": "USD", "displayName": "US dollar", "symbol": "$", "amountDecimalPlaces": "2:2"},
        {"code": "SEK", "displayName": "Krona", "symbol": "", "amountDecimalPlaces": "0:3"},
    ]
    return {"currencies": found, "currencyExchangeRates": rates}


async def test_currencies_carry_rate_precision_and_symbol_and_end_with_the_local_one() -> None:
    async with bc(**currency_data()) as client:
        page = await sweep(client, "CURRENCY").read(None)
        rows = {str((change.after or {})["code"]): change.after or {} for change in page.changes}
        assert list(rows)[-1] == "EUR"
        assert (rows["USD"]["exchangeRate"], rows["USD"]["currencyPrecision"]) == (1.0695187166, 2)
        assert rows["USD"]["currencySymbol"] == "$"
        assert (rows["SEK"]["exchangeRate"], rows["SEK"]["currencyPrecision"]) == (None, 3)
        assert rows["SEK"]["currencySymbol"] == "SEK"
        local = rows["EUR"]
        assert local["id"] == str(uuid5(UUID(COMPANY), "EUR"))
        assert local["@odata.etag"] == 'W/"local-currency"'
        assert not {"displayName", "currencySymbol", "exchangeRate"} & set(local)
        again = await sweep(client, "CURRENCY").read(None)
        assert again.changes == page.changes
        since = await sweep(client, "CURRENCY", since=datetime(2020, 1, 1, tzinfo=UTC)).read(None)
        assert "EUR" not in {(change.after or {})["code"] for change in since.changes}


async def test_a_local_currency_that_bc_keeps_in_its_table_is_not_added() -> None:
    async with bc(currencies=[{"code": "EUR", "displayName": "Euro"}]) as client:
        page = await sweep(client, "CURRENCY").read(None)
        assert [(change.after or {})["displayName"] for change in page.changes] == ["Euro"]


async def test_no_company_information_no_local_currency() -> None:
    missing = json(404, {"error": {"code": "BadRequest_ResourceNotFound", "message": "no"}})
    async with scripted(Side.BC, Script(json(200, {"value": []}), missing)) as client:
        assert (await sweep(client, "CURRENCY").read(None)).changes == ()


async def test_live_changes_of_currencies_are_completed_too() -> None:
    ticker = Ticker()
    async with bc(ticker, **currency_data()) as client:
        mapped = CURRENCY.mapped(Side.BC)
        reader = ModifiedSource(
            client, COMPANY, CURRENCY.bc, columns(Side.BC, "CURRENCY"), now_ms=lambda: NOW_MS, mapped=mapped
        )
        page = await reader.read({"watermark": EPOCH})
        rates = {(change.after or {})["code"]: (change.after or {})["exchangeRate"] for change in page.changes}
        assert rates == {"USD": 1.0695187166, "SEK": None}


def currency_source(client: httpx.AsyncClient, ticker: Ticker) -> ModifiedSource:
    mapped, select = CURRENCY.mapped(Side.BC), columns(Side.BC, "CURRENCY")
    return ModifiedSource(
        client,
        COMPANY,
        CURRENCY.bc,
        select,
        now_ms=lambda: NOW_MS + int(ticker.seconds * 1000),
        mapped=mapped,
        overlap=Overlap(clock=ticker.clock),
    )


def seen_rates(page: Page) -> dict[str, Any]:
    return {(change.after or {})["code"]: (change.after or {})["exchangeRate"] for change in page.changes}


async def test_a_rate_that_changes_changes_its_currency_also_while_nobody_looked() -> None:
    ticker, data = Ticker(), currency_data()
    async with bc(ticker, **data) as client:
        reader = currency_source(client, ticker)
        page = await reader.read(await reader.start())
        assert page.changes == ()
        assert page.position["rates"] == {"USD": 1.0695187166}
        rate = {"currencyCode": "USD", "startingDate": "2026-01-05", "exchangeRateAmount": 100}
        url = f"{ROOT}/currencyExchangeRates"
        made = await client.post(url, json={**rate, "relationalExchangeRateAmount": 80})
        assert made.status_code == 201, made.text
        assert (await reader.read(page.position)).changes == (), "asked for once a minute"
        ticker.seconds += 60
        changed = await reader.read(page.position)
        assert seen_rates(changed) == {"USD": 1.25}
        assert changed.position["rates"] == {"USD": 1.25}
        assert (changed.changes[0].op, changed.changes[0].sequence > 0) == (Op.UPDATE, True)
        ticker.seconds += 60
        assert (await reader.read(changed.position)).changes == ()
        again = currency_source(client, ticker)
        assert seen_rates(await again.read(page.position))["USD"] == 1.25, "a position from before, another process"


async def test_rates_that_cannot_be_read_now_are_compared_later() -> None:
    ticker = Ticker()
    refused = json(403, {"error": {"code": "Authorization", "message": "no"}})
    empty, row = answer(), {"id": GUID.format(1), "code": "USD", "lastModifiedDateTime": "2026-01-01T00:00:00Z"}
    new = json(200, {"value": [{"currencyCode": "USD", "exchangeRateAmount": 1, "relationalExchangeRateAmount": 2}]})
    script = Script(empty, refused, empty, new, answer(row), new)
    async with scripted(Side.BC, script, ticker) as client:
        reader = currency_source(client, ticker)
        page = await reader.read({"watermark": "2026-01-04T00:00:00.000Z", "rates": {"USD": 1.0}})
        assert (page.changes, page.position["rates"]) == ((), {"USD": 1.0})
        ticker.seconds += 60
        assert seen_rates(await reader.read(page.position)) == {"USD": 0.5}


@pytest.mark.parametrize(("text", "decimals"), [("2:2", 2), ("0:3", 3), ("4", 4), ("", 2), (":5", 5), ("2:", 2)])
def test_precision_is_the_most_decimals(text: str, decimals: int) -> None:
    assert precision(text) == decimals


@pytest.mark.parametrize("name", ["CRONUS", "cronus", "CRONUS Europe", COMPANY, COMPANY.upper()])
async def test_a_company_is_known_by_name_display_name_or_id(name: str) -> None:
    async with bc() as client:
        assert await resolve_company(client, name) == COMPANY


async def test_an_unknown_company_lists_those_that_exist() -> None:
    async with bc() as client:
        assert [row["name"] for row in await companies(client)] == ["CRONUS"]
        with pytest.raises(ConfigurationError, match="'CRONUS'"):
            await resolve_company(client, "Fabrikam")


async def test_d_009_an_unknown_company_id_is_an_api_error() -> None:
    async with bc() as client:
        reader = ModifiedSource(client, GUID.format(9), CUSTOMER.bc, SELECT, now_ms=lambda: NOW_MS)
        with pytest.raises(ApiError) as refused:
            await reader.read({"watermark": EPOCH})
    assert refused.value.problem.code == "Internal_CompanyNotFound"


async def test_a_currency_read_by_its_id_is_as_complete_as_one_that_was_captured() -> None:
    """A retry reads it so: without its columns it would carry its code for its symbol."""
    async with bc(**currency_data()) as client:
        page = await sweep(client, "CURRENCY").read(None)
        captured = {change.key: change.after for change in page.changes}
        sides = Sides({Side.BC: client}, COMPANY, MAPPINGS, Overlap(), lambda: NOW_MS)
        assert await sides.reader(Side.BC).read(CURRENCY, list(captured)) == captured
