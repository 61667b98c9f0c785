"""Records that owe a look-up: written down, woken when it is coupled, and forgotten, in a batch's own transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.database import chunks, upsert
from daemon.store.failing import FAILING, UNTOUCHED, waiting_for
from daemon.store.lookups import look_up
from daemon.store.tables import OwedReferenceRow
from schemas.coupling import Reference
from schemas.outcome import Settled


async def settle_owed(connection: AsyncConnection, settled: Sequence[Settled]) -> None:
    """What each record that went through owes now, in place of what it owed before."""
    last = {
        (one.mapping, one.direction.value, one.change.key): one.owed
        for one in settled
        if one.outcome not in FAILING | UNTOUCHED
    }
    await _forget(connection, last)
    references = sorted({one for owed in last.values() for one in owed}, key=waiting_for)
    if not references:
        return
    # Another worker may have coupled one while this batch was carried out.
    coupled = (await look_up(connection, references)).keys()
    rows = [
        {
            "mapping": mapping,
            "direction": direction,
            "source_key": key,
            "waits_for": waiting_for(one),
            "woken": one in coupled,
        }
        for (mapping, direction, key), owed in sorted(last.items())
        for one in sorted(owed, key=waiting_for)
    ]
    await connection.execute(upsert(connection, OwedReferenceRow).on_conflict_do_nothing(), rows)


async def _forget(connection: AsyncConnection, records: Iterable[tuple[str, str, str]]) -> None:
    row = OwedReferenceRow
    keys: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mapping, direction, key in records:
        keys[mapping, direction].append(key)
    owing = select(row.mapping).where(row.mapping.in_({mapping for mapping, _ in keys})).distinct()
    known = set(await connection.scalars(owing)) if keys else set()
    for (mapping, direction), wanted in sorted(keys.items()):
        for chunk in chunks(sorted(wanted)) if mapping in known else ():
            here = (row.mapping == mapping, row.direction == direction, row.source_key.in_(chunk))
            await connection.execute(delete(row).where(*here))


async def wake_owed(connection: AsyncConnection, references: Iterable[Reference]) -> None:
    """These references are borne by new couplings: whoever owes one of them is carried again."""
    row = OwedReferenceRow
    for chunk in chunks(sorted({waiting_for(one) for one in references})):
        await connection.execute(update(row).where(row.waits_for.in_(chunk)).values(woken=True))
