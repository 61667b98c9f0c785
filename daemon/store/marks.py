"""The marks of a position in an open transaction: pages settled, begun anew, or to be read again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row, case, delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.columns import table_of
from daemon.store.database import upsert
from daemon.store.progress import Progress, progress_of
from daemon.store.tables import JobRow, PageRow, PositionRow
from producers.ports import Position
from schemas.outcome import Outcome

_log = structlog.get_logger(__name__)


async def read_again(
    connection: AsyncConnection, topic: str, log_id: str, missed: Mapping[int, int], now: datetime
) -> list[str]:
    """Messages from these offsets on are gone from the topic, and nobody has read them: what was published there and is
    not applied is to be published again (promise 5). The positions that begin again.

    To be called before the topic counts as applied beyond them.
    """
    again = []
    for name in await in_flight(connection, topic, log_id, missed):
        if not await settle_pages(connection, name, now):
            await begin_anew(connection, name, await applied_mark(connection, name), log_id, now)
            again.append(name)
    _log.warning("messages_gone_unread", topic=topic, offsets=dict(missed), read_again=again)
    return again


async def in_flight(connection: AsyncConnection, topic: str, log_id: str, since: Mapping[int, int]) -> list[str]:
    """The positions with a page on the topic that ends at one of these offsets or after it."""
    query = select(PageRow.position, PageRow.offsets).join(PositionRow, PositionRow.name == PageRow.position)
    found = await connection.execute(query.where(PageRow.topic == topic, PositionRow.log_id == log_id))
    return sorted({name for name, offsets in found if _touches(offsets, since)})


def _touches(offsets: Mapping[str, int], since: Mapping[int, int]) -> bool:
    return any(last >= since[int(number)] for number, last in offsets.items() if int(number) in since)


async def begin_anew(connection: AsyncConnection, name: str, position: Position, log_id: str, now: datetime) -> None:
    """Both marks at the position, with nothing in flight."""
    await forget_pages(connection, name)
    value = dict(position)
    marks: dict[str, Any] = {
        "published": value,
        "applied": value,
        "log_id": log_id,
        "published_at": now,
        "applied_at": now,
    }
    statement = upsert(connection, PositionRow).values(name=name, **marks)
    await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=marks))


async def settle_pages(connection: AsyncConnection, name: str, now: datetime) -> bool:
    """Moves the applied mark past every page that is applied; True when none is in flight."""
    # Looked at again under the lock: the position may have begun anew, with pages of another log.
    await connection.execute(select(PositionRow.name).where(PositionRow.name == name).with_for_update())
    pages = await pages_of(connection, name)
    done = applied_prefix(pages, await progress_of(connection, name))
    if done:
        seq = pages[done - 1].seq
        value = select(PageRow.value).where(PageRow.position == name, PageRow.seq == seq)
        position = (await connection.execute(value)).scalar_one()
        moved = update(PositionRow).where(PositionRow.name == name)
        await connection.execute(moved.values(applied=position, applied_at=now))
        await connection.execute(delete(PageRow).where(PageRow.position == name, PageRow.seq <= seq))
    return done == len(pages)


async def applied_mark(connection: AsyncConnection, name: str) -> Position:
    applied = select(PositionRow.applied).where(PositionRow.name == name)
    found: Position = (await connection.execute(applied)).scalar_one()
    return found


async def forget_pages(connection: AsyncConnection, name: str) -> None:
    """What has no outcome yet will get none there: it does not count as published."""
    counted = select(func.coalesce(func.sum(PageRow.count), 0)).where(PageRow.position == name)
    lost = (await connection.execute(counted)).scalar_one()
    await connection.execute(delete(PageRow).where(PageRow.position == name))
    if lost:
        await recount(connection, name, lost)


async def recount(connection: AsyncConnection, name: str, lost: int = 0) -> None:
    """Of a sweep (`job:<id>`) with nothing in flight: every outcome is one of a record that it has put on the log.

    Published goes down by what was `lost` only: a record without its outcome stays counted, and is seen. A job of
    several parts (`job:<id>:<part>`) has other outcomes too: what is lost is taken off.
    """
    kind, number, *part = name.split(":")
    if kind != "job":
        return
    columns = table_of(JobRow).c
    settled = sum((columns[outcome.value] for outcome in Outcome), start=literal(0))
    if part:
        published = columns.published - lost
    else:
        published = settled if lost else case((settled > columns.published, settled), else_=columns.published)
    await connection.execute(update(JobRow).where(JobRow.id == int(number)).values(published=published))


async def mark_and_pages(connection: AsyncConnection, name: str) -> tuple[Position | None, Sequence[Row[Any]]]:
    """The published mark, if the position was ever begun, and what `pages_of` tells; one question, since every poll of
    every table asks it."""
    row, page = PositionRow, PageRow
    query = select(row.published, page.seq, page.topic, page.offsets).outerjoin(page, page.position == row.name)
    found = (await connection.execute(query.where(row.name == name).order_by(page.seq))).all()
    return (found[0].published if found else None), [one for one in found if one.seq is not None]


async def pages_of(connection: AsyncConnection, name: str) -> Sequence[Row[Any]]:
    row = PageRow
    query = select(row.seq, row.topic, row.offsets).where(row.position == name).order_by(row.seq)
    return (await connection.execute(query)).all()


def applied_prefix(pages: Sequence[Row[Any]], progress: Progress) -> int:
    """How many pages, from the first on, are applied without a gap."""
    for number, page in enumerate(pages):
        if not _is_applied(page, progress):
            return number
    return len(pages)


def _is_applied(page: Row[Any], progress: Progress) -> bool:
    """A page without offsets put nothing on the log, so nothing is left to apply."""
    return all(progress.get((page.topic, int(number)), -1) >= last for number, last in page.offsets.items())
