"""What seems to be an old version, read anew where that may be wrong (promises 1 and 3)."""

from collections.abc import Mapping
from dataclasses import replace

from consumers.decide import outdated
from consumers.newest import older
from consumers.ports import Records
from schemas import rows
from schemas.change import Change, Op, Version
from schemas.coupling import Coupling
from schemas.errors import ApiError
from schemas.mapping import TableMapping
from schemas.side import Side


class Anew:
    """An older version says nothing of a record, and is let go. Two are looked at first.

    What somebody asked for: of two records that are coupled with the values of one side, the other's change may come
    first, and write here. And what Business Central tells, whose versions are ordered by nothing but its clock: that
    may have been set back. A version that the record still has is no old one.
    """

    def __init__(self, records: Mapping[Side, Records]) -> None:
        self._records = records

    async def read(
        self,
        mapping: TableMapping,
        newest: dict[str, Change],
        couplings: Mapping[tuple[str, str], Coupling],
        failed: Mapping[str, Version],
    ) -> dict[str, Change]:
        """The changes, of which those are as they should be. ApiError while the side is away."""
        passed = older(newest, failed)
        late = {
            key: one
            for key, one in newest.items()
            if (one.retry or one.side is Side.BC)
            and one.op is not Op.DELETE
            and (key in passed or _outdated(one, couplings.get((mapping.name, key))))
        }
        if not late:
            return newest
        try:
            there = await self._records[next(iter(late.values())).side].read(mapping, sorted(late))
        except ApiError as error:
            if error.transient:
                raise
            return newest
        return {**newest, **{key: _as_it_is(mapping, late[key], row) for key, row in there.items()}}


def _outdated(change: Change, coupling: Coupling | None) -> bool:
    return coupling is not None and outdated(change, coupling)


def _as_it_is(mapping: TableMapping, told: Change, row: rows.Row) -> Change:
    read = rows.change(mapping.table(told.side), row, Op.READ, told.captured_ms, (told.job, mapping.name))
    if not told.retry and read.version != told.version:
        return told
    now = replace(read, retry=True, trace=told.trace) if told.retry else told
    return replace(now, sequence=0) if told.side is Side.BC else now
