"""A daemon in the middle of its work, without a store: what the web's tests (and a developer's browser) look at."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial

import httpx
import pytest

from consumers.explain.facts import Facts
from consumers.explain.telling import explain
from daemon.cli.http import Api
from daemon.letter_rows import row_of
from daemon.letters import PutBack
from daemon.metrics import Metrics
from daemon.store.blanks import Blank
from daemon.store.ended import Lately, Slot, half_hour
from daemon.store.history import EndedRecord
from daemon.store.views import Failure, FailureCause
from daemon.web import Access, Services, create_app
from daemon.web.ports import (
    Causes,
    CommandStatus,
    Coupled,
    Found,
    LastRun,
    Letter,
    MappingStatus,
    Page,
    SideStatus,
    Spot,
)
from daemon.web.wanted import Wanted, WantedJobs, WantedRecords, WantedRuns
from schemas import rows
from schemas.change import Change, Op
from schemas.checkup import Checked, fine, warning, wrong
from schemas.command import Command
from schemas.coupling import Coupling, Reference
from schemas.dead_letter import DeadLetter, Place, stuck
from schemas.errors import Problem, Refused, Unreachable
from schemas.explanation import Event, Explanation, Trouble
from schemas.flags import Flags
from schemas.holding import Alert
from schemas.job import Job, JobState, Run, RunKind, RunState
from schemas.mapping_file import parse, standard_text
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side
from schemas.topics import Topics
from tests.support.made import BC_ID, SALES_ID

from .bridge import CONFIG, URL, Bridge

NOW = datetime.now(UTC)
RUN = "7d6b6ad2-5a6c-4f6c-8d0a-3c1f7b9b1c11"
STALE = Problem(
    "coupled-to-deleted", "The account <b>7</b> it is coupled to has been deleted.", "Uncouple it, or restore it."
)
NAME = "Müller & <b>Söhne</b>"
LOOKUP = Problem(
    "lookup-not-coupled",
    "The salesperson 'JO' has no user on the other side.",
    "Couple the salesperson first; the record is then tried again by itself.",
)


class FakeReader:
    """Answers from lists that a test may change."""

    def __init__(self) -> None:
        self.mapping_list = mapping_statuses()
        self.written = dict(parse(standard_text()).written)
        self.job_list = job_list()
        self.run_list = [
            Run(RUN, RunKind.FULL, RunState.RUNNING, tuple(m.name for m in self.mapping_list), ("CUSTOMER",),
                requested_by="console", created=ago(95), started=ago(94)),
            Run("old", RunKind.FULL, RunState.DONE, ("CURRENCY",), requested_by="cli", created=ago(9000),
                started=ago(9000), finished=ago(8600)),
        ]  # fmt: skip
        self.failure_list = failure_list()
        self.side_list = [
            SideStatus(Side.BC, "https://api.businesscentral.dynamics.com/v2.0/production", True, "CRONUS", ago(1)),
            SideStatus(Side.SALES, "https://contoso.crm.dynamics.com", True, "", ago(1)),
        ]
        self.commands: dict[str, CommandStatus] = {}
        self.logged: dict[str, dict] = {}
        self.letters: dict[str, int] = {}
        self.alert_list: list[Alert] = []
        self.day = day()

    async def sides(self) -> Sequence[SideStatus]:
        return self.side_list

    async def mappings(self) -> Sequence[MappingStatus]:
        return self.mapping_list

    @property
    def mapping_names(self) -> Sequence[str]:
        return [mapping.name for mapping in self.mapping_list]

    def ways(self, mapping: str) -> Sequence[Direction]:
        return next((each.direction.one_ways for each in self.mapping_list if each.name == mapping), ())

    async def blank_count(self, mapping: str | None = None) -> int:
        return sum(each.blanks for each in self.mapping_list if mapping in (None, each.name))

    async def alerts(self, begun: datetime) -> Sequence[Alert]:
        return self.alert_list

    async def dead_letters(self) -> dict[str, int]:
        return self.letters

    async def definition(self, mapping: str) -> dict | None:
        return self.written.get(mapping) if mapping in self.mapping_names else None

    async def run(self, number: str) -> Run | None:
        return next((run for run in self.run_list if run.id == number), None)

    async def runs_of(self, numbers: Collection[str]) -> dict[str, Run]:
        return {run.id: run for run in self.run_list if run.id in numbers}

    async def runs(self, wanted: WantedRuns, limit: int, after: Spot | None = None) -> Page[Run]:
        found = [run for run in self.run_list if not wanted.kinds or run.kind in wanted.kinds]
        found = [run for run in found if not wanted.states or run.state in wanted.states]
        return page(found, 0, limit, after, lambda n: (n, ""))

    async def active_runs(self) -> Sequence[Run]:
        return [run for run in reversed(self.run_list) if not run.state.final]

    async def run_jobs(self, run: str) -> Sequence[Job]:
        return [job for job in self.job_list if job.run == run]

    async def dry_runs(self) -> dict[str, Job]:
        dry = {run.id for run in self.run_list if run.kind is RunKind.PREVIEW}
        return {job.mapping: job for job in sorted(self.job_list, key=lambda one: one.id) if job.run in dry}

    async def jobs(self, wanted: WantedJobs, offset: int, limit: int, after: Spot | None = None) -> Page[Job]:
        found = [job for job in reversed(self.job_list) if wanted.mapping in (None, job.mapping)]
        found = [job for job in found if wanted.state in (None, job.state) and (job.failed or not wanted.failures)]
        found = [job for job in found if wanted.run in (None, job.run)]
        return page(found, offset, limit, after)

    async def job(self, number: int) -> Job | None:
        return next((job for job in self.job_list if job.id == number), None)

    async def failures(self, wanted: Wanted, offset: int, limit: int, after: Spot | None = None) -> Page[Failure]:
        found = [each for each in self.failure_list if matches(each, wanted)]
        return page(found, offset, limit, after, lambda n: (0, n))

    async def blanks(self, mapping: str | None, offset: int, limit: int, after: Spot | None = None) -> Page[Blank]:
        reference = Reference("CONTACTS", Side.BC, "number", "CT1")
        return page([Blank("CUSTOMER", Direction.TO_SALES, "c-1", reference, None)], offset, limit, after)

    async def causes(self, wanted: Wanted, offset: int, limit: int) -> Causes:
        found = await self._causes(wanted)
        return Causes(page(found, offset, limit, None), sum(one.count for one in found))

    async def _causes(self, wanted: Wanted) -> list[FailureCause]:
        found = [
            FailureCause("c0ffee", "CUSTOMER", Direction.TO_SALES, LOOKUP, 12, ago(70), self.failure_list[:3]),
            FailureCause("deadbeef", "CONTACTS", Direction.TO_BC, STALE, 1, ago(40), self.failure_list[-1:]),
        ]
        chosen = [one for one in found if wanted.mapping in (None, one.mapping)]
        return [one for one in chosen if wanted.code in (None, one.problem.code)] if self.failure_list else []

    async def causes_page(self, wanted: Wanted, limit: int, after: Spot | None) -> Page[FailureCause]:
        return page(await self._causes(wanted), 0, limit, after, lambda n: (0, n, *[""] * 4))

    async def failure_codes(self) -> Sequence[str]:
        return sorted({each.problem.code for each in self.failure_list})

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
        kept = next((one.found for one in self.job_list if one.id == job), {})
        alike = [
            Found(
                "uncouple" if "uncouple" in kept else "duplicate",
                Direction.BOTH,
                f"b{n}",
                f"s{n}",
                f"{n} <Adatum>",
                "is ADATUM",
                {"partner": "ADATUM"},
                "CUSTOMER",
            )
            for n in range(60)
        ]
        new = [Found("insert", Direction.TO_SALES, "b99", "b99", "99 Lonely", "", {}, "CUSTOMER")]
        found = [one for one in new + alike if job == FORETOLD and kind in (None, one.kind)]
        found = [one for one in found if direction in (None, one.direction)]
        return page(found, offset, limit, after)

    async def run_findings(self, run: str, kind: str | None, limit: int, after: Spot | None) -> Page[Found]:
        return await self.findings(FORETOLD if run == "dry" else 0, kind, 0, limit, after)

    async def records(
        self, wanted: WantedRecords, offset: int, limit: int, after: Spot | None = None
    ) -> Page[EndedRecord]:
        """Only of one job, and of the day, only of one mapping."""
        lately = wanted.job is None
        found = [job_record(n, wanted.outcome or Outcome.MODIFIED) for n in range(60)]
        there = wanted.mapping in (None, "CUSTOMER") if lately else wanted.job == CARRYING
        return page(found if there else [], offset, limit, after, lambda n: (0, n) if lately else (n,))

    async def lately(self) -> Lately:
        return self.day

    async def couplings(
        self, mapping: str | None, text: str, offset: int, limit: int, after: Spot | None = None
    ) -> Page[Coupled]:
        rows = [
            Coupled(
                "CUSTOMER", f"5d115c9c-44e3-ea11-bb43-{n:012x}", f"91e2ab10-3c4d-4f10-9a1f-{n:012x}",
                f"Müller & Söhne {n}", ago(n), {} if n else {"number": "10000"},
            )
            for n in range(120)
        ]  # fmt: skip
        rows = [row for row in rows if text.lower() in f"{row.bc_id} {row.sales_id} {row.name}".lower()]
        return page([row for row in rows if mapping in (None, row.mapping)], offset, limit, after)

    async def command(self, number: str) -> CommandStatus | None:
        return self.commands.get(number)

    async def received(self, number: str) -> dict | None:
        return self.logged.get(number)


LETTERS = (
    DeadLetter(7, 1_790_000_000_000, "coupled.bc.customers", 1, 17, b"5d11", b"{not <json>", "it is not JSON", 11),
    DeadLetter(8, 1_790_000_001_000, "elsewhere.orders", 0, 3, None, None, "it is no change", 0),
)


class FakeLetters:
    """A topic with two letters, one of which has nowhere to go."""

    def __init__(self) -> None:
        self.chosen: list[int] = []

    async def newest(self, limit: int, before: int | None = None, topic: str = "") -> Sequence[Letter]:
        found = [one for one in reversed(LETTERS) if before is None or one.number < before]
        found = [one for one in found if one.topic.endswith(topic)]
        return [Letter(row_of(one), stuck(one, Topics("coupled"))) for one in found][:limit]

    async def put_back(self, numbers: Collection[int]) -> Sequence[PutBack]:
        self.chosen += sorted(numbers)
        done = [one for one in LETTERS if one.number in numbers]
        return [PutBack(one, Place(one.topic, 1, 99)) if one.number == 7 else PutBack(one, None, "no") for one in done]


def matches(each: Failure, wanted: Wanted) -> bool:
    given = {"mapping": each.mapping, "code": each.problem.code, "job": each.job_id}
    given["cause"] = "c0ffee" if each.problem == LOOKUP else "deadbeef"
    return all(getattr(wanted, name) in (None, value) for name, value in given.items())


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def page(items: list, offset: int, limit: int, after: Spot | None, place=lambda n: (n,)) -> Page:
    """`place` is that of the n-th item, in the form that the store's have."""
    first = next(n for n in range(1, len(items) + 1) if place(n) == after) if after else offset
    reached = first + limit
    return Page(items[first:reached], first, place(reached) if len(items) > reached else None, len(items))


