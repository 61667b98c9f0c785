"""A start with a mappings file: what `mappings check` calls an error is refused, with its line (DESIGN 4)."""

import asyncio
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from daemon import preflight
from daemon.sandbox.faults import Fault
from schemas.errors import ConfigurationError, Unreachable
from schemas.mapping_file import MappingsFile, read, standard_text
from schemas.side import Side
from tests.contract.clients.client_support import COMPANY, bc, sales, scripted, state

STANDARD = standard_text()
CITY = "{bc: city, sales: address1_city, max_length: 30}"


def changed(old: str, new: str) -> MappingsFile:
    assert old in STANDARD
    return read(STANDARD.replace(old, new, 1), "my.yaml")


def line_of(text: str) -> int:
    return STANDARD[: STANDARD.index(text)].count("\n") + 1


def sides() -> dict[Side, httpx.AsyncClient]:
    return {Side.BC: bc(), Side.SALES: sales()}


async def start(file: MappingsFile, **clients: httpx.AsyncClient) -> list[dict[str, Any]]:
    """What is logged."""
    with capture_logs() as logs:
        await preflight.usable(sides() | {Side(name): client for name, client in clients.items()}, COMPANY, file)
    return [dict(one) for one in logs]


async def test_the_standard_file_starts_without_a_word() -> None:
    assert await start(read(STANDARD)) == []


@pytest.mark.parametrize(
    ("old", "new", "field", "reason", "hint"),
    [
        (
            "statecode eq 0 and customertype",
            "statecode eq '0' and customertype",
            "sales.filter",
            "whole number",
            "quotes",
        ),
        ("blocked eq '_x0020_'", "blocked eq 'Shop'", "bc.filter", "no value 'Shop'", "'Ship'"),
        ("blocked eq '_x0020_'", "displayName", "bc.filter", "by itself it is no condition", "ne null"),
        (CITY, "{bc: balanceDue, sales: creditlimit, direction: to_bc}", "fields.4.bc", "let balanceDue", "to_sales"),
        ("sales: creditlimit", "sales: description", "fields.12.sales", "holds text, but gets a number", "transform"),
        ("sales: telephone1", "sales: telefon1", "fields.7.sales", "no field 'telefon1'", "'telephone1'"),
        ("table: accounts", "table: acounts", "sales.table", "no entity set 'acounts'", "'accounts'"),
    ],
)
async def test_what_the_check_calls_an_error_is_refused_with_line_field_and_hint(
    old: str, new: str, field: str, reason: str, hint: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        await start(changed(old, new))
    problem = refusal.value.problem
    assert problem.code == "mappings-invalid"
    assert problem.message.startswith(f"my.yaml, line {line_of(old)}, mappings.3.{field} (CUSTOMER): ")
    assert reason in problem.message
    assert hint in problem.hint


async def test_what_the_check_warns_of_is_logged_with_its_line() -> None:
    [told] = await start(changed(CITY, CITY.replace(", max_length: 30", "")))
    assert (told["event"], told["line"], told["log_level"]) == ("mapping_advice", line_of(CITY), "warning")
    assert "takes 30 characters, but may get 80" in told["advice"]
    assert told["hint"] == "Set `max_length: 30`."


@pytest.mark.parametrize("side", list(Side))
async def test_a_side_that_does_not_show_its_metadata_does_not_keep_the_daemon_from_starting(side: Side) -> None:
    client = sides()[side]
    state(client).control.faults.arm(Fault(status=403, count=50, path="$metadata"))
    [told] = await start(changed("blocked eq '_x0020_'", "blocked ne 'All'"), **{side.value: client})
    assert (told["event"], told["side"]) == ("metadata_not_served", side.value)
    mistakes = {
        Side.BC: changed("bc: phoneNumber", "bc: phonNumber"),
        Side.SALES: changed("sales: telephone1", "sales: telefone1"),
    }
    with pytest.raises(ConfigurationError, match=r"my.yaml, line \d+, mappings.3.fields"):
        await start(mistakes[side.other], **{side.value: client})
    with pytest.raises(ConfigurationError, match=f"Mapping CUSTOMER: {side.label} refuses to read"):
        await start(mistakes[side], **{side.value: client})


async def test_metadata_that_take_too_long_are_not_waited_for() -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("$metadata"):
            return httpx.Response(200, json={"access_token": "x", "expires_in": 99})
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    slow = sides() | {Side.SALES: scripted(Side.SALES, never)}
    with capture_logs() as logs:
        await preflight.check_file(slow, read(STANDARD), patience=0.2)
    assert [(one["event"], one["side"], one["reason"]) for one in logs] == [
        ("metadata_not_served", "sales", "no answer within 0.2 s")
    ]


async def test_a_side_that_is_down_is_still_unreachable() -> None:
    client = sales()
    state(client).control.faults.arm(Fault(status=503, count=500))
    with pytest.raises(Unreachable, match=r"Sales at .* does not let us in"):
        await start(read(STANDARD), sales=client)
