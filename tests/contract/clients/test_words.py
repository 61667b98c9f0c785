"""The pure parts of both clients: filters, links, what a refusal means (wire-protocols A3, B3, C26)."""

import orjson
import pytest

from schemas.answers import is_duplicate, is_missing, is_stale
from schemas.errors import ApiError, api_error
from schemas.odata import any_of, both, instant, literal, own_link, query, rows
from schemas.side import Side
from tests.contract.clients.client_support import GUID


@pytest.mark.parametrize(
    ("side", "status", "code", "meaning"),
    [
        (Side.SALES, 412, "0x80060882", "stale"),
        (Side.SALES, 412, "0x80040237", "duplicate"),
        (Side.SALES, 412, "0x80060892", "duplicate"),
        (Side.SALES, 412, "0x80040333", ""),
        (Side.SALES, 404, "0x80040217", "missing"),
        (Side.SALES, 404, "0x80060891", "missing"),
        (Side.SALES, 404, "0x8006088a", ""),
        (Side.SALES, 404, "", ""),
        (Side.BC, 409, "Request_EntityChanged", "stale"),
        (Side.SALES, 412, "", "stale"),
        (Side.SALES, 409, "", "stale"),
        (Side.SALES, 409, "0x80040237", "duplicate"),
        (Side.BC, 412, "", "stale"),
        (Side.BC, 409, "", "stale"),
        (Side.BC, 412, "Internal_EntityWithSameKeyExists", "duplicate"),
        (Side.BC, 409, "Internal_EntityWithSameKeyExists", "duplicate"),
        (Side.BC, 400, "Internal_EntityWithSameKeyExists", "duplicate"),
        (Side.BC, 404, "Internal_RecordNotFound", "missing"),
        (Side.BC, 404, "BadRequest_NotFound", "missing"),
        (Side.BC, 404, "BadRequest_ResourceNotFound", ""),
        (Side.BC, 404, "Internal_CompanyNotFound", ""),
        (Side.BC, 404, "", ""),
        (Side.BC, 400, "Internal_RecordNotFound", ""),
    ],
)
def test_what_a_refusal_means(side: Side, status: int, code: str, meaning: str) -> None:
    error = api_error(status, {"error": {"code": code, "message": "…"}})
    found = {"stale": is_stale(side, error), "duplicate": is_duplicate(side, error), "missing": is_missing(side, error)}
    assert [name for name, holds in found.items() if holds] == ([meaning] if meaning else [])


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("status", [409, 412])
def test_a_conflict_told_by_a_page_is_stale(side: Side, status: int) -> None:
    assert is_stale(side, api_error(status, "<html>Precondition Failed</html>"))


def test_a_missing_lookup_names_another_record() -> None:
    error = ApiError(404, "0x80040217", f"systemuser With Id = {GUID.format(9).upper()} Does Not Exist")
    assert is_missing(Side.SALES, error, GUID.format(9))
    assert not is_missing(Side.SALES, error, GUID.format(1))


def test_filters_fit_into_a_url() -> None:
    short = list(any_of("number", [f"C{n}" for n in range(120)]))
    assert [text.count(" or ") + 1 for text in short] == [50, 50, 20]
    long = list(any_of("displayName", ["ü" * 100 + str(n) for n in range(120)]))
    assert all(len(query(filter=text)) < 6200 for text in long)
    assert sum(text.count(" or ") + 1 for text in long) == 120
    assert list(any_of("number", ["a", "a"])) == ["number eq 'a'"]


def test_literals_are_quoted_by_what_they_are() -> None:
    assert literal("name", "O'X") == "'O''X'"
    assert literal("name", GUID.format(1)) == f"'{GUID.format(1)}'"
    assert literal("_ownerid_value", GUID.format(1)) == GUID.format(1)
    assert literal("accountid", GUID.format(1), "accountid") == GUID.format(1)
    assert [literal("x", value) for value in (None, True, 3, 1.5)] == ["null", "true", "3", "1.5"]


def test_filters_are_joined_with_brackets_only_where_needed() -> None:
    assert both("a eq 1 or b eq 2", "c ge 3") == "(a eq 1 or b eq 2) and (c ge 3)"
    assert (both("a eq 1", ""), both("", "")) == ("a eq 1", "")


def test_times_are_utc_with_z() -> None:
    assert instant(1767614400123) == "2026-01-05T12:00:00.123Z"
    assert instant(1767614400123, "seconds") == "2026-01-05T12:00:00Z"


@pytest.mark.parametrize(
    "link", ["api/x", "https://crm.example/api/x?$skiptoken=1", "https://CRM.example/x", "https://crm.example:443/x"]
)
def test_own_links_are_followed(link: str) -> None:
    assert own_link("https://crm.example/base/", link) == link
    assert own_link("https://crm.example:443/base/", link) == link


@pytest.mark.parametrize(
    "link",
    [
        "http://crm.example/x",
        "http://crm.example:443/x",
        "https://crm.example:8443/x",
        "https://crm.example:port/x",
        "https://crm.example.evil/x",
        "//evil/x",
    ],
)
def test_other_links_are_refused(link: str) -> None:
    with pytest.raises(ApiError) as refused:
        own_link("https://crm.example/base/", link)
    assert not refused.value.transient


_ASKED = "https://crm.example/v2.0/prod/api/v2.0/companies(1)/customers?$top=1"
_ROOT = "https://crm.example/v2.0/prod/api/v2.0/"


@pytest.mark.parametrize(
    ("context", "link", "absolute"),
    [
        (
            f"{_ROOT}$metadata#customers",
            "companies(1)/customers?$skiptoken=a%2Fb",
            "companies(1)/customers?$skiptoken=a%2Fb",
        ),
        ("../$metadata#customers", "companies(1)/customers?x", "companies(1)/customers?x"),
        ("", "customers?$skiptoken=2", "companies(1)/customers?$skiptoken=2"),
        ("", "/v2.0/prod/api/v2.0/currencies", "currencies"),
        ("", "?$skiptoken=2", "companies(1)/customers?$skiptoken=2"),
        (f"{_ROOT}$metadata", f"{_ROOT}x/../y?a=%3Cb%3E&", "x/../y?a=%3Cb%3E&"),
    ],
)
def test_relative_links_count_from_the_context_else_from_what_was_asked(context: str, link: str, absolute: str) -> None:
    body = {"@odata.context": context, "value": [], "@odata.nextLink": link, "@odata.deltaLink": link}
    found = rows(200, orjson.dumps(body), _ASKED)
    assert found.next == found.delta == _ROOT + absolute
