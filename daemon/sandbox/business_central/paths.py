"""What a path names (wire-protocols A1, D9, D10, D14, D48, D51)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from daemon.sandbox.business_central.errors import ApiError, bad_request, dialog, no_segment
from daemon.sandbox.business_central.fields import GUID
from daemon.sandbox.business_central.settings import BcSettings
from daemon.sandbox.business_central.tables import CONTACTS_INFORMATION, TABLES, Table

_SEGMENT = re.compile(r"([^()]+)(?:\(([^()]*)\))?")


@dataclass(frozen=True)
class Target:
    """An entity set, perhaps one row of it, perhaps a part of that row (`$count` is a part of the set).

    `url` is the set's address below the API root, as contexts and links show it.
    """

    table: Table
    record_id: str | None
    part: str
    url: str


def resolve(api: str, path: str, company: str | None, settings: BcSettings) -> Target:
    """The target of a path below an API root; `company` comes from the query or a header."""
    segments = [_segment(segment) for segment in path.split("/")]
    prefix = ""
    if segments[0][0] == "companies":
        table, key = TABLES["companies"], segments[0][1]
        if key is None or len(segments) == 1:
            return _in_set(table, key, segments[1:], "companies")
        _check_company(_guid(key), settings)
        prefix, segments = f"companies({key.lower()})/", segments[1:]
    elif segments[0][0] in TABLES or segments[0][0] == CONTACTS_INFORMATION.set_name:
        if company is None:
            text = "You must specify a company: use companies({id}) in the path or the company parameter."
            raise bad_request(text, "BadRequest_RequiredParamNotProvided")
        _check_company(company, settings)
        prefix = f"companies({settings.company_id.lower()})/"
    name, key = segments[0]
    if name == CONTACTS_INFORMATION.set_name:
        raise dialog("You must specify a parent ID to get the contacts information.")
    found = TABLES.get(name)
    if found is None or found.api != api or name == "companies":
        raise no_segment(name)
    return _in_set(found, key, segments[1:], prefix + name)


def _segment(text: str) -> tuple[str, str | None]:
    match = _SEGMENT.fullmatch(text)
    if match is None:
        raise no_segment(text)
    return match.group(1), match.group(2)


def _in_set(table: Table, key: str | None, rest: list[tuple[str, str | None]], url: str) -> Target:
    record_id = None if key is None else _guid(key)
    part = rest[0][0] if rest else ""
    allowed = table.parts if record_id is not None else ("$count",)
    if len(rest) > 1 or (part and part not in allowed) or (rest and rest[0][1] is not None):
        raise no_segment(rest[-1][0] if len(rest) > 1 else part)
    return Target(table, record_id, part, url)


def _guid(text: str) -> str:
    if not GUID.fullmatch(text):
        raise bad_request(f"Bad Request - Error in query syntax: '{text}' is not a valid GUID.")
    return text.lower()


def _check_company(wanted: str, settings: BcSettings) -> None:
    """D9: by id, or by name as the `Company` header and parameter allow."""
    if wanted.lower() != settings.company_id.lower() and wanted != settings.company_name:
        text = f"Cannot find company {wanted}."
        raise ApiError(settings.unknown_company_status, settings.unknown_company_code, text)


def company_of(query: Mapping[str, str], headers: Mapping[str, str]) -> str | None:
    """The company a request names outside its path."""
    return query.get("company") or headers.get("company")
