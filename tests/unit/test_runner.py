"""Full and modified-only synchronisation: jobs in order, through crashes, to the answer (DESIGN 5, promise 6)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from producers.runner import Pace, Runner, Work
from schemas.command_outcome import CommandOutcome
from schemas.errors import ApiError, Problem
from schemas.job import Job, JobState, Keep, Run, RunKind, RunState
from schemas.mapping import Mappings
from schemas.side import Direction
from tests.support.made import mappings, part

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ORDER = ["CURRENCY", "CUSTOMER", "CONTACTS", "ITEM"]


class Killed(BaseException):
    """SIGKILL, as far as the code under test can tell."""


class Office:
    """The runs' store, the mapping states and the sweeps; every step is one line of `story`. `kill_at` ends one."""

    def __init__(self, kind: RunKind = RunKind.FULL, answer: Keep | None = None) -> None:
        self.the_run = Run("r1", kind, RunState.ACCEPTED, tuple(ORDER), cleared=("CUSTOMER",), answer=answer)
        self.jobs = {number: Job(number, "r1", name, Direction.TO_SALES) for number, name in enumerate(ORDER, 1)}
        self.story: list[str] = []
        self.announced: list[CommandOutcome] = []
        self.refused: set[str] = set()
        self.away: dict[str, int] = {}
        self.leads = True
        self.broken: set[str] = set()
        self.paused: set[str] = set()
        self.on_pause: Callable[[], None] = lambda: None
        self.kept: list[tuple[str, ...]] = []
        self.given: list[Job] = []
        self.unapplied: dict[str, int] = {}
        self.waits: list[str] = []
        self.steps = 0
        self.kill_at = 0

    def runner(self) -> Runner:
        chain: Mappings = mappings(
            part("CURRENCY"),
            part("CUSTOMER", depends_on=["CURRENCY"]),
            part("CONTACTS", depends_on=["CUSTOMER"]),
            part("ITEM"),
        )
        pace = Pace(lambda: self.leads, self._pause, self._wait, tries=3)
        return Runner(chain, self, self, self, self._announce, lambda: NOON, pace)

    def _step(self, line: str) -> None:
        self.steps += 1
        if self.steps == self.kill_at:
            raise Killed(line)
        self.story.append(line)

    async def _announce(self, outcome: CommandOutcome) -> None:
        self.announced.append(outcome)

    async def _pause(self) -> None:
        self._step("paused")
        self.on_pause()

    async def _wait(self, tries: int) -> None:
        self._step(f"waited {tries}")

    async def active_runs(self) -> Sequence[Run]:
        return [] if self.the_run.state.final else [self.the_run]

    async def untold(self) -> Sequence[Run]:
        return []

    async def run(self, run_id: str) -> Run | None:
        return self.the_run

    async def jobs_of(self, run_id: str) -> Sequence[Job]:
        return list(self.jobs.values())

    async def set_run(
        self,
        run_id: str,
        state: RunState,
        *,
        started: datetime | None = None,
        finished: datetime | None = None,
        error: Problem | None = None,
    ) -> None:
        self._step(f"run {state.value}")
        self.the_run = replace(self.the_run, state=state, error=error)

    async def start_job(self, job_id: int, at: datetime) -> None:
        self._step(f"started {self.jobs[job_id].mapping}")
        self.jobs[job_id] = replace(self.jobs[job_id], state=JobState.RUNNING, started=at)

    async def swept(self, job_id: int, total: int | None = None) -> None:
        self._step(f"swept {self.jobs[job_id].mapping}")
        self.jobs[job_id] = replace(self.jobs[job_id], swept=True)

    async def job_waits(self, job_id: int, message: str) -> None:
        self.waits.append(message)
        self.jobs[job_id] = replace(self.jobs[job_id], message=message)

    async def finish_job(self, job_id: int, state: JobState, at: datetime, message: str = "") -> None:
        self._step(f"{state.value} {self.jobs[job_id].mapping}")
        self.jobs[job_id] = replace(self.jobs[job_id], state=state, finished=at, message=message)

    async def set_only_coupled(self, names: Sequence[str], value: bool | None) -> None:
        self._step(f"only coupled {value}")
        self.kept.append(tuple(names))

    async def left_out(self, run: Run, job: Job) -> str:
        return "paused" if job.mapping in self.paused else ""

    async def work(self, run: Run, job: Job) -> Work:
        self.given.append(job)
        if job.mapping in self.broken:
            raise KeyError(job.mapping)
        return FakeWork(self, job)

    @property
    def states(self) -> list[JobState]:
        return [job.state for job in self.jobs.values()]

    def lines(self, *words: str) -> list[str]:
        return [line for line in self.story if line.split()[0] in words]


