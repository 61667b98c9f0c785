"""What may differ at run time from the mapping file: only coupled, paused, missed changes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select, update

from daemon.store.database import Database, upsert
from daemon.store.tables import MappingStateRow
from schemas.job import MappingState


class MappingStates:
    """A mapping nobody touched has no row, and the state of the file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str) -> MappingState:
        return (await self._select(_query().where(MappingStateRow.name == name))).get(name, MappingState(name))

    async def all(self) -> Mapping[str, MappingState]:
        """By name, those that differ or once differed from the file."""
        return await self._select(_query())

    async def set_only_coupled(self, names: Iterable[str], value: bool | None) -> None:
        """Overrides the file until set again; None is as the file says."""
        await self._put(names, {"only_coupled": value}, {"only_coupled": value})

    async def pause(self, names: Iterable[str], at: datetime) -> None:
        """Paused since `at`; a mapping that is paused already stays so since when it was."""
        await self._put(names, {"paused_at": at}, {"paused_at": func.coalesce(MappingStateRow.paused_at, at)})

    async def resume(self, names: Iterable[str]) -> list[str]:
        """Ends the pause; answers those that missed changes meanwhile and must catch up.

        They stay marked until `caught_up`, so that a kill before the catch-up is on record loses none (promise 1).
        """
        row, asked = MappingStateRow, sorted(set(names))
        async with self._database.write() as connection:
            await connection.execute(update(row).where(row.name.in_(asked)).values(paused_at=None))
            query = select(row.name).where(row.name.in_(asked), row.missed.is_(True)).order_by(row.name)
            return list(await connection.scalars(query))

    async def behind(self) -> list[str]:
        """Those that missed changes and are not paused: what is still to be caught up after a kill."""
        row = MappingStateRow
        query = select(row.name).where(row.paused_at.is_(None), row.missed.is_(True)).order_by(row.name)
        async with self._database.read() as connection:
            return list(await connection.scalars(query))

    async def caught_up(self, names: Iterable[str]) -> None:
        """The run that catches up is on record: nothing is missed any more."""
        row = MappingStateRow
        async with self._database.write() as connection:
            await connection.execute(update(row).where(row.name.in_(sorted(set(names)))).values(missed=False))

    async def _put(self, names: Iterable[str], new: Mapping[str, Any], change: Mapping[str, Any]) -> None:
        rows = [{"name": name, "missed": False, **new} for name in sorted(set(names))]
        if not rows:
            return
        async with self._database.write() as connection:
            statement = upsert(connection, MappingStateRow)
            await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=dict(change)), rows)

    async def _select(self, query: Select[Any]) -> dict[str, MappingState]:
        async with self._database.read() as connection:
            return {row.name: _state(row) for row in await connection.execute(query)}


def _query() -> Select[Any]:
    return select(*MappingStateRow.__table__.columns).order_by(MappingStateRow.name)


def _state(row: Row[Any]) -> MappingState:
    return MappingState(row.name, row.only_coupled, row.paused_at, row.missed)
