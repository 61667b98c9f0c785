"""Our webhook subscriptions, and what Business Central has told until the leader has looked.

The store is where any worker that is sent a notification can leave it, durably, before it answers: Business Central
does not send again what was taken, and its API tells of a deletion nowhere else.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import and_, delete, not_, select

from daemon.store.database import Database, chunks, upsert
from daemon.store.tables_of_webhooks import NoticeRow, SubscriptionRow
from schemas.webhooks import Kept, Notice, Told

# A notice and how often it had been told when it was read.
Numbered = tuple[Notice, int]
# What is looked into as a whole: all notices of one kind about one table.
Heap = tuple[str, Told]


class Webhooks:
    """Each notice is there once, with a number that grows when it is told again: what is told while it is being looked
    into is not forgotten with it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def subscriptions(self) -> Mapping[str, Kept]:
        """By table."""
        row = SubscriptionRow
        query = select(row.entity_set, row.url, row.secret, row.subscription)
        async with self._database.read() as connection:
            return {found[0]: Kept(*found) for found in await connection.execute(query)}

    async def keep(self, kept: Kept) -> None:
        """In the place of what was kept of the table before."""
        new = {"url": kept.url, "secret": kept.secret, "subscription": kept.id}
        async with self._database.write() as connection:
            statement = upsert(connection, SubscriptionRow).values(entity_set=kept.table, **new)
            await connection.execute(statement.on_conflict_do_update(index_elements=["entity_set"], set_=new))

    async def note(self, notices: Sequence[Notice]) -> None:
        """Stored when this returns."""
        rows = [
            {"entity_set": one.table, "told": one.told.value, "record_id": one.record, "number": 1}
            for one in sorted(set(notices), key=lambda one: (one.table, one.told, one.record))
        ]
        if not rows:
            return
        async with self._database.write() as connection:
            statement = upsert(connection, NoticeRow)
            again = statement.on_conflict_do_update(
                index_elements=["entity_set", "told", "record_id"], set_={"number": NoticeRow.number + 1}
            )
            await connection.execute(again, rows)

    async def noted(self, without: Collection[Heap] = (), limit: int = 1000) -> Sequence[Numbered]:
        """Some of them, in order; `without` those that nobody can look into now, however many they are."""
        row = NoticeRow
        query = select(row.entity_set, row.told, row.record_id, row.number)
        for table, told in without:
            query = query.where(not_(and_(row.entity_set == table, row.told == told.value)))
        query = query.order_by(row.entity_set, row.told, row.record_id).limit(limit)
        async with self._database.read() as connection:
            found = await connection.execute(query)
            return [(Notice(table, Told(told), record), number) for table, told, record, number in found]

    async def done(self, looked: Sequence[Numbered]) -> None:
        """Forgets them, but for those told again meanwhile."""
        row = NoticeRow
        async with self._database.write() as connection:
            for part in chunks(looked):
                for one, number in part:
                    here = (row.entity_set == one.table, row.told == one.told.value, row.record_id == one.record)
                    await connection.execute(delete(row).where(*here, row.number == number))