class FakeWork:
    """A job's work; the consumers need `unapplied` more looks to be done."""

    def __init__(self, office: Office, job: Job) -> None:
        self._office, self._job = office, job

    async def run(self, progress: Any) -> None:
        if self._job.mapping in self._office.refused:
            raise ApiError(403, "", "the privilege is missing")
        if self._office.away.get(self._job.mapping, 0):
            self._office.away[self._job.mapping] -= 1
            raise ApiError(503, "", "the side is away")
        self._office._step(f"published {self._job.mapping}")
        await progress(1)

    async def applied(self) -> bool:
        left = self._office.unapplied.get(self._job.mapping, 0)
        self._office.unapplied[self._job.mapping] = left - 1
        return left <= 0

    async def finished(self) -> None:
        self._office._step(f"remembered {self._job.mapping}")


async def test_the_work_knows_when_its_job_started() -> None:
    """How many records there are to read is told with it."""
    office = Office(RunKind.MODIFIED)
    await office.runner().once()
    assert [job.started for job in office.given] == [job.started for job in office.jobs.values()]
    assert None not in [job.started for job in office.given]


async def test_a_paused_mapping_is_left_out_and_its_job_says_so() -> None:
    office = Office(RunKind.MODIFIED)
    office.paused = {ORDER[0]}
    await office.runner().once()
    first, *others = office.jobs.values()
    assert (first.state, first.message, first.started) == (JobState.FINISHED, "paused", None)
    assert [job.message for job in others] == [""] * len(others)
    assert office.lines("started")[0] == f"started {ORDER[1]}"


async def test_jobs_run_one_after_the_other_in_order() -> None:
    office = Office(RunKind.MODIFIED)
    assert await office.runner().once()
    expected = [f"{step} {name}" for name in ORDER for step in ("started", "finished")]
    assert office.lines("started", "finished") == expected
    assert office.the_run.state is RunState.DONE
    assert not await office.runner().once()


async def test_a_job_is_finished_only_when_everything_it_published_is_applied() -> None:
    office = Office(RunKind.MODIFIED)
    office.unapplied = {"CURRENCY": 2}
    await office.runner().once()
    assert office.story[1:7] == [
        "started CURRENCY",
        "published CURRENCY",
        "swept CURRENCY",
        "paused",
        "paused",
        "remembered CURRENCY",
    ]


async def test_jobs_that_depend_on_a_failed_one_are_not_started_and_the_others_are() -> None:
    office = Office(RunKind.MODIFIED)
    office.refused = {"CURRENCY"}
    await office.runner().once()
    assert office.states == [JobState.FAILED] * 3 + [JobState.FINISHED]
    assert "the privilege is missing" in office.jobs[1].message
    assert office.jobs[2].message == "not started, because CURRENCY failed"
    assert office.jobs[3].message == "not started, because CUSTOMER failed"
    assert "started CUSTOMER" not in office.story
    assert office.the_run.state is RunState.FAILED
    assert office.the_run.error is not None
    assert "CURRENCY" in office.the_run.error.message


async def test_a_side_that_is_away_for_a_while_fails_no_job() -> None:
    office = Office(RunKind.MODIFIED)
    office.away = {"CUSTOMER": 3}
    await office.runner().once()
    assert office.states == [JobState.FINISHED] * 4
    assert office.lines("waited") == ["waited 1", "waited 2", "waited 3"]
    assert [bool(message) for message in office.waits][:1] == [True]
    assert "the side is away" in office.waits[0]
    told = [job["message"] for outcome in office.announced for job in outcome.jobs if "waits" in job["message"]]
    assert told, "who waits for the run is told what it waits for"
    assert [job.message for job in office.jobs.values()] == [""] * 4, "and it is over"


async def test_a_side_that_does_not_come_back_fails_the_job() -> None:
    office = Office(RunKind.MODIFIED)
    office.away = {"ITEM": 99}
    await office.runner().once()
    assert office.states == [JobState.FINISHED] * 3 + [JobState.FAILED]
    assert "the side is away" in office.jobs[4].message


