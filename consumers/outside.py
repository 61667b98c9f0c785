"""Records that others name and that will never be coupled, since they are outside their own mapping's filter.

business-central-sync 1.3, CONTACT: a contact of an account that is no customer is created without company; one whose
company in Business Central is no customer takes no part.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from consumers.ports import Row
from schemas.coupling import OUTSIDE, Lookups, Reference
from schemas.errors import ApiError
from schemas.mapping import Mappings, Table, TableMapping
from schemas.side import Direction, Side


class Source(Protocol):
    """The references' own side, to look things up in (`consumers.ports.Target`)."""

    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]: ...

    async def find(self, mapping: TableMapping, field: str, values: Sequence[Any]) -> Sequence[Row]: ...


async def outside(mappings: Mappings, mapping: TableMapping, missing: Iterable[Reference], source: Source) -> Lookups:
    """OUTSIDE for each reference in a `blank_outside` or `ignore_outside` field of `mapping` whose record is there, and
    never will be coupled.

    One read for each mapping that is looked up, of the references' own side. ApiError if that does not answer.
    """
    groups: dict[tuple[str, Side, str], list[str]] = defaultdict(list)
    for one in missing:
        if one.mapping in _told_apart(mapping, one.side):
            groups[one.mapping, one.side, one.name].append(one.value)
    found = {}
    for (name, side, field), values in groups.items():
        for value in await _outside(source, mappings[name], side, field, values):
            found[Reference(name, side, field, value)] = OUTSIDE
    return found


def _told_apart(mapping: TableMapping, side: Side) -> set[str]:
    """The mappings of which it matters to these records of `side` whether what they name may be coupled one day."""
    way = Direction.from_side(side)
    return {
        rule.lookup.mapping
        for rule in mapping.rules(way)
        if rule.lookup and (rule.blank_outside or rule.leaves_out(way))
    }


async def _outside(
    source: Source, mapping: TableMapping, side: Side, field: str, values: Sequence[str]
) -> Iterable[str]:
    """Those of the names that belong to a record which is there, and takes no part."""
    table = mapping.table(side)
    try:
        if field == "id":
            rows = await source.read(mapping, values)
            return [value for value, row in rows.items() if not table.filter.matches(row)]
        if field == table.key:
            found = await source.find(mapping, field, values)
            return [str(row[field]).upper() for row in found if not table.filter.matches(row)]
        bearers = next((one.of for one in table.references if one.name == field), None)
        if bearers is None:
            return []
        found = await source.find(_only(mapping, bearers), bearers.key, values)
        return [str(row[bearers.key]).upper() for row in found if bearers.filter.matches(row)]
    except ApiError as error:
        if error.transient:
            raise
        return []  # we may not look: the record waits, as for any other


def _only(mapping: TableMapping, table: Table) -> TableMapping:
    """As if it were a mapping of that table, of which nothing but the key and the filter's fields are wanted."""
    bare = replace(mapping, fields=(), match_on=(), templates=())
    return replace(bare, bc=table) if table.side is Side.BC else replace(bare, sales=table)
