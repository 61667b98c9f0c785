"""The desk where the configuration leads to: commands over Kafka, everything else from the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from daemon.cli import client, failures, findings, records, rows
from daemon.cli.desk import Row
from daemon.cli.options import examine_mappings, load_mappings, read_mappings
from daemon.cli.standing import asked, standing
from daemon.cli.worker import Here
from schemas.command_outcome import job_dict
from schemas.naming import called
from schemas.topics import Topics

if TYPE_CHECKING:
    from daemon.letters import Letters
    from daemon.settings import Settings
    from daemon.store.engine import Store
    from daemon.store.history import Among, EndedRecord
    from daemon.store.views import CouplingView
    from schemas.checkup import Checked
    from schemas.command import Command
    from schemas.command_outcome import CommandOutcome
    from schemas.explanation import Explanation
    from schemas.job import JobState
    from schemas.mapping_file import MappingsFile
    from schemas.outcome import Outcome
    from schemas.survey import Finding

    # As the store lists them: number, mapping, finding.
    Found = tuple[int, str, Finding]

T = TypeVar("T")
_PAGE = 500


class Direct:
    """See `daemon.cli.desk.Desk`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def follow(self, command: Command) -> Iterator[CommandOutcome]:
        return client.submit(self._settings, command)

    def standing(self) -> Row:
        found = self._read(lambda store: standing(store, self._settings))
        with closing(Here(self._settings)) as worker:
            return {**found, **asked(worker)}

    def check(self) -> Sequence[Checked]:
        from daemon.checkup.now import check_now

        return asyncio.run(check_now(self._settings, examine_mappings(self._settings.mappings)))

    def jobs(self, names: Sequence[str], state: JobState | None, failures: bool, limit: int) -> list[Row]:
        async def read(store: Store) -> list[Row]:
            asked = [
                await store.jobs.jobs(mapping=name, limit=limit, state=state, failures=failures)
                for name in rows.each(names)
            ]
            return rows.newest([job_dict(job) for found in asked for job in found], limit)

        return self._read_of(names, read)

    def job(self, number: int) -> Row:
        async def read(store: Store) -> Row:
            found = await store.jobs.job(number)
            if found is None:
                raise rows.no_job(number)
            failed = await store.pairs.named(await store.views.failures(job=number, open_only=False))
            told = await store.findings.of_job(number, None, 0, findings.MOST)
            return {
                **job_dict(found),
                "failures": [failures.record(row) for row in failed],
                "findings": [findings.record(one) for _, _, one in told],
            }

        return self._read(read)

    def records(self, job: int, outcome: Outcome, limit: int | None) -> list[Row]:
        return self._read(lambda store: _records(store, store.ended.of(job), outcome, limit))

    def ended(self, names: Sequence[str], outcome: Outcome | None, limit: int) -> list[Row]:
        async def read(store: Store) -> list[Row]:
            day = store.ended.day()
            pages = [await _records(store, replace(day, mapping=name), outcome, limit) for name in rows.each(names)]
            return [one for page in pages for one in page]

        return self._read_of(names, read)

    def failures(self, names: Sequence[str], cause: str | None, code: str | None, limit: int) -> list[Row]:
        async def read(store: Store) -> list[Row]:
            pages = [await store.views.failures(name, limit=limit, cause=cause, code=code) for name in rows.each(names)]
            named = await store.pairs.named([row for page in pages for row in page])
            return [failures.record(row) for row in named]

        return self._read_of(names, read)

    def causes(self, names: Sequence[str], code: str | None, limit: int) -> list[Row]:
        async def read(store: Store) -> list[Row]:
            pages = [await store.views.causes(name, code=code, limit=limit) for name in rows.each(names)]
            named = await store.pairs.causes_named([one for page in pages for one in page])
            return [failures.cause(one) for one in named]

        return self._read_of(names, read)

    def blanks(self, names: Sequence[str], limit: int) -> list[Row]:
        async def read(store: Store) -> list[Row]:
            pages = [await store.blanks.listed(name, limit=limit) for name in rows.each(names)]
            return [failures.blank(one) for page in pages for one in page]

        return self._read_of(names, read)

    def couplings(self, name: str, search: str, limit: int) -> list[Row]:
        async def read(store: Store) -> list[Row]:
            found = await store.views.couplings(name, limit=limit, search=search)
            return [_coupling(row) for row in found]

        return self._read_of([name], read)

    def findings(self, run: str, kinds: Sequence[str] | None, limit: int | None) -> list[Row]:
        async def read(store: Store) -> list[Row]:
            if await store.jobs.run(run) is None:
                raise rows.no_run(run)
            return [one for kind in rows.each(kinds) for one in await _findings(store, run, kind, limit)]

        return self._read(read)

    def couples_existing(self, name: str) -> bool | None:
        mapping = load_mappings(self._settings.mappings).by_name.get(name)
        return None if mapping is None else mapping.couple_existing

    def explain(self, name: str, record: str) -> Explanation:
        return asyncio.run(_explained(self._settings, read_mappings(self._settings.mappings), name, record))

    def letters(self, topic: str, limit: int | None = None) -> list[Row]:
        from daemon.letter_rows import row_of

        return [row_of(one) for one in self._letters().newest(limit, topic=topic)]

    def put_back(self, numbers: Collection[int]) -> Row:
        from daemon.letter_rows import result_of

        return result_of(self._letters().put_back(numbers), numbers)

    def _letters(self) -> Letters:
        from daemon.letters import Letters

        kafka = self._settings.kafka
        return Letters(kafka, client.bootstrap_of(self._settings), Topics(kafka.topic_prefix))

    def _read_of(self, names: Sequence[str], read: Callable[[Store], Awaitable[T]]) -> T:
        known = load_mappings(self._settings.mappings).by_name if names else {}
        for name in names:
            if name not in known:
                raise rows.no_mapping(name)
        return self._read(read)

    def _read(self, read: Callable[[Store], Awaitable[T]]) -> T:
        """Refused, with the hint to start the daemon, if there is no store yet."""
        from daemon.store.engine import open_readonly

        async def main() -> T:
            async with await open_readonly(self._settings.store.address().get_secret_value()) as store:
                return await read(store)

        return asyncio.run(main())