async def test_a_mapping_that_has_left_the_file_fails_its_job_and_the_run_ends() -> None:
    office = Office(RunKind.MODIFIED)
    office.jobs[1] = replace(office.jobs[1], mapping="GONE")
    office.broken = {"GONE"}
    await office.runner().once()
    assert office.states == [JobState.FAILED] + [JobState.FINISHED] * 3
    assert "KeyError" in office.jobs[1].message


async def test_a_worker_that_no_longer_leads_leaves_the_run_to_the_next() -> None:
    office = Office(RunKind.MODIFIED)
    office.unapplied = {"CUSTOMER": 2}
    office.on_pause = lambda: setattr(office, "leads", False)
    assert not await office.runner().once()
    assert office.states == [JobState.FINISHED, JobState.RUNNING, JobState.WAITING, JobState.WAITING]
    office.leads = True
    assert await office.runner().once()
    assert office.the_run.state is RunState.DONE


async def test_a_full_synchronisation_waits_for_its_answer() -> None:
    office = Office()
    await office.runner().once()
    assert office.the_run.state is RunState.AWAITING_ANSWER
    assert office.announced[-1].state is RunState.AWAITING_ANSWER
    assert not await office.runner().once()
    assert office.kept == []


@pytest.mark.parametrize(("answer", "kept"), [(Keep.KEEP, [("CUSTOMER",)]), (Keep.RESTORE, [])])
async def test_the_answer_ends_it(answer: Keep, kept: list[tuple[str, ...]]) -> None:
    office = Office()
    await office.runner().once()
    office.the_run = replace(office.the_run, answer=answer)
    assert await office.runner().once()
    assert (office.the_run.state, office.kept) == (RunState.DONE, kept)


async def test_an_answer_given_in_advance_is_not_asked_for() -> None:
    office = Office(answer=Keep.KEEP)
    await office.runner().once()
    assert (office.the_run.state, office.kept) == (RunState.DONE, [("CUSTOMER",)])
    assert RunState.AWAITING_ANSWER not in {outcome.state for outcome in office.announced}


async def test_a_run_without_a_question_changes_no_flag() -> None:
    office = Office(RunKind.CATCH_UP)
    await office.runner().once()
    assert (office.the_run.state, office.kept) == (RunState.DONE, [])


async def test_outcomes_tell_the_progress_and_then_the_end() -> None:
    office = Office(RunKind.MODIFIED)
    await office.runner().once()
    assert {outcome.id for outcome in office.announced} == {"r1"}
    assert [outcome.state.final for outcome in office.announced] == [False] * (len(office.announced) - 1) + [True]
    assert [job["mapping"] for job in office.announced[-1].jobs] == ORDER


async def steps_of(kind: RunKind, answer: Keep | None) -> int:
    office = Office(kind, answer)
    await office.runner().once()
    return office.steps


@pytest.mark.parametrize("answer", [None, Keep.KEEP, Keep.RESTORE])
async def test_a_run_killed_at_any_step_goes_on_and_ends_the_same(answer: Keep | None) -> None:
    """Promise 6: what was finished is not run again, and the question is asked or answered as it would have been."""
    for step in range(1, await steps_of(RunKind.FULL, answer) + 1):
        office = Office(answer=answer)
        office.unapplied = {"CUSTOMER": 2}
        office.kill_at = step
        with pytest.raises(Killed):
            await office.runner().once()
        finished = {name for name in ORDER if f"finished {name}" in office.story}
        before = len(office.story)
        await office.runner().once()
        assert office.states == [JobState.FINISHED] * 4
        assert office.the_run.state is (RunState.DONE if answer else RunState.AWAITING_ANSWER)
        assert set(office.kept) == ({("CUSTOMER",)} if answer is Keep.KEEP else set())
        again = {line.split()[1] for line in office.story[before:] if line.startswith("published")}
        assert not again & finished


async def test_a_kill_while_the_answer_is_carried_out_carries_it_out_again() -> None:
    office = Office()
    await office.runner().once()
    office.the_run = replace(office.the_run, answer=Keep.KEEP)
    office.kill_at = office.steps + 2  # the flag is stored, the end is not
    with pytest.raises(Killed):
        await office.runner().once()
    await office.runner().once()
    assert (office.the_run.state, office.kept) == (RunState.DONE, [("CUSTOMER",), ("CUSTOMER",)])
