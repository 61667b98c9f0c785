"""Failures: opened, repeated, skipped, woken and closed, in the transaction that records a batch (promise 7)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, literal, literal_column, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.columns import UtcDateTime, table_of
from daemon.store.database import chunks, upsert
from daemon.store.pauses import AT_ONCE, again_at, first_again
from daemon.store.tables import FailureRow
from schemas.answers import is_alike
from schemas.causes import fingerprint
from schemas.change import Op
from schemas.coupling import Reference
from schemas.errors import Problem
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side

FAILING = frozenset({Outcome.FAILED, Outcome.CONFLICT})
# The record was not looked at, or left alone because it had failed: its failure stands.
UNTOUCHED = frozenset({Outcome.IGNORED, Outcome.SKIPPED})
NEWLY_COUPLED = frozenset({Outcome.INSERTED, Outcome.COUPLED})
LEFT_ALONE = Problem(
    "skipped",
    "The record was left alone, because it or its partner has failed alike twice.",
    "Mend the cause told for the other direction, then retry it.",
)
# Spelt out, so that the database knows which of its indexes hold nothing else.
IS_CONFLICT: ColumnElement[bool] = FailureRow.outcome == literal_column(f"'{Outcome.CONFLICT.value}'")
# One that is left alone is not carried again by itself.
WOKEN: dict[str, Any] = {
    "woken": True,
    "again_at": case((FailureRow.skipped_at.is_(None), literal(AT_ONCE, UtcDateTime())), else_=null()),
}
UNKNOWN = Problem("unknown", "The record failed without a reason.", "This is a mistake in coupled: please report it.")


async def skip_repeated(connection: AsyncConnection, settled: Sequence[Settled], now: datetime) -> list[Settled]:
    """The same permanent failure twice in a row skips the record: its outcome is `skipped` (business-central-sync 3.8).

    It stays so in both directions until somebody retries it. What may pass by itself never counts towards it, nor does
    a version that was delivered again: nobody has tried anything since.
    """
    repeated: list[int] = []
    final: list[Settled] = []
    candidates = [one for one in settled if _permanent(one)]
    standing = await _standing(connection, candidates) if candidates else {}
    for one in settled:
        row = standing.get((one.mapping, one.direction.value, one.change.key)) if _permanent(one) else None
        if row is not None and _repeats(one, row):
            repeated.append(row.id)
            one = replace(one, outcome=Outcome.SKIPPED)  # noqa: PLW2901
        final.append(one)
    for chunk in chunks(repeated):
        skipped = update(FailureRow).where(FailureRow.id.in_(chunk))
        await connection.execute(
            skipped.values(skipped_at=now, last_at=now, attempts=FailureRow.attempts + 1, woken=False, again_at=None)
        )
    return final


def _repeats(one: Settled, before: Any) -> bool:
    """Tried by another job, by a retry, or in another version; a deletion, which has none, by being told again."""
    change = one.change
    if one.problem is None or not is_alike(Problem(before.code, before.message), _stored(one.problem)):
        return False
    if change.job is not None:
        return bool(change.job != before.job_id)
    return change.retry or change.op is Op.DELETE or bool(change.version != before.version)


async def hold(connection: AsyncConnection, skipped: Sequence[Settled], now: datetime) -> None:
    """A change that was skipped because its record, or its partner's, had failed is kept for the retry: it opens a
    skipped failure of its own, unless one is open."""
    if not skipped:
        return
    statement = upsert(connection, FailureRow)
    names = ["bc_id", "sales_id", "outcome", "code", "message", "hint", "cause", "job_id", "deleted", "version"]
    names += ["sequence", "transient", "waits_for", "woken", "skipped_at", "first_at", "last_at", "again_at"]
    new = {name: statement.excluded[name] for name in names}
    statement = statement.on_conflict_do_update(
        index_elements=["mapping", "direction", "source_key"],
        set_={**new, "attempts": 1, "resolved_at": None},
        where=FailureRow.resolved_at.is_not(None),
    )
    left = {"skipped_at": now, "again_at": None}
    rows = [_failure(replace(one, problem=one.problem or LEFT_ALONE), now) | left for one in skipped]
    await connection.execute(statement, sorted(rows, key=_failure_key))


def _permanent(one: Settled) -> bool:
    return one.outcome is Outcome.FAILED and not (one.transient or one.waits_for or one.superseded)


async def _standing(connection: AsyncConnection, settled: Iterable[Settled]) -> Mapping[tuple[str, str, str], Any]:
    """The open, permanent failures of these records, by (mapping, direction, key)."""
    row, found = FailureRow, {}
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in settled:
        keys[one.mapping, one.direction.value].add(one.change.key)
    for (mapping, direction), wanted in keys.items():
        for chunk in chunks(sorted(wanted)):
            query = select(row.id, row.source_key, row.code, row.message, row.job_id, row.version).where(
                row.mapping == mapping, row.direction == direction, row.source_key.in_(chunk)
            )
            permanent = (row.resolved_at.is_(None), row.transient.is_(False), row.waits_for.is_(None))
            for known in await connection.execute(query.where(*permanent)):
                found[mapping, direction, known.source_key] = known
    return found


def waiting_for(reference: Reference) -> str:
    """How a reference is written down in `waits_for`."""
    return "|".join((reference.mapping, reference.side.value, reference.name, reference.value))


def reference_of(waits_for: str) -> Reference:
    mapping, side, name, value = waits_for.split("|", 3)
    return Reference(mapping, Side(side), name, value)


async def wake(connection: AsyncConnection, settled: Iterable[Settled]) -> None:
    """It is time to try again: for records whose missing partner is coupled now, and for the other side of a conflict
    that one side has settled (it may hold edits that the conflict kept back)."""
    settled = list(settled)
    names = {waiting_for(reference) for reference in newly_borne(settled)}
    partners: dict[tuple[str, Direction], set[str]] = defaultdict(set)
    for one in settled:
        if one.partner and one.outcome not in UNTOUCHED | FAILING:
            partners[one.mapping, Direction.from_side(one.change.side.other)].add(one.partner)
    row = FailureRow
    for chunk in chunks(sorted(names)):
        waiting = update(row).where(row.waits_for.in_(chunk), row.resolved_at.is_(None))
        await connection.execute(waiting.values(**WOKEN))
    conflicts = await _having(connection, {mapping for mapping, _ in partners}, IS_CONFLICT)
    for (mapping, direction), keys in sorted(partners.items()):
        for chunk in chunks(sorted(keys)) if mapping in conflicts else ():
            here = (row.mapping == mapping, row.direction == direction.value, row.source_key.in_(chunk))
            conflict = update(row).where(*here, IS_CONFLICT, row.resolved_at.is_(None))
            await connection.execute(conflict.values(**WOKEN))


def newly_borne(settled: Iterable[Settled]) -> Iterable[Reference]:
    """Every name that a newly coupled pair can be looked up by."""
    for one in settled:
        if one.outcome not in NEWLY_COUPLED or one.coupling is None:
            continue
        for side in Side:
            half = one.coupling.half(side)
            for name, value in {"id": half.id, **half.references}.items():
                yield Reference(one.mapping, side, name, value)


async def _having(connection: AsyncConnection, mappings: set[str], *kind: ColumnElement[bool]) -> set[str]:
    """Which of these mappings have an open failure (of a kind): one is enough to know."""
    row, found = FailureRow, set()
    for mapping in sorted(mappings):
        query = select(row.id).where(row.mapping == mapping, row.resolved_at.is_(None), *kind).limit(1)
        if await connection.scalar(query) is not None:
            found.add(mapping)
    return found


async def fail(connection: AsyncConnection, failing: Sequence[Settled], now: datetime) -> None:
    """Opens a failure, or counts one more attempt of an open one; a resolved one starts anew."""
    if not failing:
        return
    statement = upsert(connection, FailureRow)
    new = statement.excluded
    still_open = FailureRow.resolved_at.is_(None)
    replaced = (
        *("outcome", "code", "message", "hint", "cause", "job_id", "last_at", "resolved_at"),
        *("deleted", "version", "sequence", "transient", "waits_for", "woken", "skipped_at"),
    )
    kept_if_unknown = {name: _or_old(new[name], name) for name in ("bc_id", "sales_id")}
    statement = statement.on_conflict_do_update(
        index_elements=["mapping", "direction", "source_key"],
        set_={
            **{name: new[name] for name in replaced},
            **kept_if_unknown,
            "attempts": (attempts := case((still_open, FailureRow.attempts + 1), else_=1)),
            "again_at": again_at(attempts, new.transient, new.waits_for, now),
            "first_at": case((still_open, FailureRow.first_at), else_=new["first_at"]),
        },
    )
    await connection.execute(statement, sorted((_failure(one, now) for one in failing), key=_failure_key))


def _stored(problem: Problem) -> Problem:
    """PostgreSQL refuses a text with a zero character, and with it the whole batch (promise 7)."""
    return Problem(*(text.replace("\0", "") for text in (problem.code, problem.message, problem.hint)))


def _or_old(new: Any, name: str) -> Any:
    return case((new.is_(None), table_of(FailureRow).c[name]), else_=new)


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
        **_stored(problem).as_dict(),
        "attempts": 1,
        "job_id": settled.change.job,
        "deleted": settled.change.op is Op.DELETE,
        "version": settled.change.version,
        "sequence": settled.change.sequence,
        "transient": settled.transient,
        "waits_for": waiting_for(settled.waits_for) if settled.waits_for else None,
        "cause": fingerprint(settled),
        "woken": False,
        "skipped_at": None,
        "first_at": now,
        "last_at": now,
        "resolved_at": None,
        "again_at": first_again(settled.transient, settled.waits_for is not None, now),
    }


async def resolve(connection: AsyncConnection, settled: Iterable[Settled], now: datetime) -> None:
    """Closes the failures of records whose last outcome in the batch is a good one, of those that are gone, and of both
    that are no pair any more (business-central-sync 3.8)."""
    last: dict[tuple[str, Direction, str], Outcome] = {}
    for one in settled:
        other = one.gone or (one.partner if one.outcome is Outcome.UNCOUPLED else None)
        if other:
            last[one.mapping, Direction.from_side(one.change.side.other), other] = one.outcome
        if one.outcome not in UNTOUCHED or out_of_scope(one):
            last[one.mapping, one.direction, one.change.key] = one.outcome
    well: dict[tuple[str, Direction], list[str]] = defaultdict(list)
    for (mapping, direction, key), outcome in last.items():
        if outcome not in FAILING:
            well[mapping, direction].append(key)
    open_ones = await _having(connection, {mapping for mapping, _ in well})
    row = FailureRow
    for (mapping, direction), keys in sorted(well.items()):
        for chunk in chunks(sorted(keys)) if mapping in open_ones else ():
            here = (row.mapping == mapping, row.direction == direction.value, row.source_key.in_(chunk))
            closed = update(row).where(*here, row.resolved_at.is_(None))
            await connection.execute(closed.values(resolved_at=now, skipped_at=None, again_at=None))


def out_of_scope(one: Settled) -> bool:
    """A record carried again that the mapping no longer is about: nothing is left to carry."""
    return one.outcome is Outcome.IGNORED and one.change.retry and not one.missed
