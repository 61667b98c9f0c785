"""The record a person means: by its id, or by the number, code or text it is known by."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from consumers.ports import Row
from schemas import rows
from schemas.errors import ApiError, Refused
from schemas.mapping import Table, TableMapping
from schemas.side import Side

UNKNOWN = "record-unknown"
_TOLD = 3
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)


class Records(Protocol):
    """One side's records, with the fields that capture computes. ApiError if the side does not answer."""

    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]: ...

    async def find(self, mapping: TableMapping, field: str, values: Sequence[Any]) -> Sequence[Row]: ...

    async def references(self, table: Table, ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]: ...


class Named:
    """Refused if there is no such record, more than one, or it is outside the mapping's filter; or its side is away."""

    def __init__(self, records: Mapping[Side, Records]) -> None:
        self._records = records

    async def one(self, mapping: TableMapping, side: Side, name: str) -> Row:
        with _answering(side):
            key = name.lower() if is_id(name) else await self.key(mapping, side, name)
        row = (await self.all(mapping, side, [key]))[key]
        filtered = mapping.table(side).filter
        if not filtered.matches(row):
            raise Refused(
                "record-out-of-filter",
                f"{side.label} record {name} is outside the filter of {mapping.name}: {filtered.text}.",
                "Change the record, or the mapping's filter: what is outside takes no part.",
            )
        return row

    async def all(self, mapping: TableMapping, side: Side, ids: Sequence[str]) -> Mapping[str, Row]:
        """The records of these ids."""
        found = await self.there(mapping, side, ids)
        if missing := [key for key in ids if key not in found]:
            raise _unknown(mapping, side, missing[0])
        return found

    async def there(self, mapping: TableMapping, side: Side, ids: Sequence[str]) -> Mapping[str, Row]:
        """Those of these ids that exist."""
        with _answering(side):
            return await self._records[side].read(mapping, ids)

    async def either(self, mapping: TableMapping, name: str) -> Mapping[Side, str]:
        """The ids of the records that bear this name, of each side that has one; none at all is no refusal."""
        found: dict[Side, str] = {}
        for side in Side:
            try:
                with _answering(side):
                    found[side] = await self.key(mapping, side, name)
            except Refused as error:
                if error.problem.code != UNKNOWN:
                    raise
        return found

    async def references(self, mapping: TableMapping, side: Side, key: str) -> Mapping[str, str]:
        """Other names of the record that only rows below it tell."""
        with _answering(side):
            return (await self._records[side].references(mapping.table(side), [key])).get(key, {})

    async def key(self, mapping: TableMapping, side: Side, name: str) -> str:
        """The id of the one record that bears this name in the first field that any does. ApiError if the side does not
        answer."""
        for field in _naming(mapping, side):
            found = await self._records[side].find(mapping, field, [name])
            keys = {rows.record_id(mapping.table(side), row) for row in found}
            if len(keys) > 1:
                raise Refused(
                    "record-ambiguous",
                    f"{len(keys)} {side.label} records of {mapping.name} have the {field} {name!r}.",
                    "Name the one that is meant by its id.",
                )
            if keys:
                return keys.pop()
        raise _unknown(mapping, side, name)


def is_id(name: str) -> bool:
    return bool(_ID.match(name))


def some_of(records: Sequence[str]) -> str:
    """The first few of them, for a sentence."""
    return ", ".join(records[:_TOLD]) + (", …" if len(records) > _TOLD else "")


@contextmanager
def _answering(side: Side) -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        problem = error.problem
        said = f"{side.label} did not answer ({error.status}): {problem.message}"
        raise Refused(problem.code, said, problem.hint or "Send the command again when it does.") from error


def _naming(mapping: TableMapping, side: Side) -> Sequence[str]:
    """BC's number or code, or the Sales column it is mapped to; then what the mapping matches by."""
    keys = [(mapping.bc.key,)] if mapping.bc.key else []
    known = keys if side is Side.BC else [rule.sales for rule in mapping.fields if rule.bc in keys and not rule.lookup]
    matched = [(bc, sales)[side is Side.SALES] for group in mapping.match_on for bc, sales, _ in group]
    return list(dict.fromkeys([*(names[0] for names in known), *matched]))


def _unknown(mapping: TableMapping, side: Side, name: str) -> Refused:
    known_by = ", ".join(_naming(mapping, side))
    return Refused(
        UNKNOWN,
        f"There is no {side.label} record {name!r} in {mapping.table(side).name}.",
        f"Name it by its id{f', or by {known_by}' if known_by else ''}.",
    )
