"""Read model of positions: how long ago each was applied, and what is still in flight."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.marks import applied_prefix
from daemon.store.tables import PageRow, PositionRow, ProgressRow
from producers.ports import Position


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position, how long ago its applied mark moved, and what is published and not applied yet."""

    name: str
    published: Position
    applied: Position
    log_id: str
    applied_age: float
    pages_in_flight: int
    records_in_flight: int


async def positions(connection: AsyncConnection, now: datetime) -> list[PositionView]:
    """By name."""
    row = PositionRow
    found = (await connection.execute(select(*row.__table__.columns).order_by(row.name))).all()
    flying = await _unapplied(connection)
    return [_position(one, flying.get(one.name, (0, 0)), now) for one in found]


async def _unapplied(connection: AsyncConnection) -> Mapping[str, tuple[int, int]]:
    """Pages and records by position that are published and not applied, whether or not what is has been settled."""
    row, position, progress = PageRow, PositionRow, ProgressRow
    far = select(progress.log_id, progress.topic, progress.partition, progress.last_offset)
    moved = {(log, topic, number): offset for log, topic, number, offset in await connection.execute(far)}
    query = select(row.position, row.topic, row.offsets, row.count.label("records"), position.log_id)
    query = query.join(position, position.name == row.position).order_by(row.position, row.seq)
    found: dict[str, tuple[int, int]] = {}
    for name, group in groupby(await connection.execute(query), key=lambda page: page.position):
        pages = list(group)
        here = {place[1:]: offset for place, offset in moved.items() if place[0] == pages[0].log_id}
        left = pages[applied_prefix(pages, here) :]
        found[name] = len(left), sum(page.records for page in left)
    return found


def _position(row: Row[Any], flying: tuple[int, int], now: datetime) -> PositionView:
    return PositionView(
        name=row.name,
        published=row.published,
        applied=row.applied,
        log_id=row.log_id,
        applied_age=(now - row.applied_at).total_seconds(),
        pages_in_flight=flying[0],
        records_in_flight=flying[1],
    )
