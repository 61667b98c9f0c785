"""Everything of the daemon but Kafka's wire, in one process and in simulated time: where behaviour is tested.

Real simulators, sessions, capture, sweeps, rules, commands, runs and store, wired by `daemon.wiring` as the daemon
wires them; the log is in memory. Nothing runs beside a test: work is done inside the calls, to its end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Self

import httpx
import orjson

from consumers.synchronise import Message
from daemon.governor import Hooks, Time
from daemon.oauth import Credentials
from daemon.sandbox import business_central, dataverse
from daemon.sandbox.business_central import BcSettings
from daemon.sessions import SideSettings, session
from daemon.sides import Sides
from daemon.store.engine import Store, open_store
from daemon.store.views import Failure
from daemon.wiring import Clock as Wired
from daemon.wiring import Parts
from producers.capture import Capture
from producers.runner import Pace
from producers.watermark import Overlap
from schemas import command_outcome
from schemas.command_outcome import CommandOutcome, job_dict
from schemas.errors import CoupledError
from schemas.job import Keep
from schemas.mapping import Mappings
from schemas.outcome import Outcome, Settled
from schemas.side import Side as Name
from schemas.topics import Topics
from tests.support import unused_stores
from tests.support.in_process import Clock, Daemons, Strangers, Systems, Traffic, quick_engines, without_threads
from tests.support.memory_log import MemoryLog
from tests.support.simulators import BC_AUDIENCE, CLIENT, COMPANY, PERSON, SECRET, TENANT, Side, with_person
from tests.support.stage_mappings import Changes, standard

HOST = "http://localhost"
ROOTS = {Name.BC: f"{HOST}/v2.0/{BcSettings().environment}", Name.SALES: HOST}
SCOPES = {Name.BC: BC_AUDIENCE, Name.SALES: HOST}
# How often a batch that cannot be done is tried again, and a stage that is never quiet is asked, before it is an error.
_TRIES, _ROUNDS = 5, 50
# Who is told of changes by webhook: somebody who says yes to it, and does nothing.
_NOBODY = httpx.MockTransport(lambda asked: httpx.Response(200, text=asked.url.params.get("validationToken", "")))
Seeds = Mapping[str, Sequence[Mapping[str, Any]]]
# By mapping and direction: the job's counters that are not 0.
Jobs = dict[tuple[str, str], dict[str, int]]


class Killed(BaseException):
    """The process ends here: nothing of ours catches it."""


class Stage:
    """Two systems and a daemon between them. Records are made and looked at through `bc` and `sales`.

    With another stage `beside` it, both work on that one's Sales.

    `meanwhile` is awaited whenever a job has published a page; raising `Killed` there ends the process in mid-run.
    """

    def __init__(
        self,
        folder: Path,
        bc: Seeds,
        sales: Seeds,
        mappings: Mappings | None = None,
        systems: Systems | None = None,
        wire: httpx.AsyncBaseTransport = _NOBODY,
        beside: Stage | None = None,
    ) -> None:
        self.clock = beside.clock if beside else Clock()
        systems = with_person(systems or Systems())
        apps = {
            Name.BC: business_central.create_app(systems.bc, bc, self.clock.now, wire=wire),
            Name.SALES: beside.apps[Name.SALES]
            if beside
            else dataverse.create_app(systems.sales, sales, self.clock.now),
        }
        self.apps = apps
        # Business Central sends what notifications are due by now.
        self.tell: Callable[[], Awaitable[None]] = apps[Name.BC].state.webhooks.deliver
        # All that became of changes, in order, also of those tried again.
        self.settled: list[Settled] = []
        self._traffic = {side: Traffic() for side in Name}
        self.lines = {side: Daemons(app, self.clock, self._traffic[side]) for side, app in apps.items()}
        strangers = {side: Strangers(app, self.clock, self._traffic[side]) for side, app in apps.items()}
        company, api = f"{ROOTS[Name.BC]}/api/v2.0/companies({COMPANY})/", f"{HOST}/api/data/v9.2/"
        self.bc = Side("bc", HOST, company, BC_AUDIENCE, strangers[Name.BC], PERSON)
        self.sales = Side("sales", HOST, api, HOST, strangers[Name.SALES], PERSON)
        custom = f"{ROOTS[Name.BC]}/api/coupled/sync/v1.0/companies({COMPANY})"
        # The custom API pages.
        self.resources, self.customers = f"{custom}/resources", f"{custom}/coupledCustomers"
        self.topics = Topics("stage")
        self.log = MemoryLog(self.topics)
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self._mappings = mappings or standard()
        self._url = f"sqlite:///{folder / 'stage.db'}?check_same_thread=false"
        self._shortcuts = ExitStack()
        self._ids = count(1)
        self._logs = count(1)
        self._log_id = f"log-{next(self._logs)}"

    async def __aenter__(self) -> Self:
        for shortcut in (without_threads(), quick_engines()):
            self._shortcuts.enter_context(shortcut)
        await unused_stores.make(self._url)
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()
        self._shortcuts.close()

    async def _start(self) -> None:
        self._clients = {side: self._session(side) for side in Name}
        self.store: Store = await open_store(self._url, now=self.clock.now)
        wired = Wired(self.clock.now, self.clock.sleep)
        sides = Sides(self._clients, COMPANY, self._mappings, Overlap(600, self.clock.monotonic), wired.now_ms)
        captured = self._mappings.captured()
        followed = self._mappings.followed()
        log_ids = dict.fromkeys((self.topics.table(side, table) for side, table in followed), self._log_id)
        self.parts = parts = Parts(self._mappings, self.store, sides, self.log, self.topics, log_ids, wired)
        self.captures: list[tuple[Name, str, Capture]] = [
            (side, table, parts.capture(side, table)) for side, table in captured
        ]
        self._retry = parts.retry()
        self._runner = parts.runner(Pace(lambda: True, self._pause, self._wait))
        self._control = parts.control(lambda: None)
        self._synchronise = parts.synchronise(self.settled.extend)
        await parts.recover(self._control)

    def _session(self, side: Name) -> httpx.AsyncClient:
        credentials = Credentials(f"{HOST}/{TENANT}/oauth2/v2.0/token", CLIENT, SECRET, f"{SCOPES[side]}/.default")
        time = Time(self.clock.monotonic, self.clock.timestamp, self.clock.sleep, lambda: 0.5)
        settings = SideSettings(ROOTS[side], credentials)
        return session(side, settings, transport=self.lines[side], hooks=Hooks(), clocks=time)

    async def _stop(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        await self.store.close()

    async def restart(self, *, new_log: bool = False) -> None:
        """The process ends and another starts on the same store; with `new_log`, all that Kafka held is gone."""
        await self._stop()
        if new_log:
            self.log = MemoryLog(self.topics)
            self._log_id = f"log-{next(self._logs)}"
        await self._start()

    async def configure(self, mappings: Mappings | None = None, **changed: Changes) -> None:
        """Restarts with other mappings: those given, or the standard ones with changes, as in `stage_mappings`."""
        self._mappings = mappings or standard(**changed)
        await self.restart()

    async def full_sync(self, *names: str, answer: Keep | str | None = Keep.RESTORE) -> Jobs:
        """A full synchronisation of these mappings (none: of all), to its end or until its answer is due."""
        given = {"answer": answer} if answer else {}
        return await self._run("full-sync", names, **given)

    async def sync(self, *names: str) -> Jobs:
        """What was modified since last time."""
        return await self._run("sync", names)

    async def _run(self, command: str, names: Sequence[str], **fields: Any) -> Jobs:
        told = await self.command(command, **({"mappings": list(names)} if names else {}), **fields)
        assert told.error is None, told.error
        return jobs(told)

    async def command(self, name: str, **fields: Any) -> CommandOutcome:
        """One command, and all the work it asks for; the last that is said of it."""
        number = fields.pop("id", None) or f"command-{next(self._ids)}"
        await self.send(orjson.dumps({"id": number, "command": name, **fields}))
        return self.outcomes(number)[-1]

    async def send(self, value: bytes | None) -> None:
        """Any message on the control topic, and all the work it asks for."""
        self.log.put(self.topics.control, None, value)
        await self.work()

    async def work(self) -> None:
        """Delivers what is on the topics, and works on runs until none has anything to do."""
        await self._deliver_all()
        while await self._runner.once():
            await self._deliver_all()

    def outcomes(self, number: str | None = None) -> list[CommandOutcome]:
        """What was said of a command, or of all, in order."""
        said = [command_outcome.decode(message.value or b"") for message, _ in self.log.read(self.topics.outcomes)]
        return [one for one in said if number in (None, one.id)]

    async def live(self) -> None:
        """Captures every table, carries what is found and what is due again, until nothing more happens."""
        sides = set(Name)
        for _ in range(_ROUNDS):
            before = {side: traffic.written for side, traffic in self._traffic.items()}
            found = await self.capture(sides) + await self._safely(self._retry.once)
            if not await self._deliver_all() and not found:
                return
            sides = {side for side, traffic in self._traffic.items() if traffic.written != before[side]}
        raise AssertionError("the two sides are never quiet")

    async def capture(self, sides: Collection[Name] = tuple(Name)) -> int:
        """The changes of these sides' tables onto the topics, not further; how many."""
        found = 0
        for side, table, _ in self.captures:
            if side in sides and not await self.parts.unwanted(side, table):
                found += await self._look(side, table)
        return found

    async def _look(self, side: Name, table: str) -> int:
        return await self._safely(next(one.once for *place, one in self.captures if place == [side, table]))

    async def look_for_deletions(self) -> int:
        """One round through the ids of every table, and what follows; how many it told."""
        found = sum([await table.once() for table in self.parts.deletions()])
        await self._deliver_all()
        return found

    @staticmethod
    async def _safely(work: Callable[[], Awaitable[int]]) -> int:
        """A side that is away is asked again next time, as the daemon does."""
        try:
            return await work()
        except CoupledError:
            return 0

    async def deliver(self, side: Name, table: str) -> None:
        """What is on the topic of one table, and nothing else."""
        topic = self.topics.table(side, table)
        await self._until_done(partial(self.parts.changes, self._synchronise), topic, self.log.take(topic, 500))

    async def _deliver_all(self) -> int:
        """Every message on the topics, a batch of a topic after the other; how many."""
        handlers = {topic: partial(self.parts.changes, self._synchronise) for topic in self.parts.log_ids}
        delivered = 0
        while batch := next(filter(all, ((name, self.log.take(name, 500)) for name in handlers)), None):
            await self._until_done(handlers[batch[0]], *batch)
            delivered += len(batch[1])
        while commands := self.log.take(self.topics.control, 1):
            await self.parts.commands(self._control, self.topics.control, commands)
            delivered += 1
        return delivered

    async def _until_done(
        self, handler: Callable[[str, Sequence[Message]], Awaitable[None]], topic: str, messages: Sequence[Message]
    ) -> None:
        for _ in range(_TRIES):
            try:
                return await handler(topic, messages)
            except CoupledError:
                self.clock.tick(2)
        return await handler(topic, messages)

    async def _pause(self) -> None:
        """The runner waits for what it has published; with nothing left on the topics it would wait for ever."""
        if self.meanwhile:
            await self.meanwhile()
        assert await self._deliver_all(), "a job waits for records that nobody has"

    async def _wait(self, tries: int) -> None:
        self.clock.tick(min(2.0**tries, 60.0))

    async def jobs(self) -> list[dict[str, Any]]:
        """The job log, newest first, as `coupled jobs --json` shows it."""
        return [job_dict(job) for job in await self.store.views.recent_jobs()]

    async def errors(self, mapping: str | None = None) -> list[Failure]:
        """The open failures, last failed first."""
        return await self.store.views.failures(mapping)

    async def couplings(self, mapping: str) -> dict[str, str]:
        """The Sales id by BC id."""
        found = await self.store.views.couplings(mapping, limit=1000)
        return {one.coupling.bc.id: one.coupling.sales.id for one in found}

    async def only_coupled(self) -> dict[str, bool]:
        """Is "only coupled" on, by mapping, right now?"""
        flags = await self.store.memory.flags(self._mappings.all)
        return {name: flag.only_coupled for name, flag in flags.items()}


def jobs(told: CommandOutcome) -> Jobs:
    """The counters of a run's jobs, in order, without those that are 0."""
    counters = [outcome.value for outcome in Outcome]
    return {
        (job["mapping"], job["direction"]): {name: job[name] for name in counters if job[name]} for job in told.jobs
    }
