"""Commands off the control topic: each takes effect once and gets one outcome, however often delivered (promise 8).

A command is stored before it takes effect, and its effect is idempotent by the command's id, so a crash in between is
mended by taking it again at the next start.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from consumers.retrying import Failures, Retrying
from consumers.retrying import Pairs as Carrying
from consumers.starting import Started, catch_up, run_of, starts
from schemas import command as commands
from schemas.command import Answer, Command, Couple, FullSync, Match, Pause, Resume, Retry, Sync, Uncouple, Verify
from schemas.command_outcome import CommandOutcome
from schemas.errors import Problem, Refused
from schemas.job import Keep, MappingState, Run, RunKind, RunState
from schemas.mapping import Mappings
from schemas.side import Direction, Side
from schemas.use import Use


class Logged(Protocol):
    """A command as received, and how far it is."""

    @property
    def command(self) -> Mapping[str, Any]: ...
    @property
    def state(self) -> RunState: ...
    @property
    def announced(self) -> bool: ...
    @property
    def error(self) -> Problem | None: ...
    @property
    def received_at(self) -> datetime: ...


class CommandLog(Protocol):
    async def get(self, command_id: str) -> Logged | None: ...

    async def receive(
        self, command_id: str, command: dict[str, Any], state: RunState, error: Problem | None = None
    ) -> bool: ...


class Runs(Protocol):
    async def create_run(self, run: Run, jobs: Sequence[tuple[str, Direction]]) -> None: ...

    async def active_runs(self) -> Sequence[Run]: ...

    async def run(self, run_id: str) -> Run | None: ...

    async def answer(self, run_id: str, keep: Keep) -> object: ...


class States(Protocol):
    async def all(self) -> Mapping[str, MappingState]:
        """By name, of those that differ or once differed from the file."""

    async def pause(self, names: Sequence[str], at: datetime) -> None: ...

    async def resume(self, names: Sequence[str]) -> Sequence[str]:
        """The names that missed changes while paused; they stay so until `caught_up`."""

    async def caught_up(self, names: Sequence[str]) -> None: ...

    async def set_only_coupled(self, names: Sequence[str], value: bool | None) -> None: ...


class Pairs(Carrying, Protocol):
    async def couple(self, name: str, named: Mapping[Side, str], use: Use | None) -> None: ...

    async def check_coupled(self, name: str, ids: Sequence[str]) -> None:
        """Refused if none of these is coupled in the mapping."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The parts of the store that commands touch."""

    log: CommandLog
    runs: Runs
    states: States
    failures: Failures


class OnlyCoupled(Protocol):
    async def __call__(self) -> dict[str, bool]:
        """Is "only coupled" on, by mapping, right now?"""


# Publishes an outcome, and notes in the command log that it did.
Announce = Callable[[CommandOutcome], Awaitable[None]]


