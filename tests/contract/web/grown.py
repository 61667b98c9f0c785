"""A real store with some rows of everything, and the web over it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from consumers.ports import Applied
from daemon.store.engine import Store, open_store
from daemon.web.from_store import StoreReader
from schemas.change import Change, Op
from schemas.command import Sync
from schemas.coupling import Coupling, Half, Reference
from schemas.errors import Problem
from schemas.holding import Alert, Looked
from schemas.job import Run, RunKind, RunState
from schemas.mapping_file import parse, standard_text
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side
from schemas.survey import Finding, Kind

from .conftest import World

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)


LATE = Alert(
    *("CoupledFallingBehind:CUSTOMER to_sales", "CoupledFallingBehind", "warning", "CUSTOMER to_sales"),
    *("CUSTOMER to_sales is 1,234 minutes behind", "/readyz says why", BEGIN),
)


class Grown:
    """A store in which everything comes in numbered pieces."""

    def __init__(self, store) -> None:
        self.store = store
        self.now = BEGIN

    async def settled(self, *items: Settled) -> None:
        self.now += timedelta(seconds=1)
        await self.store.memory.record(items, Applied("coupled.bc.customers", "log"))

    async def coupling(self, n: int) -> None:
        await self.settled(ended(f"b{n}", coupling=pair(f"b{n}")))

    async def failure(self, n: int) -> None:
        await self.settled(failed(f"f{n}", "same"), failed(f"g{n}", "same"))

    async def cause(self, n: int) -> None:
        """Of five causes each is the most numerous in its turn."""
        await self.settled(*(failed(f"c{n}-{m}", f"code-{n % 5}") for m in range(1 + n)))

    async def clash(self, n: int) -> None:
        """The same of conflicts: each is told by one side, and by the other with the next ones."""
        now = [clashing(f"k{n}-{m}", (Side.BC, Side.SALES)[m % 2], n % 5) for m in range(1 + n)]
        before = [clashing(f"k{n - 1}-{m}", (Side.SALES, Side.BC)[m % 2], (n - 1) % 5) for m in range(n)]
        await self.settled(*now, *before)

    async def blank(self, n: int) -> None:
        owes = [Reference("CONTACTS", Side.BC, "number", f"C{n}")]
        await self.settled(ended(f"o{n}", coupling=pair(f"o{n}"), owed=owes))

    async def run(self, n: int) -> None:
        """Two begin in the same moment."""
        self.now += timedelta(seconds=n % 2)
        run = Run(f"r{n}", RunKind.MODIFIED, RunState.RUNNING, ("CUSTOMER",), created=self.now)
        await self.store.jobs.create_run(run, [("CUSTOMER", one) for one in (Direction.TO_SALES, Direction.TO_BC)])

    async def finding(self, n: int) -> None:
        await self.run(1000)
        (job, *_) = await self.store.jobs.jobs_of("r1000")
        found = Finding(Kind.MATCHED, Direction.BOTH, f"b{n}", f"s{n}", f"{n}", {"partner": "P"})
        await self.store.findings.add(job.id, "CUSTOMER", [found])

    async def equal(self, n: int) -> None:
        """Some at once, as they are packed."""
        await self.run(1000)
        (job, *_) = await self.store.jobs.jobs_of("r1000")
        found = [Finding(Kind.EQUAL, Direction.BOTH, f"e{n}-{m}", f"s{n}-{m}", f"{n}") for m in range(2)]
        await self.store.findings.add(job.id, "CUSTOMER", found)

    async def carried(self, n: int) -> None:
        """By a job."""
        await self._by_a_job(ended(f"h{n}", coupling=pair(f"h{n}")))

    async def unchanged(self, n: int) -> None:
        """The same of some at once."""
        await self._by_a_job(*(replace(ended(f"u{n}-{m}"), outcome=Outcome.UNCHANGED) for m in range(3)))

    async def _by_a_job(self, *items: Settled) -> None:
        await self.run(1000)
        (job, *_) = await self.store.jobs.jobs_of("r1000")
        await self.settled(*(replace(one, change=replace(one.change, job=job.id)) for one in items))


def pair(key: str) -> Coupling:
    return Coupling("CUSTOMER", Half(key, base={"displayName": key}), Half(f"s-{key}", base={"name": key}))


def ended(key: str, coupling: Coupling | None = None, owed=(), problem: Problem | None = None) -> Settled:
    change = Change(Op.UPDATE, Side.BC, "customers", key, {}, "v", 1, 1, 1)
    outcome = Outcome.COUPLED if coupling else Outcome.FAILED
    partner = coupling and coupling.sales.id
    return Settled(change, "CUSTOMER", outcome, coupling=coupling, partner=partner, problem=problem, owed=tuple(owed))


def failed(key: str, code: str) -> Settled:
    return ended(key, problem=Problem(code, f"{code}.", "Mend it."))


def clashing(key: str, side: Side, field: int) -> Settled:
    """A conflict, as that side's change tells it."""
    ids = {Side.BC: key, Side.SALES: f"s-{key}"}
    change = Change(Op.UPDATE, side, {Side.BC: "customers", Side.SALES: "accounts"}[side], ids[side], {}, "v", 1, 1, 1)
    told = Problem("update-conflict", f"Both were changed, {side.value} says.", "Choose.")
    end = Settled(change, "CUSTOMER", Outcome.CONFLICT, partner=ids[side.other], problem=told)
    return replace(end, clashing=(f"field {field}",))


class Served:
    """The web over it on a loop of its own, for callers that are not asynchronous."""

    def __init__(self, url: str, **services: object) -> None:
        self.loop = asyncio.Runner()
        self.store = self.loop.run(self._filled(url))
        reader = StoreReader(self.store, parse(standard_text()), World().reader.sides)
        self.world = World(reader=reader, **services)
        self.client = self.world.browser()

    async def _filled(self, url: str) -> Store:
        grown = Grown(await open_store(url))
        for n in range(3):
            for add in (
                Grown.coupling,
                Grown.failure,
                Grown.cause,
                Grown.blank,
                Grown.run,
                Grown.finding,
                Grown.equal,
                Grown.carried,
                Grown.unchanged,
            ):
                await add(grown, n)
        command = Sync(id="c-1", command="sync").model_dump(mode="json")
        await grown.store.commands.receive("c-1", command, RunState.DONE)
        # Of a time to come, so that it is believed however long the tests take.
        later = datetime.now(UTC) + timedelta(hours=1)
        await grown.store.looks.keep(Looked(later, [LATE]))
        return grown.store

    def get(self, path: str, **given: Any) -> Any:
        return self.loop.run(self.client.get(path, **given)).json()

    def ask(self, method: str, url: str, headers: dict[str, str], content: bytes | None) -> httpx.Response:
        return self.loop.run(self.client.request(method, url, headers=headers, content=content))

    def close(self) -> None:
        self.loop.run(self.client.aclose())
        self.loop.run(self.store.close())
        self.loop.close()
