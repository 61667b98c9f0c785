"""The mappings the daemon last ran with, and what their changes still owe (docs/mappings.md, Changing a mapping)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.database import Database, upsert
from daemon.store.tables import JobRow, MappingStateRow
from schemas.mapping_diff import GONE, Change, Definition, Kind, MappingDiff, Owed, Sweep, compare, owe, paid
from schemas.side import Direction


@dataclass(frozen=True, slots=True)
class Known:
    """A mapping the daemon has run with, perhaps long ago."""

    definition: Definition
    owed: Owed


class Definitions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self) -> dict[str, Known]:
        """By name, also those that are no longer in the file."""
        async with self._database.read() as connection:
            return await _known(connection)

    async def run_with(self, new: Mapping[str, Definition], at: datetime) -> tuple[MappingDiff, ...]:
        """Compares with what the daemon last ran with, and remembers. Nothing is owed at the very first start."""
        async with self._database.write() as connection:
            known = await _known(connection)
            diffs = compare({name: one.definition for name, one in known.items()}, new) if known else ()
            told = [diff for diff in diffs if not _told_before(diff, known)]
            for name in (name for name in new if not known):
                await _store(connection, name, new[name], {})
            for diff in told:
                given = new[diff.name] if diff.name in new else known[diff.name].definition
                before = known[diff.name].owed if diff.name in known else {}
                await _store(connection, diff.name, given, owe(before, _with_gone(diff, given), given, at))
            return tuple(told)

    async def swept(self, job_id: int, sweep: Sweep) -> None:
        """Such a sweep, begun when the job was, has reached its end: what was owed before it is paid."""
        async with self._database.write() as connection:
            row, state = JobRow, MappingStateRow
            query = (
                select(row.mapping, row.direction, row.started, state.owed)
                .join(state, state.name == row.mapping)
                .where(row.id == job_id, row.started.is_not(None), state.owed.is_not(None))
            )
            found = (await connection.execute(query)).one_or_none()
            if found is None:
                return
            left = paid(found.owed, sweep, Direction(found.direction), found.started)
            await connection.execute(
                update(state).where(state.name == found.mapping).values(owed=dict(left) if left else None)
            )


async def _known(connection: AsyncConnection) -> dict[str, Known]:
    row = MappingStateRow
    query = select(row.name, row.definition, row.owed).where(row.definition.is_not(None)).order_by(row.name)
    return {one.name: Known(one.definition, one.owed or {}) for one in await connection.execute(query)}


async def _store(connection: AsyncConnection, name: str, definition: Definition, owed: Owed) -> None:
    values: dict[str, Any] = {"definition": dict(definition), "owed": dict(owed) or None}
    statement = upsert(connection, MappingStateRow)
    rows = [{"name": name, "missed": False, **values}]
    await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=dict(values)), rows)


def _told_before(diff: MappingDiff, known: Mapping[str, Known]) -> bool:
    """A mapping stays out of the file for many starts; that is told once."""
    return diff.kind is Kind.REMOVED and any(GONE in one["because"] for one in known[diff.name].owed.values())


def _with_gone(diff: MappingDiff, definition: Definition) -> MappingDiff:
    """What a mapping misses while it is out of the file is owed when it comes back."""
    if diff.kind is not Kind.REMOVED:
        return diff
    ways = Direction(definition.get("direction", Direction.BOTH)).one_ways
    return MappingDiff(diff.name, diff.kind, (Change(GONE, None, None, Sweep.FULL, ways),))
