"""What one batch leaves behind, in the one transaction that `SqlMemory.record` opens (DESIGN 2.2)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from consumers.ports import Applied
from daemon.store import begun
from daemon.store.columns import table_of
from daemon.store.coupling_writes import write_couplings
from daemon.store.database import upsert
from daemon.store.ended import count, keep
from daemon.store.failing import FAILING, fail, hold, newly_borne, resolve, skip_repeated, wake
from daemon.store.history import remember
from daemon.store.marks import read_again
from daemon.store.owing import settle_owed, wake_owed
from daemon.store.progress import advance, claim
from daemon.store.tables import JobRow, MappingStateRow
from schemas.outcome import Outcome, Settled


async def record_batch(
    connection: AsyncConnection, settled: Sequence[Settled], applied: Applied, now: datetime
) -> list[Settled]:
    """Everything a batch changes; answers the batch as it is recorded, refused couplings as failures.

    Overtaken if another worker was first. What a newer version decides is counted, and changes nothing (promise 3).
    """
    await claim(connection, applied)
    if applied.missed:
        await read_again(connection, applied.topic, applied.log_id, applied.missed, now)
    await advance(connection, applied)
    final = await skip_repeated(connection, await write_couplings(connection, settled, now), now)
    await _count(connection, final)
    telling = [one for one in final if not one.superseded]
    await fail(connection, [one for one in telling if one.outcome in FAILING], now)
    await resolve(connection, telling, now)
    await hold(connection, [one for one in telling if one.outcome is Outcome.SKIPPED], now)
    await settle_owed(connection, telling, now)
    await wake_owed(connection, newly_borne(telling), now)
    await wake(connection, telling)
    await _miss(connection, {one.mapping for one in telling if one.missed})
    await begun.end(connection, telling)
    kept = await remember(connection, telling, now)
    plain = await keep(connection, final, now)
    await count(connection, [*kept, *plain], applied, now)
    return final


async def _count(connection: AsyncConnection, settled: Iterable[Settled]) -> None:
    """One update per job: published = sum of outcomes (DESIGN 2.4)."""
    counts = Counter((one.change.job, one.outcome) for one in settled if one.change.job is not None)
    if not counts:
        return
    columns = table_of(JobRow).c
    raised = {outcome.value: columns[outcome.value] + bindparam(f"more_{outcome.value}") for outcome in Outcome}
    statement = update(JobRow).where(JobRow.id == bindparam("job")).values(raised)
    rows: list[dict[str, Any]] = [
        {"job": job, **{f"more_{outcome.value}": counts[job, outcome] for outcome in Outcome}}
        for job in sorted({job for job, _ in counts if job is not None})
    ]
    await connection.execute(statement, rows)


async def _miss(connection: AsyncConnection, mappings: set[str]) -> None:
    """Changes went by while the mapping was paused: resuming must catch up."""
    if not mappings:
        return
    statement = upsert(connection, MappingStateRow).on_conflict_do_update(
        index_elements=["name"], set_={"missed": True}
    )
    await connection.execute(statement, [{"name": name, "missed": True} for name in sorted(mappings)])
