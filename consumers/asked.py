"""What somebody asked to be carried, and was read before a write of our own to the same record."""

from collections.abc import Mapping
from dataclasses import replace

from consumers.decide import outdated
from consumers.ports import Records
from schemas import rows
from schemas.change import Change, Op
from schemas.coupling import Coupling
from schemas.errors import ApiError
from schemas.mapping import TableMapping
from schemas.side import Side


class Asked:
    """An older version says nothing of a record (promise 3), and nobody would carry what was asked for: of two records
    that are coupled with the values of one side, the other's change may come first, and write here.
    """

    def __init__(self, records: Mapping[Side, Records]) -> None:
        self._records = records

    async def now(
        self, mapping: TableMapping, newest: Mapping[str, Change], couplings: Mapping[tuple[str, str], Coupling]
    ) -> dict[str, Change]:
        """The changes; those that somebody asked for, and that are outdated, as their records are now. ApiError while
        the side is away."""
        late = {key: one for key, one in newest.items() if one.retry and _late(one, couplings.get((mapping.name, key)))}
        if not late:
            return dict(newest)
        side = next(iter(late.values())).side
        try:
            there = await self._records[side].read(mapping, sorted(late))
        except ApiError as error:
            if error.transient:
                raise
            return dict(newest)
        return {**newest, **{key: _now(mapping, late[key], row) for key, row in there.items()}}


def _late(change: Change, coupling: Coupling | None) -> bool:
    return coupling is not None and change.op is not Op.DELETE and outdated(change, coupling)


def _now(mapping: TableMapping, told: Change, row: rows.Row) -> Change:
    read = rows.change(mapping.table(told.side), row, Op.READ, told.captured_ms, (told.job, mapping.name))
    return replace(read, retry=True, trace=told.trace)
