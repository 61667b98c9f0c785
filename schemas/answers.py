"""What a refusal means, whichever side and edition says it (wire-protocols A3, B3, C26)."""

import re

from schemas.errors import ApiError, Problem
from schemas.side import Side

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_SALES_DUPLICATE = frozenset({"0x80040237", "0x80060892"})
_SALES_MISSING = frozenset({"0x80040217", "0x80060891"})
# Duplicate detection found another record that is alike; the id and keys are free, so it is no `is_duplicate`.
_SALES_ALIKE = "0x80040333"
_BC_DUPLICATE = "internal_entitywithsamekeyexists"
# 404s that speak of the set or the company, not of the record.
_BC_ELSEWHERE = frozenset(
    {"badrequest_resourcenotfound", "internal_companynotfound", "badrequest_invalidrequesturl", "http-404"}
)
# What a service adds to every answer anew, to be named to its support.
_OF_THIS_REQUEST = re.compile(
    rf"\b(?:correlation|activity|request|tracking|trace)[ _-]?id\W{{0,4}}{_GUID.pattern}", re.I
)
UNKNOWN_VERSION = "unknown-version"


def is_stale(side: Side, error: ApiError) -> bool:
    """Somebody else changed the record since the version we hold: read it, merge, write again (DESIGN 2).

    Only for writes with `If-Match`. Whatever its code, a 409 or 412 says so, unless it speaks of another record:
    editions and gateways answer it with codes of their own, with none, or with a page (A5, C26).
    """
    other = is_duplicate(side, error) or (side is Side.SALES and error.problem.code.lower() == _SALES_ALIKE)
    return error.status in {409, 412} and not other


def is_duplicate(side: Side, error: ApiError) -> bool:
    """A record with this id or key is already there (BC answers 400 or 409 for it)."""
    code = error.problem.code.lower()
    return code in _SALES_DUPLICATE if side is Side.SALES else code == _BC_DUPLICATE


def is_missing(side: Side, error: ApiError, record: str = "") -> bool:
    """The record is not there. Sales says the same of one that a lookup names: give `record` to tell them apart."""
    code = error.problem.code.lower()
    if side is Side.BC:
        return error.status == 404 and code not in _BC_ELSEWHERE
    named = {guid.lower() for guid in _GUID.findall(error.problem.message)}
    return code in _SALES_MISSING and (not record or not named or record.lower() in named)


def is_alike(one: Problem, other: Problem) -> bool:
    """The same failure twice (business-central-sync 3.8), whichever request it was told for."""
    mine, theirs = (_OF_THIS_REQUEST.sub("", problem.message) for problem in (one, other))
    return one.code == other.code and mine == theirs


def unknown_version(record: str) -> ApiError:
    """Answered in the service's place: a write that cannot say which version it changes is stale by definition."""
    return ApiError(
        412, UNKNOWN_VERSION, f"the version of {record} is not known, so it must be read before it is changed"
    )
