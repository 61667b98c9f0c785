"""What went across with a blank for want of a coupling, to be seen: it is no failure, and nothing else tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from daemon.store.choosing import behind
from daemon.store.database import Database
from daemon.store.failing import reference_of, waiting_for
from daemon.store.owing import TOLD
from daemon.store.tables import CouplingRow, OwedReferenceRow
from schemas.coupling import Reference
from schemas.side import Direction

# Mapping, direction, id, and what has to be coupled.
BlankPlace = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Blank:
    """A coupled record whose partner lacks a look-up. `key`: its id on the side it comes from; `waits_for`: what has to
    be coupled; `again_at`: when it is carried again, set once that is coupled.
    """

    mapping: str
    direction: Direction
    key: str
    waits_for: Reference
    again_at: datetime | None

    @property
    def place(self) -> BlankPlace:
        """Where it stands in the list."""
        return self.mapping, self.direction.value, self.key, waiting_for(self.waits_for)


class Blanks:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self) -> Mapping[str, int]:
        """How many are listed, by mapping: a record that lacks two others has two."""
        row = OwedReferenceRow
        query = select(row.mapping, func.count()).where(*_standing()).group_by(row.mapping)
        async with self._database.read() as connection:
            return {mapping: int(number) for mapping, number in await connection.execute(query)}

    async def listed(
        self, mapping: str | None = None, limit: int = 100, offset: int = 0, after: BlankPlace | None = None
    ) -> list[Blank]:
        """In the order of mapping, direction and id."""
        row = OwedReferenceRow
        wanted = (*_standing(), *((row.mapping == mapping,) if mapping else ()))
        key = (row.mapping, row.direction, row.source_key, row.waits_for)
        query = select(*key, row.due_at).where(*wanted, *behind(key, after)).order_by(*key).limit(limit).offset(offset)
        async with self._database.read() as connection:
            return [
                Blank(one.mapping, Direction(one.direction), one.source_key, reference_of(one.waits_for), one.due_at)
                for one in await connection.execute(query)
            ]


def _standing() -> tuple[ColumnElement[bool], ...]:
    """Of coupled records: what has been uncoupled since is nobody's blank, and a message that is awaited is none."""
    return ~OwedReferenceRow.left_out, OwedReferenceRow.waits_for != TOLD, still_coupled()


def still_coupled() -> ColumnElement[bool]:
    """Is the record that owes the look-up coupled now? Asked of each way by itself: PostgreSQL finds two alternatives
    in one question by no index, and compares every record with every coupling."""
    row, pair = OwedReferenceRow, CouplingRow
    ids = ((Direction.TO_SALES, pair.bc_id), (Direction.TO_BC, pair.sales_id))
    return or_(
        *(
            and_(row.direction == way.value, exists().where(pair.mapping == row.mapping, column == row.source_key))
            for way, column in ids
        )
    )
