"""How far topics are applied (promises 1 and 5): moved by batches, fenced against a second worker, and set back when a
topic turns out to be another one than it was."""

from collections.abc import Mapping

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from consumers.ports import Applied, Overtaken
from daemon.store.database import upsert
from daemon.store.tables import PositionRow, ProgressRow
from producers.ports import Published

NOTHING = -1
# How far partitions are applied in one log: {(topic, partition): last offset}.
Progress = Mapping[tuple[str, int], int]


async def claim(connection: AsyncConnection, applied: Applied) -> None:
    """Lets no other worker move the topic's progress until the transaction ends.

    Overtaken if progress is not what the batch began from, so that nothing of it is counted twice.
    """
    if not applied.offsets:
        return
    stored = await _locked(connection, applied)
    if any(stored.get(number, NOTHING) != applied.since.get(number, NOTHING) for number in applied.offsets):
        raise Overtaken(f"{applied.topic} is applied up to {stored}, not {dict(applied.since)} as the batch began")


async def advance(connection: AsyncConnection, applied: Applied) -> None:
    """Moves the topic's progress past a batch that has been claimed."""
    row = ProgressRow
    for partition, offset in sorted(applied.offsets.items()):
        moved = update(row).where(row.topic == applied.topic, row.partition == partition)
        await connection.execute(moved.values(log_id=applied.log_id, last_offset=offset))


async def _locked(connection: AsyncConnection, applied: Applied) -> Mapping[int, int]:
    """The last offset per partition in the batch's log. Rows are made first: one that is not there cannot be locked."""
    row, partitions = ProgressRow, sorted(applied.offsets)
    made = upsert(connection, row).on_conflict_do_nothing(index_elements=["topic", "partition"])
    here = {"topic": applied.topic, "log_id": applied.log_id, "last_offset": NOTHING}
    await connection.execute(made, [{**here, "partition": number} for number in partitions])
    query = select(row.partition, row.log_id, row.last_offset)
    query = query.where(row.topic == applied.topic, row.partition.in_(partitions)).order_by(row.partition)
    found = await connection.execute(query.with_for_update())
    return {number: offset for number, log_id, offset in found if log_id == applied.log_id}


async def progress_of(connection: AsyncConnection, position: str) -> Progress:
    """Of all topics, in the log of the position."""
    row = ProgressRow
    query = select(row.topic, row.partition, row.last_offset).join(PositionRow, PositionRow.log_id == row.log_id)
    query = query.where(PositionRow.name == position)
    return {(topic, partition): offset for topic, partition, offset in await connection.execute(query)}


def went_back(page: Published, before: Progress) -> dict[int, int]:
    """The acknowledged offsets that were already applied `before` the page was published: they are others now.

    Kafka never gives an offset twice, so the topic was made anew, or cut.
    """
    return {
        partition: offset
        for partition, offset in page.offsets.items()
        if offset <= before.get((page.topic, partition), NOTHING)
    }


async def set_back(connection: AsyncConnection, topic: str, offsets: Mapping[int, int]) -> None:
    """Forgets what was applied after these offsets."""
    row = ProgressRow
    for partition, offset in sorted(offsets.items()):
        here = (row.topic == topic, row.partition == partition, row.last_offset > offset)
        await connection.execute(update(row).where(*here).values(last_offset=offset))
