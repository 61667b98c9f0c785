"""Reading Sales: delta links, the fallback, sweeps, counts (wire-protocols B3, B4)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from structlog.testing import capture_logs

from daemon.sandbox.dataverse import DataverseSettings
from producers.dataverse import DataverseSweep, DeltaSource, count
from producers.ports import Page, Position
from producers.watermark import Overlap
from schemas.change import Op
from schemas.errors import ApiError
from schemas.side import Side
from tests.contract.clients.client_support import (
    CUSTOMER,
    GUID,
    HOST,
    NOW_MS,
    Script,
    Ticker,
    columns,
    json,
    sales,
    scripted,
    state,
)

SELECT = columns(Side.SALES, "CUSTOMER")
ROOT = "api/data/v9.2"
LINK = f"{HOST}/{ROOT}/accounts?$select=name&$skiptoken=%3Ccookie%20pagenumber=%222%22%20/%3E"
DELTA = f"{HOST}/{ROOT}/accounts?$deltatoken=919042%2108%2f22%2f2017%2008%3a10%3a44"


def account(number: int, **values: Any) -> dict[str, Any]:
    return {"accountid": GUID.format(number), "name": f"Account {number}", "customertypecode": 3, **values}


def accounts(number: int) -> list[dict[str, Any]]:
    return [account(one) for one in range(number)]


def source(client: httpx.AsyncClient, **options: Any) -> DeltaSource:
    return DeltaSource(client, CUSTOMER.sales, SELECT, now_ms=lambda: NOW_MS, **options)


async def read_all(reader: DeltaSource, position: Position) -> tuple[list[Page], Position]:
    pages: list[Page] = []
    more = True
    while more:
        pages.append(await reader.read(position))
        position, more = pages[-1].position, pages[-1].more
    return pages, position


def keys(pages: Sequence[Page]) -> list[str]:
    return [change.key for page in pages for change in page.changes]


async def patch(client: httpx.AsyncClient, number: int, **values: Any) -> None:
    answer = await client.patch(f"{ROOT}/accounts({GUID.format(number)})", json=values)
    assert answer.status_code == 204, answer.text


async def test_d_104_changes_since_the_start_and_nothing_before_it() -> None:
    async with sales(accounts=accounts(7)) as client:
        reader = source(client, page_size=3)
        position = await reader.start()
        assert "delta" in position
        assert (await reader.read(position)).changes == ()
        await patch(client, 2, name="New", creditlimit=12.5)
        await patch(client, 50, name="Created")
        await client.delete(f"{ROOT}/accounts({GUID.format(4)})")
        pages, after = await read_all(reader, position)
        changed = {change.key: change for page in pages for change in page.changes}
        assert set(changed) == {GUID.format(2), GUID.format(50), GUID.format(4)}
        update, gone = changed[GUID.format(2)], changed[GUID.format(4)]
        assert (update.op, update.after and update.after["name"], update.job) == (Op.UPDATE, "New", None)
        assert update.sequence > 0
        assert update.version.startswith('W/"')
        assert (gone.op, gone.after) == (Op.DELETE, None)
        assert (await reader.read(after)).changes == ()
        again, _ = await read_all(reader, position)
        assert set(keys(again)) == set(changed), "a delta link may be read again (D105)"


async def test_d_109_long_deltas_come_in_pages_and_more_says_so() -> None:
    async with sales() as client:
        reader = source(client, page_size=4)
        position = await reader.start()
        for number in range(10):
            await patch(client, number, name="x")
        pages, _ = await read_all(reader, position)
        assert [page.more for page in pages] == [True, True, False]
        assert sorted(keys(pages)) == [GUID.format(number) for number in range(10)]


@pytest.mark.parametrize("status", [400, 410])
async def test_d_108_an_expired_token_reads_the_whole_table_again(status: int) -> None:
    ticker = Ticker()
    chosen = DataverseSettings(expired_token_status=status)
    async with sales(ticker, chosen, accounts=accounts(5)) as client:
        reader = source(client, page_size=2)
        position = await reader.start()
        await patch(client, 1, name="Missed")
        ticker.seconds += 8 * 86400
        pages, after = await read_all(reader, position)
        assert pages[0].changes == ()
        assert pages[0].position["resync"] is True
        assert sorted(keys(pages)) == [GUID.format(number) for number in range(5)]
        assert {change.op for page in pages for change in page.changes} == {Op.READ}
        assert [page.gap for page in pages] == [False] * (len(pages) - 1) + [True]
        assert "resync" not in after
        await patch(client, 3, name="Later")
        assert keys((await read_all(reader, after))[0]) == [GUID.format(3)]


@pytest.mark.parametrize("status", [400, 404, 410, 412])
async def test_a_link_that_is_refused_for_good_means_a_full_read(status: int) -> None:
    refused = json(status, {"error": {"code": "0x80040203", "message": "The cookie is malformed."}})
    full = json(200, {"value": [], "@odata.deltaLink": DELTA})
    async with scripted(Side.SALES, Script(refused, full, refused, full)) as client:
        reader = source(client)
        for position in ({"delta": DELTA}, {"next": LINK}):
            pages, after = await read_all(reader, position)
            assert (pages[0].position["resync"], after["delta"]) == (True, DELTA)


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_a_link_that_is_refused_for_now_is_kept(status: int) -> None:
    async with scripted(Side.SALES, Script(*[json(status, {})] * 4), patience_seconds=0) as client:
        with pytest.raises(ApiError) as refused:
            await source(client).read({"delta": DELTA})
    assert refused.value.status == status


async def test_a_full_read_that_breaks_off_twice_is_told_before_it_begins_anew() -> None:
    refused = json(400, {"error": {"code": "", "message": "no"}})
    first = json(200, {"value": [], "@odata.nextLink": LINK})
    async with scripted(Side.SALES, Script(refused, first, refused, refused, first)) as client:
        reader = source(client)
        page = await reader.read({"delta": DELTA})
        page = await reader.read(page.position)
        with pytest.raises(ApiError):
            await reader.read(page.position)
        page = await reader.read(page.position)
        assert page.position == {"resync": True, "select": page.position["select"]}


async def test_relative_links_are_followed_from_where_they_were_found() -> None:
    relative = f"accounts?{LINK.partition('?')[2]}"
    script = Script(
        json(200, {"@odata.context": f"{HOST}/{ROOT}/$metadata#accounts", "value": [], "@odata.nextLink": relative}),
        json(200, {"value": [], "@odata.deltaLink": "/" + DELTA.removeprefix(f"{HOST}/")}),
        json(200, {"value": [], "@odata.deltaLink": DELTA}),
    )
    async with scripted(Side.SALES, script) as client:
        reader = source(client)
        await reader.read(await reader.start())
    assert [HOST + path for path in script.paths[1:]] == [LINK, DELTA]


async def test_other_columns_mean_a_full_read_since_a_delta_link_keeps_the_old_ones() -> None:
    async with sales(accounts=accounts(2)) as client:
        position = await source(client).start()
        wider = DeltaSource(client, CUSTOMER.sales, [*SELECT, "fax"], now_ms=lambda: NOW_MS)
        pages, _ = await read_all(wider, position)
        assert sorted(keys(pages)) == [GUID.format(0), GUID.format(1)]
        assert all("fax" in (change.after or {}) for page in pages for change in page.changes)


async def test_links_are_followed_to_the_letter_and_prefer_is_sent_each_time() -> None:
    script = Script(
        json(200, {"value": [], "@odata.nextLink": LINK}),
        json(200, {"value": [], "@odata.deltaLink": DELTA}),
        json(200, {"value": [], "@odata.deltaLink": DELTA}),
    )
    async with scripted(Side.SALES, script) as client:
        reader = source(client)
        await reader.read(await reader.start())
    assert HOST + script.paths[1] == LINK
    assert HOST + script.paths[2] == DELTA
    prefers = {request.headers["Prefer"] for request in script.asked}
    assert prefers == {"odata.track-changes,odata.maxpagesize=5000"}


async def test_c_030_a_next_link_that_repeats_is_an_error() -> None:
    script = Script(*[json(200, {"value": [], "@odata.nextLink": LINK})] * 3)
    async with scripted(Side.SALES, script) as client:
        with pytest.raises(ApiError, match="already read"):
            await source(client).start()


async def test_going_back_to_an_older_position_is_no_loop() -> None:
    second = LINK.replace("%222%22", "%223%22")
    first = json(200, {"value": [], "@odata.nextLink": second})
    script = Script(first, json(200, {"value": [], "@odata.deltaLink": DELTA}), first)
    async with scripted(Side.SALES, script) as client:
        reader = source(client)
        page = await reader.read({"next": LINK})
        await reader.read(page.position)
        assert (await reader.read({"next": LINK})).position["next"] == second


async def test_a_link_to_another_host_is_refused() -> None:
    foreign = LINK.replace(HOST, "https://evil.example")
    async with scripted(Side.SALES, Script(json(200, {"value": [], "@odata.nextLink": foreign}))) as client:
        with pytest.raises(ApiError, match=r"evil\.example"):
            await source(client).start()


@pytest.mark.parametrize("status", [400, 501])
async def test_d_103_without_change_tracking_modifiedon_is_watched(status: int) -> None:
    ticker = Ticker()
    chosen = DataverseSettings(change_tracking=frozenset(), untracked_table_status=status)
    async with sales(ticker, chosen, accounts=accounts(3)) as client:
        reader = source(client, overlap=Overlap(60))
        position = await reader.start()
        assert position == {"watermark": "2026-01-05T12:00:00.000Z", "turn": 1}
        page = await reader.read(position)
        ticker.seconds += 30
        await patch(client, 1, name="New")
        page = await reader.read(page.position)
        assert keys([page]) == [GUID.format(1)]
        assert (await reader.read(page.position)).changes == ()


async def test_tracking_switched_off_later_reads_every_row_as_changed() -> None:
    async with sales(chosen=DataverseSettings(change_tracking=frozenset()), accounts=accounts(3)) as client:
        pages, after = await read_all(source(client), {"resync": True})
        assert len(keys(pages)) == 3
        assert [page.gap for page in pages].count(True) == 1
        assert "watermark" in after


def switch_on(client: httpx.AsyncClient) -> None:
    """Somebody turns change tracking of accounts on."""
    service = state(client).service
    object.__setattr__(service, "settings", replace(service.settings, change_tracking=frozenset({"accounts"})))


async def test_tracking_switched_on_later_is_found_within_the_hour_and_told() -> None:
    ticker, chosen = Ticker(), DataverseSettings(change_tracking=frozenset())
    async with sales(ticker, chosen, accounts=accounts(3)) as client:
        reader = source(client, overlap=Overlap(60, ticker.clock))
        position = await reader.start()
        switch_on(client)
        await patch(client, 1, name="Before it is found")
        ticker.seconds += 3500
        pages, position = await read_all(reader, position)
        assert (keys(pages), "watermark" in position) == ([GUID.format(1)], True)
        await patch(client, 2, name="Just before it is found")
        ticker.seconds += 200
        with capture_logs() as logs:
            pages, position = await read_all(reader, position)
        assert set(keys(pages)) >= {GUID.format(2)}
        assert "delta" in position
        assert [(line["table"], line["reason"]) for line in logs] == [("accounts", "change tracking is on now")]
        await client.delete(f"{ROOT}/accounts({GUID.format(0)})")
        [page], _ = await read_all(reader, position)
        assert [(change.key, change.op) for change in page.changes] == [(GUID.format(0), Op.DELETE)]


async def test_tracking_switched_on_while_the_daemon_was_down_is_found_at_its_start() -> None:
    chosen = DataverseSettings(change_tracking=frozenset())
    async with sales(chosen=chosen, accounts=accounts(3)) as client:
        position = await source(client).start()
        switch_on(client)
        _, position = await read_all(source(client), position)
        assert "delta" in position


async def test_a_side_that_says_nothing_of_tracking_is_not_read_in_full_every_hour() -> None:
    ticker, empty = Ticker(), json(200, {"value": []})
    async with scripted(Side.SALES, Script(*[empty] * 4)) as client:
        reader = source(client, overlap=Overlap(60, ticker.clock))
        position: Position = {"watermark": "2026-01-05T12:00:00.000Z", "turn": 1}
        for _ in range(2):
            page = await reader.read(position)
            assert (page.changes, page.more, "watermark" in page.position) == ((), False, True)
            position, ticker.seconds = page.position, ticker.seconds + 3600


async def test_d_110_missing_privilege_is_said_and_not_worked_around() -> None:
    chosen = DataverseSettings(without_org_read=frozenset({"accounts"}))
    async with sales(chosen=chosen) as client:
        with pytest.raises(ApiError) as refused:
            await source(client).start()
    assert refused.value.status == 403


def sweep(client: httpx.AsyncClient, **options: Any) -> DataverseSweep:
    return DataverseSweep(client, CUSTOMER.sales, SELECT, job=(7, "CUSTOMER"), now_ms=lambda: NOW_MS, **options)


async def test_a_sweep_reads_what_the_filter_lets_through_once_and_can_be_resumed() -> None:
    rows = [account(n, customertypecode=3 if n % 2 else 11) for n in range(9)]
    async with sales(accounts=rows) as client:
        first = await sweep(client, filter_text=CUSTOMER.sales.filter.text, page_size=3).read(None)
        last = await sweep(client, page_size=3).read(first.position)
        assert [first.more, last.more] == [True, False]
        assert sorted(keys([first, last])) == [GUID.format(n) for n in (1, 3, 5, 7)]
        assert {(change.op, change.job, change.mapping) for change in first.changes} == {(Op.READ, 7, "CUSTOMER")}
        assert await sweep(client).read(last.position) == Page((), last.position, more=False)
        assert state(client).service is not None


async def test_a_sweep_since_a_time_reads_only_what_changed_then() -> None:
    ticker = Ticker()
    async with sales(ticker, accounts=accounts(3)) as client:
        ticker.seconds += 3600
        await patch(client, 2, name="New")
        page = await sweep(client, since=datetime(2026, 1, 5, 12, 30, tzinfo=UTC), filter_text="statecode eq 0").read(
            None
        )
        assert keys([page]) == [GUID.format(2)]
        assert await count(client, CUSTOMER.sales, "statecode eq 0", datetime(2026, 1, 5, 12, 30, tzinfo=UTC)) == 1


@pytest.mark.parametrize("bom", [True, False])
async def test_d_100_counts_with_and_without_a_byte_order_mark(bom: bool) -> None:
    async with sales(chosen=DataverseSettings(count_with_bom=bom), accounts=accounts(4)) as client:
        assert await count(client, CUSTOMER.sales, "customertypecode eq 3") == 4


async def test_a_count_that_is_capped_or_refused_is_none() -> None:
    script = Script(httpx.Response(200, text="5000"), json(400, {"error": {"code": "", "message": "no"}}))
    async with scripted(Side.SALES, script) as client:
        assert await count(client, CUSTOMER.sales) is None
        assert await count(client, CUSTOMER.sales) is None


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b'{"value": [{"accountid'),
        httpx.Response(200, text="<html>Sign in</html>"),
        httpx.Response(200, content=b""),
        json(200, {"value": "none"}),
        json(200, []),
    ],
)
async def test_an_answer_that_cannot_be_read_is_worth_another_try(answer: httpx.Response) -> None:
    async with scripted(Side.SALES, Script(answer)) as client:
        with pytest.raises(ApiError) as failed:
            await sweep(client).read(None)
    assert (failed.value.transient, failed.value.problem.code) == (True, "unreadable-answer")


async def test_an_html_error_page_keeps_its_status() -> None:
    async with scripted(Side.SALES, Script(httpx.Response(404, text="<html>Not here</html>"))) as client:
        with pytest.raises(ApiError) as failed:
            await sweep(client).read(None)
    assert (failed.value.status, failed.value.transient) == (404, False)


async def test_spaces_travel_as_percent_20() -> None:
    script = Script(json(200, {"value": []}))
    async with scripted(Side.SALES, script) as client:
        await sweep(client, filter_text="name eq 'A & B + C'").read(None)
    assert "+" not in script.paths[0]
    assert "$filter=name eq 'A & B + C'" in unquote(script.paths[0])