def _coupling(row: CouplingView) -> Row:
    bc, sales = row.coupling.bc, row.coupling.sales
    return rows.coupling(bc.id, sales.id, called({**sales.base, **bc.base}), bc.references, row.updated_at)


async def _explained(settings: Settings, file: MappingsFile, name: str, record: str) -> Explanation:
    from daemon import preflight
    from daemon.explaining import Explainer
    from daemon.governor import Hooks
    from daemon.sessions import BRIEF
    from daemon.sides import Sides, sessions
    from daemon.store.engine import open_readonly
    from daemon.wiring import Clock
    from producers.watermark import Overlap

    async with (
        await open_readonly(settings.store.address().get_secret_value()) as store,
        sessions(settings, Hooks(), BRIEF) as clients,
    ):
        company = await preflight.connect(clients, settings.business_central.company)
        mappings = await preflight.expanding(clients, company, file.mappings)
        sides = Sides(clients, company, mappings, Overlap(settings.capture.overlap_seconds), Clock().now_ms)
        return await Explainer(sides, store).explain(name, record)


async def _records(store: Store, among: Among, outcome: Outcome | None, limit: int | None) -> list[Row]:
    async def page(last: EndedRecord | None, most: int) -> Sequence[EndedRecord]:
        found = await store.ended.listed(among, outcome, most, after=among.place(last) if last else None)
        return await store.pairs.named(found)

    return [records.record(one) for one in await _paged(page, limit)]


async def _findings(store: Store, run: str, kind: str | None, limit: int | None) -> list[Row]:
    async def page(last: Found | None, most: int) -> Sequence[Found]:
        return await store.findings.of_run(run, kind, after=last[0] if last else 0, limit=most)

    return [{"mapping": mapping, **findings.record(one)} for _, mapping, one in await _paged(page, limit)]


async def _paged(page: Callable[[T | None, int], Awaitable[Sequence[T]]], limit: int | None) -> list[T]:
    """Page by page, each of so many behind the last one, all or the first `limit`."""
    found: list[T] = []
    while (limit is None or len(found) < limit) and (
        some := await page(found[-1] if found else None, min(_PAGE, limit or _PAGE))
    ):
        found += some
    return found[:limit]
