"""The reader over a real store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consumers.ports import Applied
from daemon.store.engine import open_store
from daemon.web.from_store import StoreReader
from daemon.web.wanted import Wanted, WantedJobs, WantedRecords, WantedRuns
from producers.ports import Published
from schemas.change import Change, Op
from schemas.coupling import Coupling, Half
from schemas.errors import Problem
from schemas.job import JobState, Run, RunKind, RunState
from schemas.mapping_file import parse, standard_text
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side
from schemas.survey import Finding, Kind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOPIC = "coupled.bc.customers"


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def store(tmp_path, clock):
    opened = await open_store(f"sqlite:///{tmp_path}/coupled.db", now=clock)
    yield opened
    await opened.close()


@pytest.fixture
def reader(store):
    async def nobody():
        return []

    return StoreReader(store, parse(standard_text()), nobody)


def settled(key: str, outcome: Outcome = Outcome.COUPLED, code: str = "", job: int | None = None) -> Settled:
    change = Change(Op.UPDATE, Side.BC, "customers", key, {}, "v", 1, 1, 1, job, "CUSTOMER" if job else None)
    if code:
        return Settled(change, "CUSTOMER", outcome, problem=Problem(code, f"{key} failed.", "Mend it."))
    coupling = Coupling("CUSTOMER", Half(key, base={"displayName": f"Æther {key}"}), Half(f"s-{key}", base={"x": "y"}))
    return Settled(change, "CUSTOMER", outcome, coupling, partner=f"s-{key}")


async def record(store, *items: Settled) -> None:
    await store.memory.record(items, Applied(TOPIC, "log"))


async def test_an_empty_store(reader):
    mappings = await reader.mappings()
    assert [each.name for each in mappings][3] == "CUSTOMER"
    assert mappings[3].only_coupled
    assert (mappings[3].couplings, mappings[3].failures, mappings[3].lag) == (0, 0, {})
    assert (await reader.runs(WantedRuns(), 5)).items == []
    assert (await reader.jobs(WantedJobs(), 0, 5)).items == []
    assert await reader.job(1) is None
    assert (await reader.causes(Wanted(), 0, 5)).page.items == []
    assert await reader.command("x") is None
    assert (await reader.couplings(None, "", 0, 5)).total == 0
    assert set((await reader.figures({})).couplings.values()) == {0}


async def test_a_definition_has_the_fields_that_are_disabled(store, reader):
    line, off = "{bc: city, sales: address1_city", ", status: disabled}"
    text = f"mappings: [{{name: A, bc: {{table: b}}, sales: {{table: s}}, fields: [{line}}}, {line}{off}]}}]"
    definition = await StoreReader(store, parse(text), reader.reachable).definition("A")
    assert [one.get("status") for one in definition["fields"]] == [None, "disabled"]
    assert await reader.definition("A") is None


async def test_couplings_by_page_and_name(store, reader):
    await record(store, *(settled(f"b{n}") for n in range(5)))
    page = await reader.couplings("CUSTOMER", "", 2, 2)
    assert [each.name for each in page.items] == ["Æther b2", "Æther b1"]
    assert (page.more, page.total, page.offset) == (True, 5, 2)
    found = await reader.couplings(None, "s-b4", 0, 2)
    assert [(each.bc_id, each.sales_id) for each in found.items] == [("b4", "s-b4")]
    assert (found.more, found.total) == (False, None)


async def test_the_newest_dry_run_of_each_mapping(store, reader):
    runs = (("one", RunKind.PREVIEW), ("two", RunKind.PREVIEW), ("three", RunKind.MATCH))
    for name, kind in runs:
        mappings = ["CUSTOMER"] if name != "one" else ["CUSTOMER", "CURRENCY"]
        run = Run(name, kind, RunState.RUNNING, tuple(mappings), created=NOW)
        await store.jobs.create_run(run, [(mapping, Direction.BOTH) for mapping in mappings])
    assert set(await reader.runs_of({"one", "three", "nobody"})) == {"one", "three"}
    assert await reader.runs_of(set()) == {}
    assert (reader.ways("CURRENCY"), reader.ways("GONE")) == ((Direction.TO_SALES,), ())
    found = await reader.dry_runs()
    assert {name: job.run for name, job in found.items()} == {"CUSTOMER": "two", "CURRENCY": "one"}


async def test_failures_and_their_causes(store, reader, clock):
    await record(store, *(settled(f"b{n}", Outcome.FAILED, "one") for n in range(3)))
    clock.now += timedelta(seconds=5)
    await record(store, settled("c", Outcome.FAILED, "two"))
    found = await reader.causes(Wanted(), 0, 5)
    assert [(cause.problem.code, cause.count) for cause in found.page.items] == [("one", 3), ("two", 1)]
    assert (found.page.total, found.page.more, found.records) == (2, False, 4)
    first = await reader.causes(Wanted(), 0, 1)
    assert (len(first.page.items), first.page.total, first.page.more, first.records) == (1, 2, True, 4)
    three, single = found.page.items
    assert (await reader.causes(Wanted(), 1, 1)).page.items == [single]
    assert [each.source_key for each in three.examples] == ["b2", "b1", "b0"]
    assert [one.id for one in (await reader.causes(Wanted("CUSTOMER", "two"), 0, 5)).page.items] == [single.id]
    assert (await reader.failures(Wanted(cause=three.id), 0, 1)).total == 3
    assert await reader.failure_codes() == ["one", "two"]
    page = await reader.failures(Wanted("CUSTOMER", "one"), 1, 1)
    assert (len(page.items), page.more, page.total) == (1, True, 3)
    assert not (await reader.failures(Wanted("CUSTOMER", "one"), 2, 1)).more
    assert [each.problem.code for each in (await reader.failures(Wanted(), 0, 1)).items] == ["two"]
    assert (await reader.mappings())[3].failures == 4
    assert (await reader.figures({})).failures["CUSTOMER", "open"] == 4


async def test_what_there_is_none_of_is_told_too(store, reader):
    """A series that appears with the first failure has not grown for who compares it with an hour ago."""
    figures = await reader.figures({})
    assert figures.failures["CUSTOMER", "open"] == figures.failures["CUSTOMER", "resolved"] == 0
    assert figures.couplings["CUSTOMER"] == 0
    assert figures.runs == {"accepted": 0, "running": 0, "awaiting_answer": 0}
    assert figures.paused["CUSTOMER"] is False


async def test_states_of_mappings(store, reader):
    await store.states.set_only_coupled(["CUSTOMER"], False)
    await store.states.pause(["CUSTOMER"], NOW)
    customer = (await reader.mappings())[3]
    assert (customer.only_coupled, customer.paused_at) == (False, NOW)
    assert [name for name, paused in (await reader.figures({})).paused.items() if paused] == ["CUSTOMER"]


async def test_nobody_knows_how_far_behind_a_paused_mapping_is(store, reader):
    """It is not read, so what waits is not known: 0 would say that nothing does."""
    await store.positions.begin("live:bc:customers", {"modified": "1"}, "log")
    ways = ("CUSTOMER", Direction.TO_SALES)
    assert (await reader.figures({})).lag[ways] == (await reader.mappings())[3].lag[Direction.TO_SALES] == 0
    await store.states.pause(["CUSTOMER"], NOW)
    assert ways not in (await reader.figures({})).lag
    assert (await reader.mappings())[3].lag == {}


async def test_runs_jobs_and_progress(store, reader):
    run = Run("r", RunKind.FULL, RunState.RUNNING, ("CUSTOMER",), created=NOW)
    await store.jobs.create_run(run, [("CUSTOMER", Direction.TO_SALES), ("CUSTOMER", Direction.TO_BC)])
    first, second = await reader.run_jobs("r")
    assert [first.direction, second.direction] == [Direction.TO_SALES, Direction.TO_BC]
    await store.jobs.start_job(first.id, NOW, total=4)
    await record(store, settled("b1", job=first.id), settled("b2", Outcome.FAILED, "one", job=first.id))
    figures = await reader.figures({TOPIC: 7})
    assert figures.progress == {("CUSTOMER", Direction.TO_SALES): 0.5, ("CUSTOMER", Direction.TO_BC): 0}
    assert figures.consumer_lag == {TOPIC: 7}
    assert figures.runs == {"accepted": 0, "running": 1, "awaiting_answer": 0}
    assert len((await reader.failures(Wanted(job=first.id), 0, 5)).items) == 1
    assert [job.id for job in (await reader.jobs(WantedJobs("CUSTOMER"), 0, 1)).items] == [second.id]
    assert [job.id for job in (await reader.jobs(WantedJobs("CUSTOMER"), 1, 1)).items] == [first.id]
    assert [job.id for job in (await reader.jobs(WantedJobs(state=JobState.WAITING), 0, 5)).items] == [second.id]
    assert [job.id for job in (await reader.jobs(WantedJobs(failures=True), 0, 5)).items] == [first.id]
    assert (await reader.job(first.id)).settled == 2


async def test_the_last_run_of_a_mapping_is_the_job_that_was_begun_last(store, reader):
    assert (await reader.mappings())[3].last_run is None
    for number in (1, 2):
        run = Run(f"r{number}", RunKind.MODIFIED, RunState.RUNNING, ("CUSTOMER",), created=NOW)
        await store.jobs.create_run(run, [("CUSTOMER", Direction.TO_SALES)])
    (job,) = await reader.run_jobs("r1")
    await store.jobs.start_job(job.id, NOW)
    await record(store, settled("b1", Outcome.FAILED, "one", job=job.id))
    last = (await reader.mappings())[3].last_run
    assert (last.job, last.state, last.started, last.failed) == (job.id, JobState.RUNNING, NOW, 1)


async def test_lag_is_how_long_waiting_changes_stand_still(store, reader, clock):
    await store.positions.begin("live:bc:customers", {"at": 1}, "log")
    await store.positions.begin("live:sales:accounts", {"at": 1}, "log")
    await store.positions.begin("job:9", {"at": 1}, "log")
    clock.now += timedelta(seconds=30)
    await store.positions.published("live:bc:customers", {"at": 2}, Published(TOPIC, {0: 5}), 3)
    customer = (await reader.mappings())[3]
    assert customer.lag == {Direction.TO_SALES: 30, Direction.TO_BC: 0}
    lag = (await reader.figures({})).lag
    assert (lag["CUSTOMER", Direction.TO_SALES], lag["CUSTOMER", Direction.TO_BC]) == (30, 0)


async def test_commands(store, reader):
    await store.commands.receive("c", {"command": "sync"}, RunState.REFUSED, Problem("x", "No.", ""))
    found = await reader.command("c")
    assert (found.command, found.state, found.error.code) == ("sync", RunState.REFUSED, "x")


async def test_findings_of_a_job_by_kind_and_page(reader, store):
    await store.jobs.create_run(
        Run("r", RunKind.MATCH, RunState.ACCEPTED, ("CUSTOMER",)), [("CUSTOMER", Direction.BOTH)]
    )
    (job,) = await store.jobs.jobs_of("r")
    pairs = [Finding(Kind.MATCHED, Direction.BOTH, f"b{n}", f"s{n}", f"{n}", {"partner": "P"}) for n in range(3)]
    await store.findings.add(job.id, "CUSTOMER", [*pairs, Finding(Kind.UNMATCHED, Direction.TO_BC, None, "x", "X")])
    page = await reader.findings(job.id, "matched", 1, 1)
    assert ([one.bc_id for one in page.items], page.items[0].said, page.more) == (["b1"], "is P", True)
    assert [one.kind for one in (await reader.findings(job.id, None, 0, 9)).items] == ["matched"] * 3 + ["unmatched"]


async def test_what_a_job_did_by_outcome_and_page_with_names(store, reader):
    made = [settled(f"c{n}", Outcome.INSERTED, job=7) for n in range(3)]
    await record(store, *made, replace(made[0], outcome=Outcome.MODIFIED, wrote=("name",)), settled("c9"))
    page = await reader.records(WantedRecords(7, Outcome.INSERTED), 0, 2)
    assert ([one.bc_id for one in page.items], page.total) == (["c2", "c1"], 3)
    assert page.items[0].name == "Æther c2"
    behind = await reader.records(WantedRecords(7, Outcome.INSERTED), 0, 2, page.after)
    assert ([one.bc_id for one in behind.items], behind.more, behind.total) == (["c0"], False, 3)
    every = await reader.records(WantedRecords(7), 1, 9)
    assert ([one.bc_id for one in every.items], every.total) == (["c2", "c1", "c0"], 4)


async def test_what_left_records_as_they_were_is_told_by_page_with_names(store, reader):
    await record(store, *(settled(f"c{n}", Outcome.INSERTED) for n in range(3)))
    await record(store, *(settled(f"c{n}", Outcome.UNCHANGED, job=7) for n in range(3)))
    wanted = WantedRecords(7, Outcome.UNCHANGED)
    page = await reader.records(wanted, 0, 2)
    assert ([one.name for one in page.items], page.total) == (["Æther c2", "Æther c1"], 3)
    behind = await reader.records(wanted, 0, 2, page.after)
    assert ([one.bc_id for one in behind.items], behind.more) == (["c0"], False)
    assert [one.bc_id for one in (await reader.records(wanted, 2, 2)).items] == ["c0"]


async def test_how_the_last_day_ended(store, reader):
    await record(store, *(settled(f"c{n}", Outcome.INSERTED) for n in range(3)), settled("c1", Outcome.UNCHANGED))
    lately = await reader.lately()
    assert (lately.outcomes, lately.changes) == ({Outcome.INSERTED: 3, Outcome.UNCHANGED: 1}, 4)
    inserted = ["c2", "c1", "c0"]
    for outcome, whole in ((Outcome.INSERTED, inserted), (Outcome.UNCHANGED, ["c1"]), (None, inserted)):
        wanted = WantedRecords(None, outcome, "CUSTOMER")
        page = await reader.records(wanted, 0, 2)
        behind = (await reader.records(wanted, 0, 2, page.after)).items if page.after else []
        assert ([one.bc_id for one in (*page.items, *behind)], page.total) == (whole, len(whole))
        assert (await reader.records(WantedRecords(None, outcome, "CONTACTS"), 0, 2)).items == []


async def test_failures_of_coupled_records_have_their_name(store, reader):
    await record(store, settled("c1"), settled("c1", Outcome.FAILED, "bad"), settled("new", Outcome.FAILED, "bad"))
    failures = (await reader.failures(Wanted(), 0, 9)).items
    assert {one.source_key for one in failures} == {"c1", "new"}
    assert {one.source_key: one.name for one in failures} == {"c1": "Æther c1", "new": ""}
    examples = [row for cause in (await reader.causes(Wanted(), 0, 9)).page.items for row in cause.examples]
    assert {one.source_key: one.name for one in examples} == {"c1": "Æther c1", "new": ""}
    assert (await reader.causes_page(Wanted(), 9, None)).items[0].examples == examples