@cache
def standard():
    return parse(standard_text()).all


def mapping_statuses() -> list[MappingStatus]:
    counts = {"CUSTOMER": (8_412, 12), "CONTACTS": (21_077, 1), "CURRENCY": (31, 0)}
    return [
        MappingStatus(
            m.name, m.direction, m.bc.name, m.sales.name, m.only_coupled, m.depends_on, m.live,
            ago(4000) if m.name == "RESOURCE-PRODUCT" else None, *counts.get(m.name, (240, 0)), 0,
            {way: 0.4 * n for n, way in enumerate(m.direction.one_ways)}, {},
            LastRun(4, JobState.FINISHED, ago(90), ago(30), 12) if m.name == "CUSTOMER" else None,
        )
        for m in standard()
    ]  # fmt: skip


FORETOLD, CARRYING = 90, 4


def job_record(n: int, outcome: Outcome) -> EndedRecord:
    ids = f"5d115c9c-44e3-ea11-bb43-{n:012x}", f"91e2ab10-3c4d-4f10-9a1f-{n:012x}"
    became = Direction.TO_SALES, Outcome(outcome), *ids, ["address1_city"], {"address1_city": NAME}, CARRYING
    return EndedRecord(ago(n), *became, id=n, mapping="CUSTOMER", name=NAME)


