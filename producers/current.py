"""Records as they are now, asked for by id: what is carried again, or named by a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from schemas import rows
from schemas.change import Change, Op
from schemas.mapping import TableMapping
from schemas.side import Side

Row = Mapping[str, Any]


class Reader(Protocol):
    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]:
        """The records that exist, by id. ApiError if the side does not answer."""


@dataclass(frozen=True, slots=True)
class Current:
    """The records of one side."""

    side: Side
    reader: Reader

    async def changes(self, mapping: TableMapping, ids: Sequence[str], now_ms: int) -> dict[str, Change]:
        """Those that exist, by id. ApiError if the side does not answer."""
        if not ids:
            return {}
        found, table = await self.reader.read(mapping, ids), mapping.table(self.side)
        return {key: rows.change(table, row, Op.READ, now_ms) for key, row in found.items()}
