"""All couplings of a mapping, page by page (`consumers.uncouple.Standing`)."""

from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import select

from daemon.store.coupling_rows import coupling, load_references
from daemon.store.database import Database
from daemon.store.tables import CouplingRow
from schemas.coupling import Coupling

PAGE = 500


class Standing:
    def __init__(self, database: Database, size: int = PAGE) -> None:
        self._database = database
        self._size = size

    async def pages(self, mapping: str, until: datetime | None = None) -> AsyncIterator[list[Coupling]]:
        """In the order they were coupled. Those that end meanwhile, and those made after `until`, are left out."""
        row, after = CouplingRow, 0
        query = select(*row.__table__.columns).where(row.mapping == mapping).order_by(row.id).limit(self._size)
        if until is not None:
            query = query.where(row.created_at <= until)
        while True:
            async with self._database.read() as connection:
                found = (await connection.execute(query.where(row.id > after))).all()
                references = await load_references(connection, (one.id for one in found))
            if not found:
                return
            after = found[-1].id
            yield [coupling(one, references) for one in found]
