"""The web's reader over the store, and the figures for the metrics' gauges."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from daemon.metrics import Figures
from daemon.store.blanks import Blank
from daemon.store.ended import Lately
from daemon.store.engine import Store
from daemon.store.figures import failures, lags
from daemon.store.history import EndedRecord
from daemon.store.views import Failure, FailureCause
from daemon.web.as_shown import coupled_of, found_of, last_run_of, status_of
from daemon.web.formats import percent
from daemon.web.paging import micros, moment
from daemon.web.ports import Causes, CommandStatus, Coupled, Found, MappingStatus, Page, SideStatus, Spot, T
from daemon.web.wanted import Wanted, WantedJobs, WantedRecords, WantedRuns
from schemas.holding import Alert
from schemas.job import Job, MappingState, Run, RunKind, RunState
from schemas.mapping import Mappings
from schemas.mapping_diff import commands as owed_commands
from schemas.side import Direction


@dataclass(frozen=True)
class StoreReader:
    """`reachable` tells the sides' state as last seen; it must not ask them anew for every reader."""

    store: Store
    mapped: Mappings
    reachable: Callable[[], Awaitable[Sequence[SideStatus]]]

    async def sides(self) -> Sequence[SideStatus]:
        return await self.reachable()

    async def mappings(self) -> Sequence[MappingStatus]:
        views, tallies = self.store.views, self.store.tallies
        couplings, counts, blanks = await asyncio.gather(tallies.couplings(), tallies.failures(), tallies.blanks())
        failed, states = failures(counts), await self.store.states.all()
        late = lags(self.mapped, await views.positions(), _paused(states))
        owed = {name: owed_commands(name, one.owed) for name, one in (await self.store.definitions.known()).items()}
        shown = (
            status_of(each, states.get(each.name), couplings.get(each.name, 0), failed[each.name, "open"], late)
            for each in self.mapped.all
        )
        last = {job.mapping: last_run_of(job) for job in await views.last_jobs()}
        return [
            replace(each, owes=owed.get(each.name, {}), blanks=blanks.get(each.name, 0), last_run=last.get(each.name))
            for each in shown
        ]

    @property
    def mapping_names(self) -> Sequence[str]:
        return [mapping.name for mapping in self.mapped.all]

    def ways(self, mapping: str) -> Sequence[Direction]:
        found = self.mapped.by_name.get(mapping)
        return found.direction.one_ways if found else ()

    async def alerts(self, begun: datetime) -> Sequence[Alert]:
        return await self.store.looks.told(begun)

    async def dead_letters(self) -> Mapping[str, int]:
        return await self.store.unreadable.lately()

    async def definition(self, mapping: str) -> Mapping[str, Any] | None:
        return self.mapped.written.get(mapping)

    async def run(self, number: str) -> Run | None:
        return await self.store.jobs.run(number)

    async def runs_of(self, numbers: Collection[str]) -> Mapping[str, Run]:
        return {run.id: run for run in await self.store.jobs.runs(len(numbers), numbers=numbers)} if numbers else {}

    async def runs(self, wanted: WantedRuns, limit: int, after: Spot | None = None) -> Page[Run]:
        place = (moment(after[0]), after[1]) if after else None
        found = await self.store.jobs.runs(limit + 1, wanted.states or None, kinds=wanted.kinds or None, after=place)
        return _page(found, 0, limit, lambda run: (micros(run.created), run.id))

    async def active_runs(self) -> Sequence[Run]:
        return await self.store.jobs.active_runs()

    async def run_jobs(self, run: str) -> Sequence[Job]:
        return await self.store.jobs.jobs_of(run)

    async def dry_runs(self) -> Mapping[str, Job]:
        return {job.mapping: job for job in await self.store.jobs.last_of(RunKind.PREVIEW)}

    async def jobs(self, wanted: WantedJobs, offset: int, limit: int, after: Spot | None = None) -> Page[Job]:
        found = await self.store.jobs.jobs(
            wanted.run, wanted.mapping, limit + 1, offset, state=wanted.state, failures=wanted.failures, after=after
        )
        return _page(found, offset, limit, lambda job: (job.id,))

    async def job(self, number: int) -> Job | None:
        return await self.store.jobs.job(number)

    async def failures(self, wanted: Wanted, offset: int, limit: int, after: Spot | None = None) -> Page[Failure]:
        views, chosen = self.store.views, (wanted.mapping, wanted.job, wanted.job is None)
        place = (moment(after[0]), after[1]) if after else None
        found = await views.failures(
            *chosen, limit + 1, code=wanted.code, cause=wanted.cause, offset=offset, after=place
        )
        found, total = await self.store.pairs.named(found), await self._failures_count(wanted)
        return _page(found, offset, limit, lambda one: (micros(one.last_at), one.id), total)

    async def _failures_count(self, wanted: Wanted) -> int:
        if wanted.job is None:
            return await self.store.tallies.open_failures(wanted.mapping, wanted.code, wanted.cause)
        chosen = (wanted.mapping, wanted.job, False)
        return await self.store.views.failures_count(*chosen, code=wanted.code, cause=wanted.cause)

    async def causes(self, wanted: Wanted, offset: int, limit: int) -> Causes:
        found = await self.store.tallies.cause_list(wanted.mapping, code=wanted.code, offset=offset, limit=limit)
        # Read from the beginning each time, so a place is told only as a sign that others follow.
        after = (offset + limit,) if found.causes > offset + limit else None
        items = await self.store.pairs.causes_named(found.items)
        return Causes(Page(items, offset, after, found.causes), found.records)

    async def causes_page(self, wanted: Wanted, limit: int, after: Spot | None) -> Page[FailureCause]:
        upto = after[0] if after else await self.store.views.newest_failure()
        place = after[1:] if after else None
        found = await self.store.views.causes(wanted.mapping, code=wanted.code, limit=limit + 1, upto=upto, after=place)
        found = await self.store.pairs.causes_named(found)
        return _page(found, 0, limit, lambda one: (upto, *one.place))

    async def failure_codes(self) -> Sequence[str]:
        return sorted({count.code for count in await self.store.tallies.failures() if count.open})

    async def blank_count(self, mapping: str | None = None) -> int:
        counts = await self.store.tallies.blanks()
        return sum(counts.values()) if mapping is None else counts.get(mapping, 0)

    async def blanks(self, mapping: str | None, offset: int, limit: int, after: Spot | None = None) -> Page[Blank]:
        found = await self.store.blanks.listed(mapping, limit + 1, offset, after)
        return _page(found, offset, limit, lambda one: one.place, await self.blank_count(mapping))

    async def couplings(
        self, mapping: str | None, text: str, offset: int, limit: int, after: Spot | None = None
    ) -> Page[Coupled]:
        found = await self.store.views.couplings(mapping, limit + 1, offset, text, after=after)
        page = _page(found, offset, limit, lambda one: (one.id,))
        total = None
        if not text:
            counts = await self.store.tallies.couplings()
            total = sum(counts.values()) if mapping is None else counts.get(mapping, 0)
        return Page([coupled_of(each) for each in page.items], offset, page.after, total)

    async def findings(
        self,
        job: int,
        kind: str | None,
        offset: int,
        limit: int,
        after: Spot | None = None,
        *,
        direction: Direction | None = None,
    ) -> Page[Found]:
        findings, begin = self.store.findings, after[0] if after else 0
        found = await findings.of_job(job, kind, offset, limit + 1, begin, direction=direction)
        page = _page(found, offset, limit, lambda one: (one[0],))
        total = await findings.count(job, kind, direction)
        return Page([found_of(one, mapping) for _, mapping, one in page.items], offset, page.after, total)

    async def run_findings(self, run: str, kind: str | None, limit: int, after: Spot | None) -> Page[Found]:
        found = await self.store.findings.of_run(run, kind, after=after[0] if after else 0, limit=limit + 1)
        page = _page(found, 0, limit, lambda one: (one[0],))
        return Page([found_of(one, mapping) for _, mapping, one in page.items], 0, page.after)

    async def records(
        self, wanted: WantedRecords, offset: int, limit: int, after: Spot | None = None
    ) -> Page[EndedRecord]:
        ended, lately = self.store.ended, wanted.job is None
        among = replace(ended.day() if wanted.job is None else ended.of(wanted.job), mapping=wanted.mapping)
        behind = (moment(after[0]), after[1]) if after and lately else after
        found = await self.store.pairs.named(await ended.listed(among, wanted.outcome, limit + 1, offset, behind))
        total = await ended.number(among, wanted.outcome)
        return _page(found, offset, limit, lambda one: (micros(one.at), one.id) if lately else (one.id,), total)

    async def lately(self) -> Lately:
        return await self.store.tallies.lately()

    async def command(self, number: str) -> CommandStatus | None:
        found = await self.store.commands.get(number)
        if found is None:
            return None
        name = str(found.command.get("command") or "command")
        run = await self.store.jobs.run(number)
        return CommandStatus(found.id, name, found.state, found.received_at, found.error, run.id if run else None)

    async def received(self, number: str) -> dict[str, Any] | None:
        found = await self.store.commands.get(number)
        return None if found is None else dict(found.command)

    async def figures(self, consumer_lag: Mapping[str, int]) -> Figures:
        """What `Metrics.refresh` sets the gauges to. Of every mapping there is a number, if only 0: one that appears
        with the first failure has not grown for who compares."""
        names = self.mapping_names
        none = {(name, state): 0 for name in names for state in ("open", "resolved")}
        runs, states = await self.store.jobs.active_runs(), await self.store.states.all()
        active, paused = Counter(run.state.value for run in runs), _paused(states)
        return Figures(
            couplings=dict.fromkeys(names, 0) | dict(await self.store.tallies.couplings()),
            failures=none | failures(await self.store.tallies.failures()),
            progress=await self._progress(runs),
            lag=lags(self.mapped, await self.store.views.positions(), paused),
            consumer_lag=consumer_lag,
            runs={state.value: active[state.value] for state in RunState if not state.final},
            dead_letters=dict.fromkeys(consumer_lag, 0) | dict(await self.dead_letters()),
            paused={name: name in paused for name in names},
        )

    async def _progress(self, active: Sequence[Run]) -> Mapping[tuple[str, Direction], float]:
        jobs = [job for run in active for job in await self.store.jobs.jobs_of(run.id)]
        return {(job.mapping, job.direction): (percent(job) or 0) / 100 for job in jobs}


def _paused(states: Mapping[str, MappingState]) -> set[str]:
    return {name for name, one in states.items() if one.paused_at is not None}


def _page(found: Sequence[T], offset: int, limit: int, place: Callable[[T], Spot], total: int | None = None) -> Page[T]:
    """`found` holds one more than `limit` if there are others."""
    after = place(found[limit - 1]) if len(found) > limit else None
    return Page(found[:limit], offset, after, total)
