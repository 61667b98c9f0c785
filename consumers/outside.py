"""Records that others name and that will never be coupled, since they are outside their own mapping's filter.

business-central-sync 1.3, CONTACT: a contact of an account that is no customer is created without company.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from consumers.ports import Row
from schemas.coupling import OUTSIDE, Lookups, Reference
from schemas.errors import ApiError
from schemas.mapping import Mappings, TableMapping
from schemas.side import Side


class Source(Protocol):
    """The references' own side, to look things up in (`consumers.ports.Target`)."""

    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]: ...

    async def find(self, mapping: TableMapping, field: str, values: Sequence[Any]) -> Sequence[Row]: ...


async def outside(mappings: Mappings, mapping: TableMapping, missing: Iterable[Reference], source: Source) -> Lookups:
    """OUTSIDE for each reference in a `blank_outside` field of `mapping` whose record is there, and not in the filter.

    One read for each mapping that is looked up, of the references' own side. ApiError if that does not answer.
    """
    blanked = {one.lookup.mapping for one in mapping.fields if one.lookup and one.blank_outside}
    groups: dict[tuple[str, Side, str], list[str]] = defaultdict(list)
    for one in missing:
        if one.mapping in blanked:
            groups[one.mapping, one.side, one.name].append(one.value)
    found = {}
    for (name, side, field), values in groups.items():
        filtered = mappings[name].table(side).filter
        for value, row in (await _read(source, mappings[name], side, field, values)).items():
            if not filtered.matches(row):
                found[Reference(name, side, field, value)] = OUTSIDE
    return found


async def _read(source: Source, mapping: TableMapping, side: Side, field: str, values: Sequence[str]) -> dict[str, Row]:
    """The records by the name they are looked up by. One that only a row below the record bears finds none."""
    table = mapping.table(side)
    try:
        if field == "id":
            return dict(await source.read(mapping, values))
        if field != table.key:
            return {}
        return {str(row[field]).upper(): row for row in await source.find(mapping, field, values)}
    except ApiError as error:
        if error.transient:
            raise
        return {}  # we may not look: the record waits, as for any other
