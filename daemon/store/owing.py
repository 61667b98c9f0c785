"""Records that owe a look-up: written down, woken when it is coupled, and forgotten, in a batch's own transaction."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.database import chunks, upsert
from daemon.store.failing import FAILING, UNTOUCHED, out_of_scope, waiting_for
from daemon.store.lookups import look_up
from daemon.store.tables import OwedReferenceRow
from schemas.coupling import Reference
from schemas.outcome import Outcome, Settled

# What a coupled record lacks it may get unseen, and a message may be lost with its log: then they are carried again.
LATER = timedelta(hours=1)
_SOON = timedelta(minutes=5)
# Stands for the record's own message, where that was put on its topic by hand; a reference, to workers that list them.
TOLD = "|bc||"
# Mapping, direction, and id on the source side.
Record = tuple[str, str, str]


async def settle_owed(connection: AsyncConnection, settled: Sequence[Settled], now: datetime) -> None:
    """What each record owes now, in place of what it owed before, if it went through or took no part."""
    through = _last(one for one in settled if one.outcome not in FAILING | UNTOUCHED)
    apart = _last(one for one in settled if one.outcome in FAILING or one.owed or out_of_scope(one))
    apart = {record: one for record, one in apart.items() if record not in through}
    await _forget(connection, through)
    await _forget(connection, apart, or_(OwedReferenceRow.left_out, OwedReferenceRow.waits_for == TOLD))
    owing = {**through, **apart}
    # Another worker may have coupled one while this batch was carried out.
    coupled = (await look_up(connection, {reference for one in owing.values() for reference in one.owed})).keys()
    rows = [
        {
            "mapping": mapping,
            "direction": direction,
            "source_key": key,
            "waits_for": waits_for,
            "due_at": due_at,
            "left_out": one.outcome is Outcome.IGNORED,
        }
        for (mapping, direction, key), one in sorted(owing.items(), key=itemgetter(0))
        for waits_for, due_at in sorted(_due(one, coupled, now).items())
    ]
    if rows:
        await connection.execute(upsert(connection, OwedReferenceRow).on_conflict_do_nothing(), rows)


def _due(one: Settled, coupled: Collection[Reference], now: datetime) -> dict[str, datetime | None]:
    """When the record is to be carried again for each thing that it waits for."""
    due = {waiting_for(reference): now if reference in coupled else None for reference in one.owed}
    due |= {waiting_for(reference): now + LATER for reference in one.lacking}
    return due | ({TOLD: now + _SOON} if one.told else {})


def _last(settled: Iterable[Settled]) -> dict[Record, Settled]:
    return {(one.mapping, one.direction.value, one.change.key): one for one in settled}


async def _forget(connection: AsyncConnection, records: Iterable[Record], *which: ColumnElement[bool]) -> None:
    row = OwedReferenceRow
    keys: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mapping, direction, key in records:
        keys[mapping, direction].append(key)
    owing = select(row.mapping).where(row.mapping.in_({mapping for mapping, _ in keys}), *which).distinct()
    known = set(await connection.scalars(owing)) if keys else set()
    for (mapping, direction), wanted in sorted(keys.items()):
        for chunk in chunks(sorted(wanted)) if mapping in known else ():
            here = (row.mapping == mapping, row.direction == direction, row.source_key.in_(chunk))
            await connection.execute(delete(row).where(*here, *which))


async def wake_owed(connection: AsyncConnection, references: Iterable[Reference], now: datetime) -> None:
    """These references are borne by new couplings: whoever owes one of them is carried again."""
    row = OwedReferenceRow
    for chunk in chunks(sorted({waiting_for(one) for one in references})):
        await connection.execute(update(row).where(row.waits_for.in_(chunk)).values(due_at=now))
