"""Mappings, changes and couplings for the tests of the rules, made short. Every default can be named away."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from schemas import rows
from schemas.change import Change, Op
from schemas.coupling import Coupling
from schemas.mapping import Mappings, TableMapping
from schemas.mapping_build import build
from schemas.mapping_file import MappingsFile, examine
from schemas.mapping_parts import FilePart
from schemas.mapping_rules import mistakes
from schemas.side import Side

NAME = {"bc": "displayName", "sales": "name", "max_length": 20}
PHONE = {"bc": "phoneNumber", "sales": "telephone1"}
CITY = {"bc": "city", "sales": "address1_city"}
CREDIT = {"bc": "creditLimit", "sales": "creditlimit", "direction": "to_sales"}  # one way, BC's
WEBSITE = {"bc": "website", "sales": "websiteurl", "direction": "to_bc"}  # one way, Sales'
FIELDS = (NAME, PHONE, CITY, CREDIT, WEBSITE)

BC_ID = "00000001-0000-4000-8000-0000000000bc"
SALES_ID = "00000001-0000-4000-8000-00000000cafe"


def part(name: str = "CUSTOMER", *, fields: Sequence[dict[str, Any]] = FIELDS, **settings: Any) -> dict[str, Any]:
    """A mapping as a file would have it."""
    given = {"bc": {"table": "customers"}, "sales": {"table": "accounts"}, **settings}
    return {"name": name, "fields": list(fields), **given}


def mappings(*parts: Mapping[str, Any]) -> Mappings:
    """ValueError says the first mistake, as a file of them would be refused."""
    given = FilePart.model_validate({"mappings": list(parts)})
    for mistake in mistakes(given):
        raise ValueError(f"{mistake.place}: {mistake.message}")
    return build(given, "test")


def file(*parts: dict[str, Any]) -> MappingsFile:
    """A mappings file of them, with all its mistakes; JSON is YAML."""
    return examine(json.dumps({"mappings": list(parts)}), "test")


def mapping(**settings: Any) -> TableMapping:
    """CUSTOMER: three fields both ways, one to each side only."""
    return mappings(part(**settings)).all[0]


def bc_row(key: str = BC_ID, at: int = 1, **fields: Any) -> dict[str, Any]:
    """A customer as BC answers it, last changed `at` seconds after noon."""
    blank = {"displayName": "", "phoneNumber": "", "city": "", "creditLimit": 0, "website": ""}
    stamp = f"2026-01-01T12:{at // 60:02d}:{at % 60:02d}Z"
    return {"@odata.etag": f'W/"bc-{at}"', "id": key, **blank, **fields, "lastModifiedDateTime": stamp}


def sales_row(key: str = SALES_ID, at: int = 1, **fields: Any) -> dict[str, Any]:
    """An account as Dataverse answers it, at versionnumber `at`."""
    blank = dict.fromkeys(("name", "telephone1", "address1_city", "creditlimit", "websiteurl"))
    stamp = f"2026-01-01T12:{at // 60:02d}:{at % 60:02d}Z"
    return {"@odata.etag": f'W/"{at}"', "accountid": key, **blank, **fields, "modifiedon": stamp}


def change_of(mapped: TableMapping, side: Side, row: dict[str, Any], job: int | None = None) -> Change:
    """The live change that says the row is now like this; of a sweep if a job is named."""
    op = Op.UPDATE if job is None else Op.READ
    return rows.change(mapped.table(side), row, op, 5_000, None if job is None else (job, mapped.name))


def deletion_of(mapped: TableMapping, side: Side, key: str) -> Change:
    return rows.deletion(mapped.table(side), key, 5_000)


def coupled(mapped: TableMapping, bc: dict[str, Any], sales: dict[str, Any]) -> Coupling:
    """Both rows agree, as they stand."""
    return Coupling(mapped.name, rows.half(mapped, Side.BC, bc), rows.half(mapped, Side.SALES, sales))
