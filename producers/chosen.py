"""A sweep over chosen records instead of a whole table: they are published as they are on their side now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from producers.ports import Page, Position
from schemas import rows
from schemas.change import Op
from schemas.mapping import TableMapping
from schemas.side import Side


class Choice(Protocol):
    async def __call__(self, after: int) -> tuple[Sequence[str], int | None]:
        """The ids of the next records after the one of that number (0: the first), and the last one's number.

        None: there are no more.
        """


class Reader(Protocol):
    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """The records that exist, by id. ApiError if the side does not answer."""


class ChosenSweep:
    """`create`: those that have no partner get one, whatever "only coupled" says."""

    def __init__(
        self,
        choice: Choice,
        reader: Reader,
        mapping: TableMapping,
        job: tuple[int, Side],
        now_ms: Callable[[], int],
        *,
        create: bool = False,
    ) -> None:
        self._choice, self._reader, self._mapping = choice, reader, mapping
        self._job, self._side = job
        self._now_ms, self._create = now_ms, create

    async def read(self, position: Position | None) -> Page:
        after = int(position["next"]) if position else 0
        ids, last = await self._choice(after)
        found = await self._reader.read(self._mapping, ids) if ids else {}
        table, job = self._mapping.table(self._side), (self._job, self._mapping.name)
        changes = (rows.change(table, found[key], Op.READ, self._now_ms(), job) for key in ids if key in found)
        made = tuple(replace(one, retry=self._create) for one in changes)
        return Page(made, {"next": after if last is None else last}, more=last is not None)
