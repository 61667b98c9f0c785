"""Values made to break out of a filter, a batch, a log line or a page: carried as they are, or refused alone.

Each customer beside them, and the rest of the hostile record, stay what they were (promises 2 and 7).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
import pytest

from schemas.change import Change, Op, encode
from schemas.errors import ApiError
from schemas.side import Side
from tests.support import house
from tests.support.house import CUSTOMERS, TO_BC, TO_SALES, account, customer, pair
from tests.support.stage import Stage

# By what they are made against. Each fits into the fields it is written to on both sides.
HOSTILE = {
    "filter": "' or 1 eq 1 or name eq '",
    "filter-comment": "x') or (name ne null and name ne '--",
    "url": "a/b?c=d&$filter=name ne null#e%27%2527",
    "path": "../../accounts(00000000-0000-0000-0000-000000000000)",
    "batch": "a\r\n--batch_x\r\nContent-Type: application/http\r\n\r\nDELETE /api/data/v9.2/accounts HTTP/1.1",
    "header": "a\r\nIf-Match: *\r\nPrefer: x",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>\"'`",
    "ansi": "\x1b[2J\x1b]0;title\x07\x9b31mred",
    "right-to-left": "invoice\u202efdp.exe\u2066\u200f",
    "format": "{} {0.__class__} %s %n %(a)s ${BC_SECRET} {{7*7}} {% raw %}",
    "separators": "a\u2028b\u2029c\x85d\x0be",
    "json": '{"id": null, "@odata.etag": "W/1"}, []',
    "astral": "😀" * 20 + "\ufeff\ufffe\uffff",
}
PLACES = {"name": "displayName", "address1_line1": "addressLine1"}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(tmp_path, house.BC, house.SALES) as made:
        yield made


def values(stage: Stage) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """What both sides hold in the places concerned, in order."""
    bc = sorted(tuple(row[name] or "" for name in PLACES.values()) for row in stage.bc.rows("customers"))
    sales = sorted(tuple(row[name] or "" for name in PLACES) for row in stage.sales.rows("accounts"))
    return bc, sales


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
async def test_it_arrives_as_it_is_in_a_full_synchronisation(stage: Stage, value: str) -> None:
    await stage.live()
    customer(stage, value, addressLine1=value)
    customer(stage, "Beside")
    account(stage, f"{value}2", address1_line1=value)
    account(stage, "Beside as well")
    done = await stage.full_sync(*CUSTOMERS)
    assert [done["CUSTOMER", way]["inserted"] for way in (TO_SALES, TO_BC)] == [2, 2]
    expected = sorted([(value, value), ("Beside", ""), (f"{value}2", value), ("Beside as well", "")])
    assert values(stage) == (expected, expected)
    await stage.live()
    assert values(stage) == (expected, expected)
    assert await stage.errors() == []


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
async def test_it_arrives_as_it_is_in_a_live_change(stage: Stage, value: str) -> None:
    bc, sales = await pair(stage)
    await pair(stage, "Beside")
    stage.bc.edit(bc, displayName=value)
    await stage.live()
    stage.sales.edit(sales, address1_line1=value)
    await stage.live()
    expected = sorted([(value, value), ("Beside", "")])
    assert values(stage) == (expected, expected)
    assert await stage.errors() == []


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
async def test_it_is_looked_for_as_it_is(stage: Stage, value: str) -> None:
    """Matching by name asks Sales with a filter: it finds the one of that name and no other."""
    await stage.live()
    key = customer(stage, value)
    other, its = account(stage, "Beside"), account(stage, value)
    await stage.command("match", mappings=["CUSTOMER"])
    assert await stage.couplings("CUSTOMER") == {key: its}
    assert other not in (await stage.couplings("CUSTOMER")).values()


class Saying(httpx.AsyncBaseTransport):
    """A side whose answers hold something that nobody could write to the simulator."""

    def __init__(self, inner: httpx.AsyncBaseTransport, said: bytes) -> None:
        self._inner, self.said = inner, said

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        content = (await answer.aread()).replace(b"PLACEHOLDER", self.said)
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() != b"content-length"]
        return httpx.Response(answer.status_code, headers=headers, content=content)


async def carry_one_of_each(stage: Stage, odd: Side) -> None:
    """A record of each side, of which that of `odd` holds what its side says."""
    await stage.live()
    customer(stage, "Beside", addressLine1="PLACEHOLDER" if odd is Side.BC else "")
    account(stage, "Beside as well", address1_line1="PLACEHOLDER" if odd is Side.SALES else "")
    await stage.full_sync(*CUSTOMERS)
    await stage.live()


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("said", "arrived"),
    [(rb"half \ud83d", "half \ufffd"), (rb"nul \u0000", "nul \0"), (b"7" * 1_000_000, "7" * 100)],
    ids=["half-a-character", "nul", "a-million"],
)
async def test_what_a_side_says_harms_no_other_record(tmp_path: Path, side: Side, said: bytes, arrived: str) -> None:
    stage = Stage(tmp_path, house.BC, house.SALES)
    stage.lines[side] = Saying(stage.lines[side], said)  # type: ignore[assignment]
    async with stage:
        await carry_one_of_each(stage, side)
        theirs = values(stage)[1 if side is Side.BC else 0]
        name, other = ("Beside", "Beside as well") if side is Side.BC else ("Beside as well", "Beside")
        assert theirs == sorted([(name, arrived), (other, "")])
        assert await stage.errors() == []


@pytest.mark.parametrize("side", Side)
async def test_a_row_of_50_mb_fails_alone_and_is_carried_once_it_is_shortened(tmp_path: Path, side: Side) -> None:
    stage = Stage(tmp_path, house.BC, house.SALES)
    answers = Saying(stage.lines[side], b"7" * 50_000_000)
    stage.lines[side] = answers  # type: ignore[assignment]
    async with stage:
        await carry_one_of_each(stage, side)
        name, other = ("Beside", "Beside as well") if side is Side.BC else ("Beside as well", "Beside")
        assert values(stage)[1 if side is Side.BC else 0] == [(other, "")]
        [failure] = await stage.errors()
        assert failure.problem.code == "too-large"
        answers.said = b"short"
        await stage.command("retry", mappings=["CUSTOMER"])
        await stage.live()
        assert values(stage)[1 if side is Side.BC else 0] == sorted([(name, "short"), (other, "")])
        assert await stage.errors() == []


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    "said", [b'", "deep": ' + b"[" * 5000 + b"]" * 5000 + b', "end": "', b"\xff"], ids=["deep", "no-utf-8"]
)
async def test_a_page_that_cannot_be_read_holds_up_its_own_table_and_says_so(
    tmp_path: Path, side: Side, said: bytes
) -> None:
    stage = Stage(tmp_path, house.BC, house.SALES)
    stage.lines[side] = line = Saying(stage.lines[side], said)  # type: ignore[assignment]
    here = side is Side.SALES
    streets, tables = ("addressLine1", "address1_line1"), ("customers", "accounts")
    async with stage:
        odd, calm = await pair(stage), await pair(stage, "Beside")
        mine, theirs = (stage.sales, stage.bc) if here else (stage.bc, stage.sales)
        mine.edit(odd[here], **{streets[here]: "PLACEHOLDER"})
        theirs.edit(calm[not here], **{streets[not here]: "carried"})
        await stage.live()
        assert mine.get(calm[here])[streets[here]] == "carried"
        [capture] = [one for *place, one in stage.captures if place == [side, tables[here]]]
        with pytest.raises(ApiError, match="the body is not a JSON object"):
            await capture.once()
        line.said = b"read at last"
        await stage.live()
        assert theirs.get(odd[not here])[streets[not here]] == "read at last"
        assert await stage.errors() == []


def told(**changed: object) -> bytes:
    """A change of a customer that is nobody's, as any program with access to the topic could write it."""
    after = {"id": "c-1", "displayName": "Told", "blocked": " "}
    envelope = orjson.loads(encode([Change(Op.UPDATE, Side.BC, "customers", "c-1", after, "1", 1, 1, 1)]))
    [envelope] = envelope if isinstance(envelope, list) else [envelope]
    envelope["source"] |= changed
    return orjson.dumps(envelope)


DEEP = told().replace(b'"Told"', b'{"a":' * 5000 + b"1" + b"}" * 5000)


@pytest.mark.parametrize(
    "message",
    [
        DEEP,
        told().replace(b"Told", rb"\ud83d"),
        told(key="c-1)/Microsoft.Dynamics.CRM.Merge?"),
        told(key="c-1) HTTP/1.1\r\n\r\n--batch_x"),
        told(key="../accounts"),
        told(version="1\r\nPrefer: x"),
    ],
    ids=["deep", "half-a-character", "url", "batch", "path", "header"],
)
async def test_a_message_that_would_lead_elsewhere_is_put_aside(stage: Stage, message: bytes) -> None:
    bc, _ = await pair(stage, "Beside")
    before = values(stage)
    mark = stage.sales.mark()
    stage.log.put(stage.topics.table(Side.BC, "customers"), b"c-1", message)
    stage.bc.edit(bc, addressLine1="behind it")
    await stage.live()
    assert values(stage) != before
    assert values(stage)[1] == [("Beside", "behind it")]
    assert len(stage.sales.writes(mark)) == 1
    assert len(stage.log.read(stage.topics.dead_letters)) == 1