def day() -> Lately:
    """Some of each outcome, most of them a while ago."""
    slots = [Slot(half_hour(ago(3600 * hours)), number) for hours, number in ((20, 12), (3, 2_400), (0, 250))]
    outcomes = {outcome: len(outcome) * 41 for outcome in Outcome if outcome is not Outcome.DELETED}
    return Lately(ago(86_400), 50, outcomes, slots, 3)


def foretold() -> Job:
    """A finished job of a dry run."""
    found = {"to_sales.insert": 1, "duplicate": 60, "uncoupled_bc": 61}
    state, both = JobState.FINISHED, Direction.BOTH
    return Job(FORETOLD, "dry", "CUSTOMER", both, state, ago(9), ago(8), total=400, read=200, found=found)


def job_list() -> list[Job]:
    waiting = [("CONTACTS", Direction.TO_BC), ("RESOURCE-PRODUCT", Direction.TO_SALES)]
    return [
        Job(1, "old", "CURRENCY", Direction.TO_SALES, JobState.FAILED, ago(9000), ago(8990), message="Sales is down."),
        Job(2, RUN, "CURRENCY", Direction.TO_SALES, JobState.FINISHED, ago(94), ago(93), 31, 31, True,
            counters={Outcome.COUPLED: 4, Outcome.INSERTED: 27}),
        Job(3, RUN, "SALESPEOPLE", Direction.TO_BC, JobState.FINISHED, ago(93), ago(90), 64, 64, True,
            counters={Outcome.INSERTED: 60, Outcome.UNCHANGED: 4}),
        Job(4, RUN, "CUSTOMER", Direction.TO_SALES, JobState.FINISHED, ago(90), ago(30), 8_424, 8_424, True,
            counters={Outcome.INSERTED: 8_300, Outcome.MODIFIED: 112, Outcome.FAILED: 11, Outcome.CONFLICT: 1}),
        Job(5, RUN, "CUSTOMER", Direction.TO_BC, JobState.RUNNING, ago(30), None, 2_500, 8_412, False,
            counters={Outcome.UNCHANGED: 2_400, Outcome.MODIFIED: 17}),
        *(Job(6 + n, RUN, name, way) for n, (name, way) in enumerate(waiting)),
    ]  # fmt: skip


