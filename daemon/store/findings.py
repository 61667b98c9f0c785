"""What surveys find (`consumers.survey.ports.Findings`), to act on and to look at later."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update

from daemon.store import plain_findings
from daemon.store.database import Database, chunks
from daemon.store.tables import JobRow
from daemon.store.tables_of_surveys import FindingRow, PlainFindingRow
from schemas.side import Direction
from schemas.survey import PLAIN, Finding


class Findings:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def sealed(self, job: int) -> bool:
        async with self._database.read() as connection:
            return bool(await connection.scalar(select(JobRow.found).where(JobRow.id == job)))

    async def clear(self, job: int) -> None:
        async with self._database.write() as connection:
            for row in (FindingRow, PlainFindingRow):
                await connection.execute(delete(row).where(row.job_id == job))

    async def add(self, job: int, mapping: str, findings: Sequence[Finding]) -> None:
        # PostgreSQL refuses a text with a zero character, and with it all that was found (promise 7).
        told = [replace(one, label=one.label.replace("\0", "")) for one in findings]
        rows = [_row(job, mapping, one) for one in told if one.kind not in PLAIN]
        plain = plain_findings.rows_of(job, mapping, told)
        async with self._database.write() as connection:
            if rows:
                await connection.execute(insert(FindingRow), rows)
            if plain:
                await connection.execute(insert(PlainFindingRow), plain)

    async def known(self, job: int, bc_ids: Iterable[str]) -> frozenset[str]:
        """Those of these records that findings of the job name."""
        row, found = FindingRow, set[str]()
        async with self._database.read() as connection:
            for chunk in chunks(sorted(bc_ids)):
                query = select(row.bc_id).where(row.job_id == job, row.bc_id.in_(chunk))
                found |= {key for key in await connection.scalars(query) if key}
        return frozenset(found)

    async def seal(self, job: int, found: Mapping[str, int]) -> None:
        async with self._database.write() as connection:
            await connection.execute(update(JobRow).where(JobRow.id == job).values(found=dict(found)))

    async def page(self, job: int, kinds: Sequence[str], after: int, limit: int) -> list[tuple[int, Finding]]:
        row = FindingRow
        query = select(*row.__table__.columns).where(row.job_id == job, row.kind.in_(kinds), row.id > after)
        async with self._database.read() as connection:
            return [(one.id, _finding(one)) for one in await connection.execute(query.order_by(row.id).limit(limit))]

    async def of_job(
        self,
        job: int,
        kind: str | None,
        offset: int,
        limit: int,
        after: int = 0,
        *,
        direction: Direction | None = None,
    ) -> list[tuple[int, str, Finding]]:
        """In their order: (number, mapping, finding); None: of every kind that is not plain, and of every direction."""
        if kind in PLAIN:
            where = plain_findings.wanted(kind, direction, PlainFindingRow.job_id == job)
            return await plain_findings.listed(self._database, where, offset, limit, after)
        row = FindingRow
        query = select(*row.__table__.columns).where(*_wanted(job, kind, direction), row.id > after).order_by(row.id)
        async with self._database.read() as connection:
            found = await connection.execute(query.offset(offset).limit(limit))
            return [(one.id, one.mapping, _finding(one)) for one in found]

    async def count(self, job: int, kind: str | None, direction: Direction | None) -> int:
        """How many `of_job` would list without a limit."""
        if kind in PLAIN:
            where = plain_findings.wanted(kind, direction, PlainFindingRow.job_id == job)
            query = select(func.sum(PlainFindingRow.number)).where(*where)
        else:
            query = select(func.count()).select_from(FindingRow).where(*_wanted(job, kind, direction))
        async with self._database.read() as connection:
            return int(await connection.scalar(query) or 0)

    async def of_run(
        self, run: str, kind: str | None = None, mapping: str | None = None, after: int = 0, limit: int = 100
    ) -> list[tuple[int, str, Finding]]:
        """Those of all jobs of a run, in their order: (number, mapping, finding)."""
        if kind in PLAIN:
            of_run = PlainFindingRow.job_id.in_(select(JobRow.id).where(JobRow.run == run))
            where = plain_findings.wanted(kind, None, of_run)
            where += [] if mapping is None else [PlainFindingRow.mapping == mapping]
            return await plain_findings.listed(self._database, where, 0, limit, after)
        row = FindingRow
        query = select(*row.__table__.columns).join(JobRow, JobRow.id == row.job_id).where(JobRow.run == run)
        query = query.where(row.id > after).order_by(row.id).limit(limit)
        if kind is not None:
            query = query.where(row.kind == kind)
        if mapping is not None:
            query = query.where(row.mapping == mapping)
        async with self._database.read() as connection:
            return [(one.id, one.mapping, _finding(one)) for one in await connection.execute(query)]


def _wanted(job: int, kind: str | None, direction: Direction | None) -> list[ColumnElement[bool]]:
    row = FindingRow
    given = ((row.job_id, job), (row.kind, kind), (row.direction, direction and direction.value))
    return [column == value for column, value in given if value is not None]


def _row(job: int, mapping: str, one: Finding) -> dict[str, Any]:
    return {
        "job_id": job,
        "mapping": mapping,
        "kind": str(one.kind),
        "direction": one.direction.value,
        "bc_id": one.bc_id,
        "sales_id": one.sales_id,
        "label": one.label,
        "detail": dict(one.detail),
    }


def _finding(row: Row[Any]) -> Finding:
    return Finding(row.kind, Direction(row.direction), row.bc_id, row.sales_id, row.label, row.detail)
