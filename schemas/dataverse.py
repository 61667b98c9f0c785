"""Dataverse rows in our words (wire-protocols B2, B3). Same names as `schemas/business_central.py`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from schemas.canonical import canonical
from schemas.mapping import Table, TableMapping
from schemas.side import Side

Row = Mapping[str, Any]
MODIFIED = "modifiedon"
# Sets whose primary id is not their singular + "id".
_IDS = {"opportunities": "opportunityid", "businessunits": "businessunitid"}


API_ROOT = "api/data/v9.2"


def path(entity_set: str) -> str:
    """The path of an entity set below the side's url (B1)."""
    return f"{API_ROOT}/{entity_set}"


def id_column(entity_set: str) -> str:
    """The primary id column: known by the naming rule of standard tables, or given in the mapping file."""
    if entity_set in _IDS:
        return _IDS[entity_set]
    if entity_set.endswith("ies"):
        return f"{entity_set[:-3]}yid"
    return f"{entity_set.removesuffix('s')}id"


def key_field(entity_set: str) -> str:
    """Sales records are looked up by id only."""
    return ""


def select(table: str, mappings: Iterable[TableMapping]) -> tuple[str, ...]:
    """The columns to ask for: mapped ones (lookups as `_x_value`), those of filters and matching, when it changed."""
    names: list[str] = []
    for mapping in mappings:
        names.append(mapping.sales.id)
        names += (column(mapping, name) for name in mapping.mapped(Side.SALES))
        names += mapping.filter_fields(Side.SALES)
        names += mapping.match_fields(Side.SALES)
    return tuple(dict.fromkeys([*names, MODIFIED]))


def column(mapping: TableMapping, name: str) -> str:
    """The column a field is read from."""
    return f"_{name}_value" if name in mapping.lookup_columns else name


def version(row: Row) -> str:
    return str(row.get("@odata.etag", ""))


def modified_ms(row: Row) -> int:
    """When the row changed on its own side, in ms (second precision); 0 if the row does not tell."""
    text = row.get(MODIFIED)
    return int(datetime.fromisoformat(text).timestamp() * 1000) if text else 0


def sequence(row: Row) -> int:
    """The number in the etag is the row's versionnumber, which only grows (B2)."""
    digits = "".join(character for character in version(row) if character.isdigit())
    return int(digits) if digits else modified_ms(row)


def values(mapping: TableMapping, row: Row) -> dict[str, Any]:
    """The mapped columns that the row carries, canonical."""
    pairs = ((name, column(mapping, name)) for name in mapping.mapped(Side.SALES))
    return {name: canonical(row[source]) for name, source in pairs if source in row}


def references(table: Table, row: Row) -> dict[str, str]:
    """Rows carry no references; those of child rows are read by the target."""
    return {}


def body(mapping: TableMapping, fields: Mapping[str, Any], blanks: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON body that sets `fields`; lookups are bound by navigation property (B2)."""
    binds = {name: rule.bind for rule in mapping.fields if rule.bind for name in rule.sales}
    return dict(_property(binds.get(name), name, value) for name, value in fields.items())


def _property(bind: str | None, name: str, value: Any) -> tuple[str, Any]:
    if not bind:
        return name, value
    navigation, entity_set = bind.split("/")
    return f"{navigation}@odata.bind", None if value is None else f"/{entity_set}({value})"
