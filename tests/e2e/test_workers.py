"""Several workers on one PostgreSQL and one Apache Kafka: one joins, one leaves, the leader is killed in mid full
synchronisation, and people go on editing the same records all the while (promises 2, 3 and 6).
"""

from __future__ import annotations

import signal
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.commands import Commands
from tests.support.crew import Crew, People, increasing
from tests.support.customers import TABLES, unequal
from tests.support.waiting import wait_until
from tests.support.workers import Histories, Witness, at_once, owners
from tests.support.world import World

# Four starts of a daemon, a broker and a database: more than a normal run has time for.
pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.large]
# Who has it passes on when a worker joins, leaves or dies, which happens five times.
CHANGES = 6


@pytest.mark.timeout(300)
def test_workers_join_leave_and_die_under_load(shared: World) -> None:
    witnesses = Witness(shared.simulators.apps[0]), Witness(shared.simulators.apps[1])
    histories, people = Histories(shared.simulators.apps), People(shared)
    with ExitStack() as stack:
        crew = stack.enter_context(Crew(shared, witnesses))
        crew.start("anna", "berta")
        stack.enter_context(people)
        commands = stack.enter_context(Commands(shared.settings.kafka.bootstrap_servers, shared.prefix))
        crew.start("carla")
        run = commands.command("full-sync", answer="restore")
        commands.until(run, _begun, 120, "a run at work")
        leader = crew.leader()
        crew.end(leader, signal.SIGKILL)
        crew.led_by(*crew.workers)
        assert commands.end(run, 150)["state"] == "done"
        people.go_on()
        crew.start("dora")
        crew.led_by(*crew.workers)
        follower = next(name for name in crew.workers if name != crew.leader())
        assert crew.end(follower, signal.SIGTERM) == 0
        crew.led_by(*crew.workers)
        people.go_on()
        assert crew.end(crew.leader(), signal.SIGTERM) == 0
        crew.led_by(*crew.workers)
        people.go_on()
        people.stop()
        _until_equal(shared)
        shared.quiet(tables=TABLES)
        assert unequal(shared) == []
        _told_right(commands, run)
    for witness, swept in zip(witnesses, ("customers", "accounts"), strict=True):
        for table, polls in witness.polls().items():
            assert at_once(polls) == [], table
            assert len(owners(polls)) <= CHANGES, (table, owners(polls))
        pages = witness.sweeps()[swept]
        assert at_once(pages) == [], pages
        # The one that was killed, and the one that went on.
        assert len(pages) > 2, pages
        assert len(owners(pages)) <= 2, pages
    assert increasing(histories, "sales", "accounts", "address1_line2") == []
    assert increasing(histories, "bc", "customers", "phoneNumber") == []


def _until_equal(world: World) -> None:
    try:
        wait_until(lambda: not unequal(world), 60, "both sides to be equal")
    except AssertionError:
        raise AssertionError(unequal(world)) from None


def _begun(outcome: dict[str, Any]) -> bool:
    """Some are across, and not all."""
    return any(job["settled"] for job in outcome["jobs"])


_ORDER = {"waiting": 0, "running": 1, "finished": 2}


def _told_right(commands: Commands, run: str) -> None:
    """Nobody goes back behind what somebody else has told of the run; it ends once."""
    told = [one for one in commands.read() if one["id"] == run]
    states = [one["state"] for one in told]
    assert set(states[states.index("done") :]) == {"done"}, states
    for number in range(len(told[-1]["jobs"])):
        seen = [_ORDER[one["jobs"][number]["state"]] for one in told if one["jobs"]]
        assert seen == sorted(seen), (told[-1]["jobs"][number], seen)
