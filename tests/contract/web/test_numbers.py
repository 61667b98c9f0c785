"""Every number on the console's pages leads to just what it counts, or says that nobody keeps a list of it.

One real store with something of everything; every page is read, and every number on it followed.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urldefrag, urljoin

import httpx
import pytest

from daemon.store.engine import Store, open_store
from daemon.store.tidying import tidy
from daemon.web.from_store import StoreReader
from schemas.alert_causes import Kind as AlertKind
from schemas.alert_causes import Sight
from schemas.alerts import Watch, look
from schemas.coupling import Reference
from schemas.errors import Problem
from schemas.holding import Alert, Looked, besides, holding
from schemas.job import JobState, Run, RunKind, RunState
from schemas.mapping_file import parse, standard_text
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side
from schemas.survey import Finding, Kind
from tests.support.numbers import Shown, Told

from .conftest import World
from .grown import BEGIN, Grown, clashing, ended, pair
from .test_console import token

RUNNING, OVER, DRY = "going-on", "over", "dry"
# Numbers that count nothing, or what stands right there: by where they are, and why.
EXCEPTIONS = {
    "Job": "names a job",
    "h1": "names a job",
    "h2": "names a job",
    "Letter": "names a letter",
    "From": "where a letter was: its partition and offset",
    "Bytes": "the size of a letter",
    "Percent": "how far a job is",
    "per s": "how fast a job is",
    "nav.pager": "which part of this very list is shown",
    "p.total": "how many this very list has",
    "Business Central": "the value of a field",
    "Sales": "the value of a field",
    "Last agreed": "the value of a field",
    "p.says": "tells values of a field",
    "p.name": "what a record is called",
    "figcaption": "how much the tallest bar of a picture is",
}
# What the numbers say of which there is no list: sums of those beside them, how far or how fast a job is, how often
# one record was tried.
UNLISTED = {
    "Changes that have ended in the last 24 hours, however: the numbers of each way lead to them",
    "Changes a minute over the last five minutes",
    "Records of this job that have ended, however: the numbers of each way lead to them",
    "Records that this job is about, as far as is known",
    "How far the job is: the numbers of how records ended lead to them",
    "New records in Sales: the sum of the lines above",
    "New records in Business Central: the sum of the lines above",
    "Records that look like duplicates: the sum of the lines above",
    "How often it was tried: counted, not kept one by one",
}
# The alerts that the overview tells in other words.
TOLD = {f"Coupled{name}" for name in ("FailuresGrowing", "Conflicts", "DeadLetters", "AnswerDue", "PausedLong")}
_WAYS = [("CUSTOMER", Direction.TO_SALES), ("CUSTOMER", Direction.TO_BC)]
_NAMES_A_JOB = re.compile(r"job \d+")
# One pair stands for all.
_PAIR = "/couplings/CUSTOMER/"


@pytest.fixture
async def store(tmp_path) -> AsyncIterator[Store]:
    async with await open_store(f"sqlite:///{tmp_path}/coupled.db") as opened:
        await _filled(Grown(opened))
        yield opened


@pytest.fixture
async def browser(store) -> AsyncIterator[httpx.AsyncClient]:
    world = World(reader=StoreReader(store, parse(standard_text()), World().reader.sides))
    async with world.browser() as client:
        await client.post("/set-up", data={"token": await token(client)})
        yield client


async def _filled(grown: Grown) -> None:
    """More of everything than a page has, and of what is easily counted wrong: conflicts, and two blanks in one."""
    await grown.settled(*(ended(f"pair-{n}", coupling=pair(f"pair-{n}")) for n in range(60)))
    await grown.settled(*(_failed(f"same-{n}", "same") for n in range(55)))
    await grown.settled(*(_failed(f"own-{n}", f"code-{n}") for n in range(52)))
    for side in (Side.SALES, Side.BC, Side.SALES):  # one conflict
        await grown.settled(clashing("clash", side, 1))
    await grown.settled(_owing("owes-two", "CT1", "CT2"), _owing("owes-one", "CT1"))
    await _run(grown, Run(OVER, RunKind.FULL, RunState.DONE, ("CUSTOMER",)), ["ended-a", "ended-b"])
    await _run(grown, Run(RUNNING, RunKind.FULL, RunState.RUNNING, ("CUSTOMER",)), ["going-a", "going-b", "going-c"])
    await _dry_run(grown)
    await _uncoupling(grown)
    await grown.store.looks.keep(Looked(datetime.now(UTC) + timedelta(hours=1), _alerts()))


def _alerts() -> list[Alert]:
    """All that can be told, with all numbers of ours; what a side answers, which a reason quotes, counts nothing."""
    sight = Sight(
        *(BEGIN.timestamp(), True, {(name, way.value): 86_400.0 for name, way in _WAYS}),
        waited={"bc": 0.9},
        refused={"sales": 0.12},
        slow=0.4,
        runs={RUNNING: 1},
        position_age={("bc", "items"): 3600.0, ("sales", "accounts"): 3600.0},
        webhooks={"items": "silent", "customers": "missing"},
        reasons={"coupled.bc.items": "It does not answer."},
    )
    watch = Watch()
    for seconds in (0, 7200, 9000):
        watch = look(watch, replace(sight, now=sight.now + seconds))
    found = holding(watch, sight.now + 9000)
    assert {one.alert for one in besides(found, [])} == {kind.value for kind in AlertKind} - TOLD
    return found


def _failed(key: str, code: str) -> Settled:
    return ended(key, problem=Problem(code, f"It is {code}.", "Mend it."))


def _owing(key: str, *numbers: str) -> Settled:
    owed = [Reference("CONTACTS", Side.BC, "number", one) for one in numbers]
    return ended(key, coupling=pair(key), owed=owed)


async def _run(grown: Grown, run: Run, failing: list[str]) -> None:
    """Its first job: some records failed, others are coupled now, new or modified, and some were left as they are."""
    jobs = grown.store.jobs
    await jobs.create_run(replace(run, created=grown.now, started=grown.now), _WAYS)
    job, _ = await jobs.jobs_of(run.id)
    await jobs.start_job(job.id, grown.now, 500)
    made = [ended(f"{run.id}-{n}", coupling=pair(f"{run.id}-{n}")) for n in range(4)]
    made += [
        replace(ended(f"{run.id}-new-{n}", coupling=pair(f"{run.id}-new-{n}")), outcome=Outcome.INSERTED)
        for n in range(52)
    ]
    made.append(replace(made[0], outcome=Outcome.MODIFIED, wrote=("name",), overruled={"name": "Former"}))
    same = [replace(_failed(f"{run.id}-as-it-was-{n}", ""), outcome=Outcome.UNCHANGED, problem=None) for n in range(6)]
    wrong = [_failed(key, "wrong") for key in failing]
    await grown.settled(*(replace(one, change=replace(one.change, job=job.id)) for one in made + same + wrong))
    if run.state.final:
        await jobs.finish_job(job.id, JobState.FINISHED, grown.now)
        await jobs.set_run(run.id, run.state, finished=grown.now)


async def _dry_run(grown: Grown) -> None:
    """Found in both directions what has the same kind, and what is only counted."""
    jobs, findings = grown.store.jobs, grown.store.findings
    await jobs.create_run(
        Run(DRY, RunKind.PREVIEW, RunState.DONE, ("CUSTOMER",), created=grown.now), [("CUSTOMER", Direction.BOTH)]
    )
    (job,) = await jobs.jobs_of(DRY)
    found = {(Kind.INSERT, Direction.TO_SALES): 52, (Kind.INSERT, Direction.TO_BC): 3}
    found |= {(Kind.DUPLICATE, Direction.BOTH): 2}
    for (kind, way), number in found.items():
        await findings.add(job.id, "CUSTOMER", [Finding(kind, way, f"b{n}", f"s{n}", "Lonely") for n in range(number)])
    plain = {(Kind.UNCHANGED, Direction.TO_SALES): 9, (Kind.UNCOUPLED_BC, Direction.TO_SALES): 60}
    for (kind, way), number in plain.items():
        for n in range(number):
            await findings.add(job.id, "CUSTOMER", [Finding(kind, way, f"b{n}", f"s{n}", "Lonely")])
    counts = {"to_sales.insert": 52, "to_bc.insert": 3, "to_sales.unchanged": 9, "duplicate": 2, "uncoupled_bc": 60}
    await findings.seal(job.id, counts)
    await jobs.finish_job(job.id, JobState.FINISHED, grown.now)


async def _uncoupling(grown: Grown) -> None:
    jobs, findings, keys = grown.store.jobs, grown.store.findings, [f"pair-{n}" for n in range(3)]
    run = Run("ended", RunKind.UNCOUPLE, RunState.DONE, ("CUSTOMER",), created=grown.now)
    await jobs.create_run(run, [("CUSTOMER", Direction.BOTH)])
    (job,) = await jobs.jobs_of(run.id)
    listed = [Finding(Kind.UNCOUPLE, Direction.BOTH, key, f"s-{key}", "Lonely") for key in keys]
    await findings.add(job.id, "CUSTOMER", listed)
    changes = [replace(ended(key).change, job=job.id) for key in keys]
    await grown.settled(*(Settled(one, "CUSTOMER", Outcome.UNCOUPLED, uncouple=True) for one in changes))
    await findings.seal(job.id, {"uncouple": len(keys)})
    await jobs.finish_job(job.id, JobState.FINISHED, grown.now)


class Walk:
    """Reads pages, and remembers what it has read."""

    def __init__(self, browser: httpx.AsyncClient) -> None:
        self._browser = browser
        self._pages: dict[str, Shown] = {}

    async def page(self, path: str) -> Shown:
        if path not in self._pages:
            answer = await self._browser.get(path)
            assert answer.status_code == 200, path
            self._pages[path] = Shown(answer.text)
        return self._pages[path]

    async def all(self) -> dict[str, Shown]:
        """Every page that can be come to, but only the first of a list, and of the pairs one."""
        waiting, seen = ["/"], dict[str, Shown]()
        while waiting:
            path = waiting.pop()
            if path in seen:
                continue
            seen[path] = await self.page(path)
            paths = {_path(path, href) for href, _ in seen[path].links}
            pairs = sorted(one for one in paths if one.startswith(_PAIR))
            beaten = any(one.startswith(_PAIR) for one in [*seen, *waiting])
            waiting += sorted(one for one in paths if _is_page(one) and not one.startswith(_PAIR))
            waiting += [] if beaten else pairs[:1]
        return seen

    async def entries(self, path: str, causes: bool) -> int:
        """How many a list has, page by page; a list by cause has the records of its causes, unless these are meant."""
        count, told = 0, set[int]()
        following: str | None = path
        while following:
            page = await self.page(following)
            for table in page.tables:
                by_cause = table.columns[0] == "Records" and not causes
                count += sum(int(row[0].split()[0]) for row in table.rows) if by_cause else len(table.rows)
            told |= {one.number for one in page.numbers if one.place == "nav.pager" and " of " in one.text}
            following = next((_path(path, href) for href, text in page.links if text.startswith("Next")), None)
        return count

    async def shown_total(self, path: str, causes: bool) -> int | None:
        """How many the first page says that there are."""
        totals = " ".join((await self.page(path)).totals)
        wanted = r"for (\d+) cause" if causes else r"^(\d+) record|of (\d+)"
        found = re.search(wanted, totals)
        return next(int(one) for one in found.groups() if one) if found else None


def _path(here: str, href: str) -> str:
    return urldefrag(urljoin(here, href)).url


def _is_page(path: str) -> bool:
    return not path.startswith(("/api", "/metrics", "/readyz", "/static")) and "offset=" not in path


def _excepted(told: Told) -> bool:
    return told.place in EXCEPTIONS or bool(told.href and _NAMES_A_JOB.fullmatch(told.text))


async def test_every_number_leads_to_just_what_it_counts(browser):
    walk, followed, wrong, unlisted = Walk(browser), 0, [], set[str]()
    for path, page in (await walk.all()).items():
        for told in page.numbers:
            if _excepted(told):
                continue
            if told.href is None:
                wrong += [] if told.title else [f"{path}: {told} leads nowhere, and does not say what it counts"]
                unlisted |= {told.title or ""} if told.number else set()
                continue
            target, causes = _path(path, told.href), "cause" in told.text
            listed, said = await walk.entries(target, causes), await walk.shown_total(target, causes)
            followed += 1
            if listed != told.number or said not in (None, told.number):
                wrong.append(f"{path}: {told} leads to {target}, which lists {listed} and tells {said}")
    assert not wrong, "\n".join(wrong)
    assert followed > 100
    assert unlisted == UNLISTED


async def test_every_page_was_read(browser):
    """And every exception was needed: what is excepted for nothing hides what it was not meant for."""
    pages = await Walk(browser).all()
    paths = {re.sub(r"\d+", "1", urldefrag(path).url.partition("?")[0]) for path in pages}
    expected = {"/", "/full-sync", "/mappings", "/jobs", "/jobs/1", "/jobs/1/findings", "/errors", "/blanks"}
    assert expected | {"/jobs/1/records", "/couplings", "/dead-letters", "/set-up"} <= paths
    assert {f"/mappings/{name}" for name in parse(standard_text()).by_name} <= paths
    assert any(path.startswith(_PAIR) for path in pages)
    places = {told.place for page in pages.values() for told in page.numbers}
    assert set(EXCEPTIONS) - places == set()


async def test_a_job_says_why_it_lists_fewer_than_failed_in_it(store, browser):
    """A record that fails again is listed where it failed last."""
    path = "/jobs/1"
    assert not [one for one in (await Walk(browser).page(path)).totals if "of this job" in one]
    await Grown(store).settled(_failed("ended-a", "otherwise"))
    page = await Walk(browser).page(path)
    assert any(one.startswith("1 of this job is listed, and 2 failed in it") for one in page.totals)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/jobs/1/records?outcome=coupled", "0 of the 4 records that ended as “coupled” are listed: "),
        ("/jobs/1/records", "0 of the 57 records that this job changed are listed: "),
    ],
)
async def test_a_job_says_why_it_lists_fewer_than_it_counted(store, browser, path, said):
    """What became of its records is kept for a time, and the job for longer where a record fails."""
    assert not [one for one in (await Walk(browser).page(path)).totals if "listed" in one]
    await tidy(store.database, Grown(store).now + timedelta(days=9000))
    assert any(one.startswith(said) for one in (await Walk(browser).page(path)).totals)
