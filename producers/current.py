"""Records as they are now, asked for by id: what is carried again, or named by a person."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from producers.clocks import unordered
from schemas import rows
from schemas.change import Change, Op
from schemas.coupling import Coupling
from schemas.mapping import TableMapping
from schemas.side import Side

Row = Mapping[str, Any]


class Reader(Protocol):
    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]:
        """The records that exist, by id. ApiError if the side does not answer."""


class Agreed(Protocol):
    async def couplings(
        self, mappings: Iterable[str], side: Side, ids: Iterable[str]
    ) -> Mapping[tuple[str, str], Coupling]:
        """By (mapping, id on `side`)."""


@dataclass(frozen=True, slots=True)
class Current:
    """The records of one side."""

    side: Side
    reader: Reader
    agreed: Agreed

    async def changes(self, mapping: TableMapping, ids: Sequence[str], now_ms: int) -> dict[str, Change]:
        """Those that exist, by id. ApiError if the side does not answer.

        What is read now is no older than what was agreed on before. If its time says so all the same, the side's clock
        was set back since, and its order is unknown: it would be taken for an old version, and let go (promise 1).
        """
        if not ids:
            return {}
        held = await self.agreed.couplings([mapping.name], self.side, ids)
        heights = {key: coupling.half(self.side).sequence for (_, key), coupling in held.items()}
        found, table = await self.reader.read(mapping, ids), mapping.table(self.side)
        read = {key: rows.change(table, row, Op.READ, now_ms) for key, row in found.items()}
        return {key: unordered(change, heights.get(key, 0) - 1) for key, change in read.items()}