def failure_list() -> list[Failure]:
    key = "5d115c9c-44e3-ea11-bb43-000d3a0a5d{:02x}"
    lookups = [
        Failure(n, "CUSTOMER", Direction.TO_SALES, key.format(n), key.format(n), None, Outcome.FAILED, LOOKUP, 2, 4,
                ago(90), ago(70 + n), None, *(("waiting", ago(-60)) if n == 0 else ()), name=NAME if n else "")
        for n in range(12)
    ]  # fmt: skip
    gone = Failure(99, "CONTACTS", Direction.TO_BC, "s", key.format(255), "91e2ab10-3c4d-4f10-9a1f-000000000001",
                   Outcome.CONFLICT, STALE, 1, 6, ago(40), ago(40), None, name=NAME)  # fmt: skip
    return [gone, *lookups]


def clashing() -> Facts:
    """The city was changed on both sides, the telephone in Sales; noticed a minute ago."""
    mapped = next(one for one in standard() if one.name == "CUSTOMER")
    text = {"displayName": "Müller & <b>Söhne</b>", "city": "Ulm", "phoneNumber": "+49 1"}
    bc = {"@odata.etag": "1", "id": BC_ID, "number": "10000", **text, "lastModifiedDateTime": "2026-01-01T12:00:00Z"}
    held = {"name": text["displayName"], "address1_city": "Ulm", "telephone1": "+49 1"}
    sales = {"@odata.etag": 'W/"1"', "accountid": SALES_ID, **held, "statecode": 0, "customertypecode": 3}
    agreed = Coupling("CUSTOMER", rows.half(mapped, Side.BC, bc), rows.half(mapped, Side.SALES, sales))
    edited_sales = {**sales, "@odata.etag": 'W/"2"', "address1_city": "Köln", "telephone1": "+49 2"}
    edited = {**bc, "@odata.etag": "2", "city": "Bonn", "blocked": ""}, edited_sales
    told = Problem("update-conflict", "customers and accounts were both changed.", "`coupled retry --use bc`.")
    failure = Trouble(Direction.TO_SALES, "conflict", told, 1, ago(90), ago(60), job=4)
    mended = Trouble(Direction.TO_BC, "resolved", LOOKUP, 3, ago(900), ago(800), resolved_at=ago(700))
    seen, ids = dict(zip(Side, edited, strict=True)), {Side.BC: BC_ID, Side.SALES: SALES_ID}
    facts = Facts(mapped, Flags(only_coupled=True, paused=False), seen, ids, agreed, failures=(failure, mended))
    lost = Event(
        ago(4_000), Direction.TO_SALES, Outcome.MODIFIED, *ids.values(), ("address1_city",), {"address1_city": NAME}
    )
    made = Event(ago(90_000), Direction.TO_SALES, Outcome.INSERTED, *ids.values(), job=4)
    return replace(facts, coupled_at=ago(90_000), synchronised_at=ago(4_000), history=(lost, made))


