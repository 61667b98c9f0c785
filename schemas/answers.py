"""What a side means by an answer that is not a success (wire-protocols A3, B3). Codes decide before statuses do."""

from schemas.errors import ApiError

_STALE = frozenset({"Request_EntityChanged", "0x80060882"})
_DUPLICATE = frozenset({"Internal_EntityWithSameKeyExists", "0x80040237", "0x80060892"})
_MISSING = frozenset({"Internal_RecordNotFound", "0x80040217"})


def is_duplicate(error: ApiError) -> bool:
    """It exists already: the id, the number or another key. BC says 400 or 409, Sales 412."""
    return error.problem.code in _DUPLICATE


def is_stale(error: ApiError) -> bool:
    """The record has moved since the version we named: BC 409, Sales 412 (either may stand in for the other)."""
    return error.problem.code in _STALE or (error.status in (409, 412) and not is_duplicate(error))


def is_missing(error: ApiError) -> bool:
    """The record is gone. A 400 with the same code speaks of a record it refers to (A3)."""
    return error.status == 404 or (error.problem.code in _MISSING and error.status == 412)