class Control:
    """Takes commands one at a time. `woken` is called when there is a run to work on."""

    def __init__(
        self,
        mappings: Mappings,
        stored: Stored,
        pairs: Pairs,
        only_coupled: OnlyCoupled,
        announce: Announce,
        now: Callable[[], datetime],
        woken: Callable[[], None],
    ) -> None:
        self._mappings = mappings
        self._log, self._runs, self._states = stored.log, stored.runs, stored.states
        self._pairs = pairs
        self._retrying = Retrying(mappings, stored.failures, pairs)
        self._only_coupled = only_coupled
        self._announce = announce
        self._now = now
        self._woken = woken

    async def take(self, value: bytes | None, fallback_id: str) -> None:
        """One message of the control topic. `fallback_id` names a command that does not name itself."""
        command_id = commands.command_id(value, fallback_id)
        try:
            command = commands.parse(value)
        except Refused as error:
            await self._log.receive(command_id, {}, RunState.REFUSED, error.problem)
            await self.again(command_id)
            return
        if await self._log.receive(command.id, command.model_dump(mode="json"), RunState.ACCEPTED):
            await self.effect(command)
        else:
            await self.again(command.id)

    async def again(self, command_id: str) -> None:
        """A command delivered before: what a crash or an outage left undone of it is done, and nothing twice.

        What becomes of its run is the runner's to tell.
        """
        logged = await self._log.get(command_id)
        if logged is None or await self._runs.run(command_id):
            return
        if logged.state is RunState.ACCEPTED:
            await self.effect(commands.from_dict(dict(logged.command)))
        elif logged.state.final and not logged.announced:
            name = str(logged.command.get("command", "unknown"))
            run = logged.command.get("run") if logged.state is not RunState.REFUSED else None
            await self._announce(CommandOutcome(command_id, name, logged.state, run=run, error=logged.error))

    async def effect(self, command: Command) -> None:
        """Carries an accepted command out; safe to repeat."""
        try:
            await self._check_names(_named(command))
            await self._check_pauses(command)
            state = await self._carry_out(command)
        except Refused as error:
            await self._announce(CommandOutcome(command.id, command.command, RunState.REFUSED, error=error.problem))
            return
        run = command.id if starts(command) else getattr(command, "run", None)
        await self._announce(CommandOutcome(command.id, command.command, state, run=run))
        self._woken()

    async def _carry_out(self, command: Command) -> RunState:
        match command:
            case FullSync(dry_run=False):
                await self._full_sync(command)
                return RunState.ACCEPTED
            case Uncouple():
                await self._uncouple(command)
                return RunState.ACCEPTED
            case FullSync() | Sync() | Match() | Verify():
                await self._start(command)
                return RunState.ACCEPTED
            case Retry(use=Side() as winner, causes=list()):
                await self._start(await self._retrying.carrying(command, self._names(command.mappings), winner))
                return RunState.ACCEPTED
            case Answer():
                await self._answer(command)
            case Pause():
                await self._states.pause(self._names(command.mappings), self._now())
            case Resume():
                await self._resume(command)
            case Retry():
                await self._retry(command)
            case Couple():
                named = {Side.BC: command.bc_id, Side.SALES: command.sales_id}
                await self._pairs.couple(command.mapping, named, command.use)
        return RunState.DONE

    async def _full_sync(self, command: FullSync) -> None:
        """ "Only coupled" is cleared for the mappings that have it, and only those (business-central-sync 4.2)."""
        for run in await self._runs.active_runs():
            if run.kind is RunKind.FULL and run.id != command.id:
                raise Refused(
                    "full-sync-active",
                    f"Full synchronisation {run.id} is {run.state.value.replace('_', ' ')}.",
                    f"Wait for it, or answer it: `coupled answer {run.id} keep|restore`.",
                )
        settings = await self._only_coupled()
        await self._start(command, [name for name in self._names(command.mappings) if settings[name]])

    async def _start(self, command: Started, cleared: Sequence[str] = ()) -> None:
        await self._runs.create_run(*run_of(command, self._mappings, self._now(), cleared))

    async def _uncouple(self, command: Uncouple) -> None:
        """Once: taken again, there is a run by now, and whoever is coupled no more is its doing."""
        run, jobs = run_of(command, self._mappings, self._now())
        if command.causes:
            await self._retrying.hit([command.mapping], command.causes)
        elif command.records:
            await self._pairs.check_coupled(command.mapping, command.records)
        await self._runs.create_run(run, jobs)

    async def _retry(self, command: Retry) -> None:
        logged = await self._log.get(command.id)
        received = logged.received_at if logged else self._now()
        await self._retrying.retry(command, self._names(command.mappings), received)

    async def _answer(self, command: Answer) -> None:
        run = await self._runs.run(command.run)
        if run is None or run.kind is not RunKind.FULL:
            raise Refused(
                "run-unknown", f"There is no full synchronisation {command.run!r}.", "`coupled status` lists the runs."
            )
        if not run.state.final:
            await self._runs.answer(run.id, command.answer)
        elif run.answer is None:
            raise Refused("run-over", f"Run {run.id} has {run.state.value}.", "Nothing is due.")
        else:  # the administrator has thought again
            await self._states.set_only_coupled(run.cleared, False if command.answer is Keep.KEEP else None)
        # Who turned up while nobody had said that they may be created has no partner yet.
        if command.answer is Keep.KEEP and run.cleared and run.state is not RunState.RUNNING:
            await self._catch_up(command, run.cleared)

    async def _resume(self, command: Resume) -> None:
        """What was missed while paused is caught up with by a sweep of those mappings."""
        missed = await self._states.resume(self._names(command.mappings))
        if missed:
            await self._catch_up(command, missed)
            # The run is durable now, so what was missed is its business (promise 1).
            await self._states.caught_up(missed)

    async def _catch_up(self, command: Resume | Answer, names: Sequence[str]) -> None:
        """A sweep of the whole mappings, once."""
        run_id = f"{command.id}-catch-up"
        await self._runs.create_run(*catch_up(run_id, command.requested_by, self._mappings, names, self._now()))

    def _names(self, names: Sequence[str] | None) -> list[str]:
        return [mapping.name for mapping in self._mappings.in_order(names)]

    async def _check_names(self, names: Sequence[str] | None) -> None:
        for name in names or ():
            if name not in self._mappings.by_name:
                known = ", ".join(self._mappings.by_name)
                raise Refused("mapping-unknown", f"There is no mapping {name!r}.", f"The mappings are {known}.")

    async def _check_pauses(self, command: Command) -> None:
        """Of a paused mapping nothing is carried, so a command that names one would end well and have done nothing."""
        match command:
            case Sync() | FullSync(dry_run=False) | Verify(repair=True) | Retry(use=Side(), causes=list()):
                states = await self._states.all() if command.mappings else {}
            case _:
                return
        for name in command.mappings or ():
            if name in states and states[name].paused_at:
                raise Refused(
                    "mapping-paused",
                    f"The mapping {name} is paused: nothing of it is carried.",
                    f"`coupled resume {name}` ends the pause, and catches up with what was missed.",
                )


def _named(command: Command) -> Sequence[str] | None:
    """The mappings a command names."""
    mapping = getattr(command, "mapping", None)
    names: Sequence[str] | None = getattr(command, "mappings", None) if mapping is None else [mapping]
    return names
