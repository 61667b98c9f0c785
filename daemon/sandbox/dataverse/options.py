"""The query options of a request, checked against its table (wire-protocols B3, D93, D97)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus

from daemon.sandbox.dataverse.context import Request, Service
from daemon.sandbox.dataverse.errors import bad_request, unknown_property
from daemon.sandbox.dataverse.functions import expand_in
from daemon.sandbox.dataverse.tables import OPTIONS, TEXT, Kind, Table
from daemon.sandbox.dataverse.values import edm_type
from daemon.sandbox.filters import Filter, FilterError, compile_filter

_KNOWN = frozenset({"$select", "$filter", "$orderby", "$top", "$count", "$skiptoken", "$deltatoken", "$expand"})
_NUMBERS = frozenset({Kind.INTEGER, Kind.BIGINT, Kind.DECIMAL, Kind.MONEY, Kind.DOUBLE}) | OPTIONS
_LITERAL_TYPES = {
    "string": "Edm.String",
    "number": "Edm.Int32",
    "boolean": "Edm.Boolean",
    "guid": "Edm.Guid",
    "date": "Edm.Date",
    "datetime": "Edm.DateTimeOffset",
}


@dataclass(frozen=True)
class Options:
    """What a request asks for; `kept` are the raw options that its links repeat."""

    select: tuple[str, ...] | None
    filter: Filter | None
    order: tuple[tuple[str, bool], ...]
    top: int | None
    count: bool
    skip_token: str | None
    delta_token: str | None
    kept: str
    names: frozenset[str]


def parse_options(service: Service, request: Request, table: Table) -> Options:
    """Read and check the options; what the service does not know is refused."""
    given = _pairs(request.query)
    for name in given:
        if name == "$skip":
            raise bad_request("Skip Clause is not supported in CRM", "0x80060888")
        if (name.startswith("$") and name not in _KNOWN) or name in {"fetchXml", "savedQuery", "userQuery", "sql"}:
            raise bad_request(f"The query parameter {name} is not supported", "0x80060888")
    tracking = "$deltatoken" in given or "odata.track-changes" in request.preferences
    if "$expand" in given and not tracking:
        raise bad_request("The query parameter $expand is not offered by this simulator", "0x80060888")
    links = [pair for pair in request.query.split("&") if _name(pair) not in {"$skiptoken", "$deltatoken", ""}]
    return Options(
        select=_select(table, given.get("$select")),
        filter=_filter(service, table, given.get("$filter")),
        order=_order(table, given.get("$orderby")),
        top=_top(given.get("$top")),
        count=_flag(given.get("$count")),
        skip_token=given.get("$skiptoken"),
        delta_token=given.get("$deltatoken"),
        kept="&".join(links),
        names=frozenset(given),
    )


def _name(pair: str) -> str:
    return unquote(pair.partition("=")[0])


def _pairs(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in query.split("&"):
        if pair:
            name = _name(pair)
            if name in found and name.startswith("$"):
                raise bad_request(f"Query option '{name}' was specified more than once.", "0x80060888")
            found[name] = unquote_plus(pair.partition("=")[2])
    return found


def _select(table: Table, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or "*" in names:
        return None
    for name in names:
        if name not in table.columns:
            raise unknown_property(table.logical, name)
    return names


def _filter(service: Service, table: Table, text: str | None) -> Filter | None:
    if text is None:
        return None
    try:
        text, extra = expand_in(table, text)
        found = compile_filter(text, case_insensitive=True, wildcards=True)
    except FilterError as error:
        raise bad_request(str(error), "0x80060888") from error
    if found.in_fields:
        raise bad_request("The 'in' operator is not supported; use Microsoft.Dynamics.CRM.In.", "0x80060888")
    if found.conditions - extra > service.settings.condition_limit:
        raise bad_request("Number of conditions in query exceeded maximum limit.", "0x8004430C")
    for name in found.fields:
        _check_types(table, name, found.literal_kinds.get(name, frozenset()))
    return found


def _check_types(table: Table, name: str, kinds: frozenset[str]) -> None:
    column = table.columns.get(name)
    if column is None:
        raise unknown_property(table.logical, name)
    allowed = _comparable(column.kind)
    for kind in kinds - allowed - {"null"}:
        raise bad_request(
            "A binary operator with incompatible types was detected. Found operand types "
            f"'{edm_type(column.kind)}' and '{_LITERAL_TYPES[kind]}' for operator kind 'Equal'.",
            "0x80060888",
        )


def _comparable(kind: Kind) -> frozenset[str]:
    if kind in TEXT:
        return frozenset({"string"})
    if kind in _NUMBERS:
        return frozenset({"number"})
    others = {Kind.BOOLEAN: {"boolean"}, Kind.DATETIME: {"datetime", "date"}, Kind.DATE: {"date"}}
    return frozenset(others.get(kind, {"guid"}))


def _order(table: Table, text: str | None) -> tuple[tuple[str, bool], ...]:
    """(property, descending) for each part of `$orderby`."""
    found: list[tuple[str, bool]] = []
    for part in (text or "").split(","):
        words: list[Any] = part.split()
        if not words:
            continue
        if len(words) > 2 or (len(words) == 2 and words[1] not in {"asc", "desc"}):
            raise bad_request(f"Syntax error in the $orderby clause '{text}'.", "0x80060888")
        if words[0] not in table.columns:
            raise unknown_property(table.logical, words[0])
        found.append((words[0], words[-1] == "desc"))
    return tuple(found)


def _top(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal():
        raise bad_request(f"Invalid value '{text}' for $top query option found.", "0x80060888")
    return int(text)


def _flag(text: str | None) -> bool:
    if text not in {None, "true", "false"}:
        raise bad_request(f"Invalid value '{text}' for $count query option found.", "0x80060888")
    return text == "true"