def alone() -> Facts:
    mapped = next(one for one in standard() if one.name == "ITEM-PRODUCT")
    item = {"@odata.etag": "1", "id": BC_ID, "number": "1000", "displayName": "Bicycle", "lastModifiedDateTime": ""}
    return Facts(mapped, Flags(only_coupled=True, paused=True), {Side.BC: item}, {Side.BC: BC_ID}, paused_at=ago(60))


class World:
    """One web under test."""

    def __init__(self, **changes: object) -> None:
        self.reader = FakeReader()
        self.submitted: list[Command] = []
        self.explained: list[tuple[str, str]] = []
        self.unready: list[str] = []
        self.stalled: list[str] = []
        self.metrics = Metrics()
        change = Change(Op.UPDATE, Side.BC, "customers", "1", {}, "v", 1, 1, 1)
        self.metrics.record([Settled(change, "CUSTOMER", o) for o in Outcome for _ in range(len(o) * 41)], 900)
        self.services = replace(
            Services(
                self.reader, self.metrics, self.submit, self.ready, ago(4321), lambda: self.stalled,
                {"Kafka": "embedded", "Store": "sqlite:///coupled.db", "Mappings": "standard"}, version="0.1.0",
                explain=self.explain,
                letters=FakeLetters(), check=self.check,
            ),
            **changes,
        )  # fmt: skip
        self.app = create_app(self.services)

    async def explain(self, mapping: str, record: str) -> Explanation:
        """A customer that both sides have changed, and an item without a partner."""
        self.explained.append((mapping, record))
        if record == "away":
            raise Unreachable("no-answer", "A side did not answer: Sales gave no answer.", "Try again.")
        if mapping not in ("CUSTOMER", "ITEM-PRODUCT") or record == "unknown":
            raise Refused("record-unknown", f"Neither side has a record {record!r} of {mapping}.", "Name it by its id.")
        return explain(clashing() if mapping == "CUSTOMER" else alone())

    async def submit(self, command: Command) -> None:
        self.submitted.append(command)

    async def check(self) -> Sequence[Checked]:
        return await self.checking()

    async def checking(self) -> Sequence[Checked]:
        """For a test to say what is found."""
        return [
            fine("Business Central", "connection", "CRONUS is there."),
            warning("Kafka", "encryption", "Records go to Kafka in the clear.", "Set kafka.security_protocol."),
            wrong("Sales", "privileges", "contacts cannot be written.", "Give the user the role."),
        ]

    async def ready(self) -> Sequence[str]:
        return self.unready

    def browser(self, **options: object) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8086", **options)


@pytest.fixture
def world() -> World:
    return World()


TOKEN = "for-programs-and-for-nobody-else-0"


@pytest.fixture
def guarded() -> World:
    return World(access=Access("0.0.0.0", lambda: "let-me-in", lambda: TOKEN))


@pytest.fixture
async def browser(world):
    async with world.browser() as client:
        yield client


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Of a daemon with its store beside it."""
    path = tmp_path_factory.mktemp("here") / "coupled.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def by_url(served, monkeypatch):
    """The command line asks the module's `served` by its address."""
    for module in ("remote", "http"):
        monkeypatch.setattr(f"daemon.cli.{module}.Api", partial(Api, transport=Bridge(served)))
    return ["--url", URL]
