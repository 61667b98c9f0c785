"""What every survey works with, and what is read off staged rows: who is uncoupled, and how a record is called."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from consumers.matching import Keys, keys
from consumers.ports import Memory
from consumers.survey.drift import Hints
from consumers.survey.labels import label
from consumers.survey.ports import Findings, Reader, Row, Staging
from consumers.survey.staging import staged
from schemas import rows
from schemas.change import Change, Op
from schemas.mapping import Mappings, TableMapping
from schemas.side import Side
from schemas.survey import Finding


@dataclass(frozen=True, slots=True)
class Context:
    """One survey of one mapping, after both sides were staged for `job`."""

    job: int
    mapping: TableMapping
    mappings: Mappings
    memory: Memory
    staging: Staging
    findings: Findings
    readers: Mapping[Side, Reader]
    now_ms: Callable[[], int]
    hints: Hints = field(default_factory=Hints)

    def change(self, side: Side, row: Row) -> Change:
        """The envelope of a row, as this job's sweep would publish it."""
        return rows.change(self.mapping.table(side), row, Op.READ, self.now_ms(), (self.job, self.mapping.name))

    async def known(self, side: Side) -> tuple[dict[str, Keys], set[str]]:
        """(what the staged records of a side are known by, by id; which of them are coupled)."""
        known: dict[str, Keys] = {}
        coupled: set[str] = set()
        async for page in staged(self.job, side, self.staging):
            found = await self.memory.couplings([self.mapping.name], side, [key for key, _ in page])
            known |= {key: keys(self.mapping, side, row) for key, row in page}
            coupled |= {key for _, key in found}
        return known, coupled

    async def uncoupled(self, side: Side) -> dict[str, Keys]:
        """What the staged records of a side that no coupling has are known by, by id."""
        known, coupled = await self.known(side)
        return {key: one for key, one in known.items() if key not in coupled}

    async def labels(self, side: Side, ids: Sequence[str]) -> dict[str, str]:
        """How people call the staged records; a record that is not staged goes by its id."""
        found = await self.staging.rows(self.job, side, ids)
        return {key: label(self.mapping, side, found[key]) if key in found else key for key in ids}

    async def add(self, findings: Sequence[Finding]) -> None:
        await self.findings.add(self.job, self.mapping.name, findings)
