"""Waiting for the outcomes of a command, and what ends the waiting."""

from types import SimpleNamespace
from typing import Any

import pytest

from daemon.cli.client import follow_outcomes
from schemas.command_outcome import CommandOutcome, encode
from schemas.errors import Unreachable
from schemas.job import RunState


class Topic:
    """Answers each poll with the next of these outcomes, then with nothing."""

    def __init__(self, *states: RunState) -> None:
        self.left = [CommandOutcome("c-1", "sync", state, "c-1", []) for state in states]

    def poll(self, timeout_ms: int) -> dict[str, Any]:
        if not self.left:
            return {}
        return {"outcomes-0": [SimpleNamespace(key=b"c-1", value=encode(self.left.pop(0)))]}


def test_it_ends_with_the_final_outcome() -> None:
    told = follow_outcomes(Topic(RunState.ACCEPTED, RunState.DONE, RunState.DONE), "c-1", 9, lambda: False)
    assert [outcome.state for outcome in told] == [RunState.ACCEPTED, RunState.DONE]


def test_a_command_that_nobody_takes_up_is_given_up() -> None:
    with pytest.raises(Unreachable, match="No daemon took the command up"):
        list(follow_outcomes(Topic(), "c-1", 0, lambda: False))


def test_nobody_waits_for_a_daemon_that_is_gone_with_its_broker() -> None:
    told = follow_outcomes(Topic(RunState.ACCEPTED), "c-1", 9, lambda: True)
    assert next(told).state is RunState.ACCEPTED
    with pytest.raises(Unreachable, match="The daemon has ended"):
        next(told)


def test_what_the_daemon_said_last_is_heard() -> None:
    told = follow_outcomes(Topic(RunState.DONE), "c-1", 9, lambda: True)
    assert [outcome.state for outcome in told] == [RunState.DONE]
