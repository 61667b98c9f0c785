"""How `coupled check` judges: what a token says, exit codes, what the mappings do where."""

from __future__ import annotations

import base64
import json

import pytest

from daemon.checkup.probe import tell
from daemon.cli import check
from schemas import checkup_rules as rules
from schemas.checkup import Checked, away, exit_of, fine, not_tried, warning, wrong
from schemas.errors import ApiError, ConfigurationError
from schemas.mapping_file import parse, standard_text
from schemas.side import Side
from schemas.token import Claims, claims
from tests.support.made import mappings, part


def token(body: object) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip('=')}.x"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (token({"aud": "https://a", "roles": ["R"]}), Claims("https://a", ("R",))),
        (token({"aud": "https://a"}), Claims("https://a")),
        (token({"aud": ["https://a"]}), None),
        (token("text"), None),
        ("", None),
        ("opaque", None),
        ("a.%%%.c", None),
        ("a.\xff.c", None),
    ],
)
def test_what_a_token_says_is_read_if_it_can_be(text: str, found: Claims | None) -> None:
    assert claims(text) == found


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], 0),
        ([fine("a", "b", "c"), warning("a", "b", "c", "d")], 0),
        ([fine("a", "b", "c"), not_tried("a", "b", "c")], 0),
        ([wrong("a", "b", "c", "d"), warning("a", "b", "c", "d")], 2),
        ([wrong("a", "b", "c", "d"), away("a", "b", "c", "d")], 3),
    ],
)
def test_the_exit_code_says_what_has_to_be_done(found: list[Checked], code: int) -> None:
    assert exit_of(found) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ApiError(503, "", "busy"), 3),
        (ApiError(403, "", "no"), 2),
        (ConfigurationError("company-unknown", "no company"), 2),
        (ZeroDivisionError("secret"), 2),
    ],
)
async def test_a_probe_that_fails_is_a_finding(error: Exception, code: int) -> None:
    async def probe() -> list[Checked]:
        raise error

    found = await tell("BC", "reading", probe)
    assert exit_of(found) == code
    assert "secret" not in found[0].says, "an unforeseen error is named, not quoted"


def test_what_the_mappings_do_where() -> None:
    standard = parse(standard_text())
    assert rules.needed(standard, Side.SALES)["systemusers"] == ("read",)
    assert rules.needed(standard, Side.BC)["customers"] == ("read", "create", "write")
    deleting = mappings(part(on_delete="delete"))
    (table,) = rules.needed(deleting, Side.SALES).values()
    assert table == ("read", "create", "write", "delete")


@pytest.mark.parametrize(
    ("url", "aud", "named"),
    [
        ("https://contoso.crm.dynamics.com", "https://contoso.api.crm.dynamics.com", False),
        ("https://contoso.api.crm4.dynamics.com", "https://contoso.crm4.dynamics.com/", False),
        ("https://contoso.crm.dynamics.com", "https://fabrikam.crm.dynamics.com", True),
    ],
)
def test_dataverse_has_two_names(url: str, aud: str, named: bool) -> None:
    one = rules.refused(Side.SALES, url, Claims(aud), "no")
    assert ("sales.auth.scope" in one.fix) == named


def test_a_hint_of_how_many_at_once_is_passed_on() -> None:
    (one,) = rules.limits(Side.SALES, {rules.REMAINING: "5000", rules.AT_ONCE: "8"})
    assert "8 at once" in one.says


def test_what_was_not_tried_is_not_called_well(capsys: pytest.CaptureFixture[str]) -> None:
    check._page([not_tried("Sales", "writing", "accounts."), wrong("store", "connection", "It is away.", "Start it.")])
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        "not tried Sales, writing: accounts.",
        "error     store, connection: It is away.",
        "          → Start it.",
    ]
    assert said[-1] == "1 error(s), 0 warning(s), 1 not tried in 2 findings"
