"""Commands and their outcomes as messages (DESIGN 6)."""

import pytest

from schemas import command, command_outcome
from schemas.command import Answer, Command, FullSync, Pause, Resume, Sync
from schemas.command_outcome import CommandOutcome
from schemas.errors import Problem, Refused
from schemas.job import Job, Keep, RunState
from schemas.outcome import Outcome
from schemas.side import Direction

COMMANDS: list[Command] = [
    FullSync(id="1", command="full-sync", mappings=["CUSTOMER"], answer=Keep.KEEP, requested_by="me"),
    FullSync(id="1", command="full-sync"),
    Sync(id="2", command="sync"),
    Answer(id="3", command="answer", run="1", answer=Keep.RESTORE),
    Pause(id="4", command="pause", mappings=["ITEM"]),
    Resume(id="5", command="resume"),
]


@pytest.mark.parametrize("given", COMMANDS, ids=lambda given: given.command)
def test_a_command_comes_back_as_it_went(given: Command) -> None:
    assert command.parse(command.encode(given)) == given


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b'{"id": "1", "command": "explode"}', "full-sync"),
        (b'{"id": "1", "command": "sync", "speed": 9}', "'speed'"),
        (b'{"id": "1", "command": "answer", "run": "r"}', "'answer'"),
        (b'{"id": "", "command": "sync"}', "'id'"),
        (b'{"id": 1, "command": "sync"}', "'id'"),
        (b'{"id": "1", "command": "full-sync", "answer": "maybe"}', "'keep' or 'restore'"),
        (b'{"id": "a\\u0000b", "command": "sync"}', "'id'"),
        (b'{"id": "1", "command": "sync", "requested_by": "\\u0000"}', "'requested_by' cannot be used"),
        (b'{"id": "1", "command": "sync", "requested_by": "' + b"x" * 1001 + b'"}', "'requested_by'"),
        (b'{"id": "1", "command": "sync", "mappings": ["\\u0000"]}', "zero character"),
        (b'{"id": "1", "command": "pause", "mappings": ["' + b"x" * 101 + b'"]}', "'mappings.0'"),
        (b'{"id": "1", "command": "answer", "run": "\\u0000", "answer": "keep"}', "'run'"),
    ],
)
def test_a_refusal_names_the_field_and_what_is_allowed(value: bytes, told: str) -> None:
    with pytest.raises(Refused) as refusal:
        command.parse(value)
    assert told in refusal.value.problem.message
    assert refusal.value.problem.hint


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'{"id": "mine", "nonsense": 1}', "mine"),
        (b'{"id": 7}', "fallback"),
        (b'{"id": ""}', "fallback"),
        (b'{"id": "a\\u0000b"}', "fallback"),
        (b'{"id": "' + b"x" * 101 + b'"}', "fallback"),
        (b"[]", "fallback"),
        (b"{", "fallback"),
        (None, "fallback"),
    ],
)
def test_even_a_useless_command_is_answered_under_an_id(value: bytes | None, expected: str) -> None:
    assert command.command_id(value, "fallback") == expected


def test_an_outcome_comes_back_as_it_went() -> None:
    job = command_outcome.job_dict(Job(1, "r", "CUSTOMER", Direction.TO_SALES, counters={Outcome.INSERTED: 2}))
    outcome = CommandOutcome("1", "sync", RunState.FAILED, "1", [job], Problem("code", "what", "do"))
    assert command_outcome.decode(command_outcome.encode(outcome)) == outcome
    assert (job["inserted"], job["failed"], job["settled"]) == (2, 0, 2)


@pytest.mark.parametrize("value", [b"{", b"[]", b"{}", b'{"id": "1", "command": "sync", "state": "odd"}'])
def test_what_is_no_outcome_says_so(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"outcome|RunState"):
        command_outcome.decode(value)


def test_a_text_that_is_no_unicode_is_refused() -> None:
    """Not of Kafka, where JSON has none, but of the web's form."""
    with pytest.raises(Refused, match="requested_by"):
        command.from_dict({"id": "1", "command": "sync", "requested_by": "\ud800"})
