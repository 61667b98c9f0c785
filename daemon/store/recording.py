"""What one batch leaves behind, in the one transaction that `SqlMemory.record` opens (DESIGN 2.2)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from consumers.ports import Applied
from daemon.store.coupling_writes import write_couplings
from daemon.store.database import chunks, upsert
from daemon.store.progress import advance
from daemon.store.tables import FailureRow, IntentRow, JobRow, MappingStateRow
from schemas.errors import Problem
from schemas.outcome import Outcome, Settled
from schemas.side import Direction

FAILING = frozenset({Outcome.FAILED, Outcome.CONFLICT})
# The record was not looked at, or left alone because it had failed: its failure stands.
UNTOUCHED = frozenset({Outcome.IGNORED, Outcome.SKIPPED})
ENDS_INTENT = frozenset({Outcome.INSERTED, Outcome.COUPLED})
UNKNOWN = Problem("unknown", "The record failed without a reason.", "This is a mistake in coupled: please report it.")


async def record_batch(
    connection: AsyncConnection, settled: Sequence[Settled], applied: Applied, now: datetime
) -> list[Settled]:
    """Everything a batch changes; answers the batch as it is recorded, refused couplings as failures.

    Overtaken if another worker was first. What a newer version decides is counted, and changes nothing (promise 3).
    """
    await advance(connection, applied)
    final = await write_couplings(connection, settled, now)
    await _count(connection, final)
    telling = [one for one in final if not one.superseded]
    await _fail(connection, [one for one in telling if one.outcome in FAILING], now)
    await _resolve(connection, telling, now)
    await _miss(connection, {one.mapping for one in telling if one.missed})
    await _finish_intents(connection, telling)
    return final


async def _count(connection: AsyncConnection, settled: Iterable[Settled]) -> None:
    """One update per job: published = sum of outcomes (DESIGN 2.4)."""
    counts = Counter((one.change.job, one.outcome) for one in settled if one.change.job is not None)
    if not counts:
        return
    columns = _table(JobRow).c
    raised = {outcome.value: columns[outcome.value] + bindparam(f"more_{outcome.value}") for outcome in Outcome}
    statement = update(JobRow).where(JobRow.id == bindparam("job")).values(raised)
    rows: list[dict[str, Any]] = [
        {"job": job, **{f"more_{outcome.value}": counts[job, outcome] for outcome in Outcome}}
        for job in sorted({job for job, _ in counts if job is not None})
    ]
    await connection.execute(statement, rows)


async def _fail(connection: AsyncConnection, failing: Sequence[Settled], now: datetime) -> None:
    """Opens a failure, or counts one more attempt of an open one; a resolved one starts anew."""
    if not failing:
        return
    statement = upsert(connection, FailureRow)
    new = statement.excluded
    still_open = FailureRow.resolved_at.is_(None)
    replaced = ("outcome", "code", "message", "hint", "job_id", "last_at", "resolved_at")
    kept_if_unknown = {name: _or_old(new[name], name) for name in ("bc_id", "sales_id")}
    statement = statement.on_conflict_do_update(
        index_elements=["mapping", "direction", "source_key"],
        set_={
            **{name: new[name] for name in replaced},
            **kept_if_unknown,
            "attempts": case((still_open, FailureRow.attempts + 1), else_=1),
            "first_at": case((still_open, FailureRow.first_at), else_=new["first_at"]),
        },
    )
    await connection.execute(statement, sorted((_failure(one, now) for one in failing), key=_failure_key))


def _or_old(new: Any, name: str) -> Any:
    return case((new.is_(None), _table(FailureRow).c[name]), else_=new)


def _failure_key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["mapping"], row["direction"], row["source_key"]


def _failure(settled: Settled, now: datetime) -> dict[str, Any]:
    bc_id, sales_id = settled.ids()
    problem = settled.problem or UNKNOWN
    return {
        "mapping": settled.mapping,
        "direction": settled.direction.value,
        "source_key": settled.change.key,
        "bc_id": bc_id,
        "sales_id": sales_id,
        "outcome": settled.outcome.value,
        # PostgreSQL refuses a text with a zero character, and with it the whole batch (promise 7).
        **{name: text.replace("\0", "") for name, text in problem.as_dict().items()},
        "attempts": 1,
        "job_id": settled.change.job,
        "first_at": now,
        "last_at": now,
        "resolved_at": None,
    }


async def _resolve(connection: AsyncConnection, settled: Iterable[Settled], now: datetime) -> None:
    """Closes the failures of records whose last outcome in the batch is a good one."""
    last = {
        (one.mapping, one.direction, one.change.key): one.outcome for one in settled if one.outcome not in UNTOUCHED
    }
    well: dict[tuple[str, Direction], list[str]] = defaultdict(list)
    for (mapping, direction, key), outcome in last.items():
        if outcome not in FAILING:
            well[mapping, direction].append(key)
    open_ones = await _with_open_failures(connection, {mapping for mapping, _ in well}) if well else set()
    row = FailureRow
    for (mapping, direction), keys in sorted(well.items()):
        for chunk in chunks(sorted(keys)) if mapping in open_ones else ():
            here = (row.mapping == mapping, row.direction == direction.value, row.source_key.in_(chunk))
            await connection.execute(update(row).where(*here, row.resolved_at.is_(None)).values(resolved_at=now))


async def _with_open_failures(connection: AsyncConnection, mappings: set[str]) -> set[str]:
    query = select(FailureRow.mapping).where(FailureRow.mapping.in_(mappings), FailureRow.resolved_at.is_(None))
    return set(await connection.scalars(query.distinct()))


async def _miss(connection: AsyncConnection, mappings: set[str]) -> None:
    """Changes went by while the mapping was paused: resuming must catch up."""
    if not mappings:
        return
    statement = upsert(connection, MappingStateRow).on_conflict_do_update(
        index_elements=["name"], set_={"missed": True}
    )
    await connection.execute(statement, [{"name": name, "missed": True} for name in sorted(mappings)])


async def _finish_intents(connection: AsyncConnection, settled: Iterable[Settled]) -> None:
    """The creation is recorded, or will not happen: nothing is left to find (promise 2)."""
    finished: dict[str, list[str]] = defaultdict(list)
    for one in settled:
        if one.direction is Direction.TO_BC and (one.outcome in ENDS_INTENT or one.refused):
            finished[one.mapping].append(one.change.key)
    row = IntentRow
    for mapping, keys in sorted(finished.items()):
        for chunk in chunks(keys):
            await connection.execute(delete(row).where(row.mapping == mapping, row.sales_id.in_(chunk)))


def _table(row: Any) -> Table:
    found: Table = row.__table__
    return found
