"""Rows that a service commits later than it has stamped them, in sweeps of what was modified since last time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from producers.ports import Page, Position, Sweep
from schemas.coupling import Coupling
from schemas.side import Side


class Agreed(Protocol):
    async def couplings(
        self, mappings: Iterable[str], side: Side, ids: Iterable[str]
    ) -> Mapping[tuple[str, str], Coupling]:
        """By (mapping, id on `side`)."""


def overlapping(since: datetime | None, seconds: float) -> datetime | None:
    """From when on a sweep reads, so that rows stamped before `since` and committed after it are read as well."""
    return since - timedelta(seconds=seconds) if since else None


@dataclass(frozen=True, slots=True)
class Late:
    """A sweep that begins before the mark of the last one (`overlapping`). Of what lies before `mark_ms`, in the side's
    clock, the versions that couplings know already are left out: they are no changes. What lies at it is read again, as
    in the original (business-central-sync 3.4)."""

    sweep: Sweep
    agreed: Agreed
    mapping: str
    side: Side
    mark_ms: int

    async def read(self, position: Position | None) -> Page:
        page = await self.sweep.read(position)
        again = [change.key for change in page.changes if change.ts_ms < self.mark_ms]
        if not again:
            return page
        held = await self.agreed.couplings([self.mapping], self.side, again)
        known = {key: coupling.half(self.side).version for (_, key), coupling in held.items()}
        return replace(page, changes=tuple(one for one in page.changes if known.get(one.key) != one.version))
