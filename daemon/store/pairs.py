"""What the store knows of one record: its coupling, and how it failed last; read by either side's id."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, or_, select

from daemon.store.coupling_rows import coupling, id_column, load_references
from daemon.store.database import Database, chunks
from daemon.store.history import EndedRecord
from daemon.store.tables import CouplingRow, FailureRow
from daemon.store.views import CouplingView, Failure, FailureCause, failure_of
from schemas.naming import called
from schemas.side import Side

Record = TypeVar("Record", Failure, EndedRecord)


class Pairs:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def coupled(self, mapping: str, side: Side, key: str) -> CouplingView | None:
        """The coupling of the record whose id on `side` is `key`, if it has one."""
        query = select(*CouplingRow.__table__.columns)
        async with self._database.read() as connection:
            found = await connection.execute(query.where(CouplingRow.mapping == mapping, id_column(side) == key))
            row = found.one_or_none()
            if row is None:
                return None
            references = await load_references(connection, [row.id])
        return CouplingView(row.id, coupling(row, references), row.created_at, row.updated_at)

    async def failures(self, mapping: str, ids: Mapping[Side, str]) -> list[Failure]:
        """The last failure of each direction, open or not, of the pair with these ids; the last that failed first."""
        row = FailureRow
        query = select(*row.__table__.columns).where(_of(mapping, ids)).order_by(row.last_at.desc())
        async with self._database.read() as connection:
            return [failure_of(one) for one in await connection.execute(query.order_by(row.id))]

    async def bases(self, mapping: str, side: Side, ids: Collection[str]) -> dict[str, dict[str, object]]:
        """{id on `side`: what both sides last agreed on, by field name} of the coupled ones."""
        row, found = CouplingRow, dict[str, dict[str, object]]()
        column = id_column(side)
        async with self._database.read() as connection:
            for chunk in chunks(sorted(ids)):
                query = select(column, row.bc_base, row.sales_base).where(row.mapping == mapping, column.in_(chunk))
                found |= {key: {**sales, **bc} for key, bc, sales in await connection.execute(query)}
        return found

    async def named(self, records: Sequence[Record]) -> list[Record]:
        """With their names: of a coupled record by what both sides last agreed on, Sales' id first."""
        names = await self._names(records)
        keys = ((one, ((one.mapping, side, key) for side, key in _ids(one))) for one in records)
        return [replace(one, name=next((names[key] for key in each if key in names), "")) for one, each in keys]

    async def causes_named(self, causes: Sequence[FailureCause]) -> list[FailureCause]:
        """Their examples with names."""
        named = {one.id: one for one in await self.named([row for cause in causes for row in cause.examples])}
        return [replace(cause, examples=[named[row.id] for row in cause.examples]) for cause in causes]

    async def _names(self, records: Sequence[Failure | EndedRecord]) -> dict[tuple[str, Side, str], str]:
        wanted: dict[tuple[str, Side], set[str]] = {}
        for one in records:
            for side, key in _ids(one):
                wanted.setdefault((one.mapping, side), set()).add(key)
        return {
            (mapping, side, key): called(base)
            for (mapping, side), keys in wanted.items()
            for key, base in (await self.bases(mapping, side, keys)).items()
        }


def _ids(one: Failure | EndedRecord) -> list[tuple[Side, str]]:
    return [(side, key) for side, key in ((Side.SALES, one.sales_id), (Side.BC, one.bc_id)) if key]


def _of(mapping: str, ids: Mapping[Side, str]) -> ColumnElement[bool]:
    """Each alternative whole: what they have in common, put before them, is all that SQLite would look up by."""
    columns: Sequence[tuple[Side, ColumnElement[str | None]]] = (
        (Side.BC, FailureRow.__table__.c.bc_id),
        (Side.SALES, FailureRow.__table__.c.sales_id),
    )
    here = FailureRow.mapping == mapping
    return or_(*(and_(here, column == ids[side]) for side, column in columns if side in ids))
