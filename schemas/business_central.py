"""Business Central API v2.0 records in our words (wire-protocols A2, A3). Same names as `schemas/dataverse.py`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from schemas.canonical import ZERO_GUID, as_code, blank_like, stored
from schemas.mapping import Table, TableMapping
from schemas.side import Side

Row = Mapping[str, Any]
MODIFIED = "lastModifiedDateTime"
# The natural key of the standard entity sets; every other set names its own in the mapping file.
KEYS = {"currencies": "code", "unitsOfMeasure": "code", "salespeoplePurchasers": "code"}
# Fields we compute while capturing, because the API keeps them in another entity set.
CURRENCY_FIELDS = frozenset({"exchangeRate", "currencyPrecision", "currencySymbol"})
# What they are made of in the entity set itself.
_CURRENCY_COLUMNS = ("code", "symbol", "amountDecimalPlaces")
CURRENCIES = "currencies"

STANDARD_API = "v2.0"


def api_root(api: str) -> str:
    """The path of an API below the side's url: the standard one, or a custom API page's (A1)."""
    return f"api/{api or STANDARD_API}"


def path(table: Table, company: str) -> str:
    """The path of an entity set below the side's url; `company` is the company's id."""
    return f"{api_root(table.api)}/companies({company})/{table.name}"


def id_column(entity_set: str) -> str:
    """Every BC record is known by its SystemId, `id`."""
    return "id"


def key_field(entity_set: str) -> str:
    return KEYS.get(entity_set, "number")


def select(table: str, mappings: Iterable[TableMapping]) -> tuple[str, ...]:
    """The columns to ask for: mapped fields, what filters and matching read, the key, and when it changed."""
    names = ["id"]
    for mapping in mappings:
        names += [mapping.bc.key or key_field(table)]
        names += mapping.mapped(Side.BC)
        names += mapping.filter_fields(Side.BC)
        names += mapping.match_fields(Side.BC)
    computed = table == CURRENCIES and not CURRENCY_FIELDS.isdisjoint(names)
    names = [*(name for name in names if name not in CURRENCY_FIELDS), *(_CURRENCY_COLUMNS if computed else ())]
    return tuple(dict.fromkeys([*names, MODIFIED]))


def expand(table: Table) -> str:
    """The $expand that brings the parts our references are read from; empty if there are none."""
    return ",".join(dict.fromkeys(reference.child for reference in table.references))


def version(row: Row) -> str:
    return str(row.get("@odata.etag", ""))


def modified_ms(row: Row) -> int:
    """When the record changed on its own side, in ms; 0 if the row does not tell."""
    text = row.get(MODIFIED)
    return int(datetime.fromisoformat(text).timestamp() * 1000) if text else 0


def sequence(row: Row) -> int:
    """BC's etag is opaque, so its order is the time of the last change."""
    return modified_ms(row)


def values(mapping: TableMapping, row: Row) -> dict[str, Any]:
    """The mapped fields that the row carries, canonical, codes upper-case."""
    names = (name for name in mapping.mapped(Side.BC) if name in row)
    return {name: stored(Side.BC, name, row[name]) for name in names}


def column(mapping: TableMapping, name: str) -> str:
    """Every field is read under its own name."""
    return name


def references(table: Table, row: Row) -> dict[str, str]:
    """The names lookups may use for this record: its key, and what its parts tell."""
    found = {table.key: as_code(str(row[table.key]))} if row.get(table.key) else {}
    for reference in table.references:
        for child in row.get(reference.child) or ():
            if reference.where.matches(child) and child.get(reference.field):
                found[reference.name] = as_code(str(child[reference.field]))
                break
    return found


def body(mapping: TableMapping, fields: Mapping[str, Any], blanks: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON body that sets `fields`. BC has no nulls, so None becomes the blank of the field's kind (A2)."""
    return {
        name: blank_like(blanks.get(name)) if value is None else value
        for name, value in fields.items()
        if value != ZERO_GUID
    }
