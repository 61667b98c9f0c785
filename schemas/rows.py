"""A side's rows in our words, whichever side they come from."""

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from schemas import business_central, dataverse
from schemas.canonical import stored
from schemas.change import Change, Op
from schemas.coupling import Half
from schemas.errors import ApiError
from schemas.mapping import Table, TableMapping
from schemas.side import Side

Row = Mapping[str, Any]
_SIDES: dict[Side, ModuleType] = {Side.BC: business_central, Side.SALES: dataverse}


def change(table: Table, row: Row, op: Op, now_ms: int, job: tuple[int | None, str] | None = None) -> Change:
    """The envelope of one row a side answered; `job` is (job id, mapping) for a sweep."""
    side = _SIDES[table.side]
    job_id, mapping = job or (None, None)
    return Change(
        op=op,
        side=table.side,
        table=table.name,
        key=record_id(table, row),
        after=row,
        version=side.version(row),
        sequence=side.sequence(row),
        ts_ms=side.modified_ms(row),
        captured_ms=now_ms,
        job=job_id,
        mapping=mapping,
    )


def deletion(table: Table, key: str, now_ms: int) -> Change:
    """A deleted record is known by its id only, so it counts as changed now; its sequence is unknown."""
    return Change(Op.DELETE, table.side, table.name, key.lower(), None, "", 0, now_ms, now_ms)


def record_id(table: Table, row: Row) -> str:
    """ApiError for a row that is no record: something else answered in the side's place, and may not next time."""
    if not row.get(table.id):
        raise ApiError(0, "unreadable-answer", f"a row of {table.name} came without its {table.id}")
    return str(row[table.id]).lower()


def values(mapping: TableMapping, side: Side, row: Row) -> dict[str, Any]:
    """The mapped fields the row carries, canonical, by field name."""
    found: dict[str, Any] = _SIDES[side].values(mapping, row)
    return found


def value(mapping: TableMapping, side: Side, row: Row, name: str) -> Any:
    """One field of the row, mapped or not, canonical; None if the row does not carry it."""
    return stored(side, name, row.get(_SIDES[side].column(mapping, name)))


def written(mapping: TableMapping, side: Side, row: Row, fields: Mapping[str, Any]) -> Row:
    """The row as it would read with these fields written."""
    return {**row, **{_SIDES[side].column(mapping, name): value for name, value in fields.items()}}


def half(mapping: TableMapping, side: Side, row: Row) -> Half:
    """What a coupling would store of this row if both sides agreed on all of it."""
    module, table = _SIDES[side], mapping.table(side)
    return Half(
        id=record_id(table, row),
        version=module.version(row),
        sequence=module.sequence(row),
        base=module.values(mapping, row),
        references=module.references(table, row),
    )


def select(side: Side, table: str, mappings: Iterable[TableMapping]) -> tuple[str, ...]:
    columns: tuple[str, ...] = _SIDES[side].select(table, mappings)
    return columns


def body(mapping: TableMapping, side: Side, fields: Mapping[str, Any], blanks: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = _SIDES[side].body(mapping, fields, blanks)
    return made
