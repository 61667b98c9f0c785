"""The filter functions the service puts in the place of OData's `in` (wire-protocols B3)."""

from __future__ import annotations

import re

from daemon.sandbox.dataverse.errors import bad_request, unknown_property
from daemon.sandbox.dataverse.tables import TEXT, Table

_CALL = re.compile(
    r"Microsoft\.Dynamics\.CRM\.(?P<name>In|NotIn)\(\s*PropertyName\s*=\s*'(?P<prop>\w+)'\s*,"
    r"\s*PropertyValues\s*=\s*\[(?P<values>(?:'(?:[^']|'')*'|\"[^\"]*\"|[^\]'\"])*)\]\s*\)"
)
_VALUE = re.compile(r"'(?P<single>(?:[^']|'')*)'|\"(?P<double>[^\"]*)\"|(?P<bare>[^\s,'\"]+)")


def expand_in(table: Table, text: str) -> tuple[str, int]:
    """`In` and `NotIn` written out as comparisons, and how many conditions that made out of single ones."""
    extra = 0

    def written(call: re.Match[str]) -> str:
        nonlocal extra
        values = [_literal(table, call["prop"], value) for value in _VALUE.finditer(call["values"])]
        if not values:
            raise bad_request(f"The function '{call['name']}' needs at least one value.", "0x80060888")
        extra += len(values) - 1
        alternatives = "(" + " or ".join(f"{call['prop']} eq {value}" for value in values) + ")"
        return alternatives if call["name"] == "In" else f"not {alternatives}"

    return _CALL.sub(written, text), extra


def _literal(table: Table, prop: str, value: re.Match[str]) -> str:
    """Values come quoted whatever their kind; as literals only text is."""
    column = table.columns.get(prop)
    if column is None:
        raise unknown_property(table.logical, prop)
    text = value["double"].replace("'", "''") if value["double"] is not None else value["single"] or value["bare"] or ""
    return f"'{text}'" if column.kind in TEXT else text
