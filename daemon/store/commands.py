"""The command log: what was received, what became of it, and whether that was said (promise 8)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, update

from daemon.store.database import Database, upsert
from daemon.store.problems import as_problem
from daemon.store.tables import CommandRow
from schemas.errors import Problem
from schemas.job import RunState

FINAL = tuple(state.value for state in RunState if state.final)


@dataclass(frozen=True, slots=True)
class LoggedCommand:
    """A command as received (JSON), and what is known of it."""

    id: str
    command: Mapping[str, Any]
    state: RunState
    error: Problem | None
    result: Mapping[str, Any] | None
    received_at: datetime
    finished_at: datetime | None
    announced: bool


class Commands:
    """However often a command is delivered, it is received once and ends once."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def receive(
        self, command_id: str, command: Mapping[str, Any], state: RunState, error: Problem | None = None
    ) -> bool:
        """Writes the command down; False if its id is already known, and then nothing is changed."""
        now = self._now()
        row = {
            "id": command_id,
            "command": dict(command),
            "state": state.value,
            "error": None if error is None else error.as_dict(),
            "received_at": now,
            "finished_at": now if state.final else None,
        }
        async with self._database.write() as connection:
            statement = upsert(connection, CommandRow).values(row).on_conflict_do_nothing(index_elements=["id"])
            return (await connection.scalar(statement.returning(CommandRow.number))) is not None

    async def get(self, command_id: str) -> LoggedCommand | None:
        found = await self._select(_query().where(CommandRow.id == command_id))
        return found[0] if found else None

    async def update(
        self,
        command_id: str,
        state: RunState,
        result: Mapping[str, Any] | None = None,
        error: Problem | None = None,
    ) -> None:
        """Moves a command on; it is to be announced again. Once it is final, nothing moves it (promise 8).

        One at work is never merely accepted again, however late that is said.
        """
        values: dict[str, Any] = {"state": state.value, "announced": False}
        if result is not None:
            values["result"] = dict(result)
        if error is not None:
            values["error"] = error.as_dict()
        if state.final:
            values["finished_at"] = self._now()
        statement = update(CommandRow).where(CommandRow.id == command_id, CommandRow.state.not_in(FINAL))
        if state is RunState.ACCEPTED:
            statement = statement.where(CommandRow.state == state.value)
        async with self._database.write() as connection:
            await connection.execute(statement.values(values))

    async def pending(self) -> list[LoggedCommand]:
        """Accepted and not final, in the order they were received: what a restart goes on with."""
        return await self._select(_query().where(CommandRow.state.not_in(FINAL)))

    async def unannounced(self) -> list[LoggedCommand]:
        """What the outcomes topic does not say yet, in the order of receipt."""
        return await self._select(_query().where(CommandRow.announced.is_(False)))

    async def announced(self, command_id: str, state: RunState) -> None:
        """The outcomes topic says `state`; one that has moved on meanwhile stays to be announced."""
        statement = update(CommandRow).where(CommandRow.id == command_id, CommandRow.state == state.value)
        async with self._database.write() as connection:
            await connection.execute(statement.values(announced=True))

    async def _select(self, query: Select[Any]) -> list[LoggedCommand]:
        async with self._database.read() as connection:
            return [_command(row) for row in await connection.execute(query)]


def _query() -> Select[Any]:
    return select(*CommandRow.__table__.columns).order_by(CommandRow.number)


def _command(row: Row[Any]) -> LoggedCommand:
    return LoggedCommand(
        id=row.id,
        command=row.command,
        state=RunState(row.state),
        error=as_problem(row.error),
        result=row.result,
        received_at=row.received_at,
        finished_at=row.finished_at,
        announced=row.announced,
    )
