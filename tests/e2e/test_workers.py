"""Several workers on one PostgreSQL and one Apache Kafka: one joins, one leaves, the leader is killed in mid full
synchronisation, and people go on editing the same records all the while (promises 2, 3 and 6).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.brokers import Brokers
from tests.support.commands import Commands
from tests.support.customers import TABLES, customers_only, unequal
from tests.support.kinds import address
from tests.support.simulators import BC_AUDIENCE, PERSON, Side
from tests.support.waiting import wait_until
from tests.support.workers import Histories, Witness, Worker, at_once, owners, systems
from tests.support.world import World

# Four starts of a daemon, a broker and a database: more than a normal run has time for.
pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.large]
EDITED = 4
# Who has it passes on when a worker joins, leaves or dies, which happens five times.
CHANGES = 6


@pytest.fixture
def world(brokers: Brokers, postgres: str, tmp_path: Path) -> Iterator[World]:
    bootstrap = address("apache", brokers)
    with World(tmp_path, bootstrap, postgres, customers=40, poll=0.3, systems=systems()) as world:
        customers_only(world)
        world.configure(session=4)  # a busy machine misses a heartbeat now and then
        yield world


class People:
    """Edit the same few records again and again, each side's in a field of its own: every value is a larger number."""

    def __init__(self, world: World) -> None:
        bc, sales = world.bc, world.sales
        self._bc = Side("bc", bc.host, bc.root, BC_AUDIENCE, client=PERSON)
        self._sales = Side("sales", sales.host, sales.root, sales.host, client=PERSON)
        customers = [row["id"] for row in self._bc.rows("customers") if row["blocked"] == "_x0020_"]
        accounts = self._sales.rows("accounts?$filter=statecode eq 0 and customertypecode eq 3")
        self.customers, self.accounts = customers[:EDITED], [row["accountid"] for row in accounts[:EDITED]]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self.edits, self.error = 0, ""

    def _live(self) -> None:
        try:
            while not self._over.wait(0.2):
                self.edits += 1
                number = self.edits % EDITED
                self._bc.edit(f"customers({self.customers[number]})", addressLine2=f"{self.edits:06}")
                self._sales.edit(f"accounts({self.accounts[number]})", telephone1=f"{self.edits:06}")
        except Exception as error:  # told by who waits for them
            self.error = repr(error)

    def __enter__(self) -> People:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._bc.close()
        self._sales.close()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(30)

    def go_on(self, count: int = 8) -> None:
        """Until they have made so many more edits."""
        wanted = self.edits + count
        wait_until(lambda: self.error or self.edits >= wanted, 60, "people at work")
        assert not self.error


class Crew:
    """The workers of a world, started and ended by name."""

    def __init__(self, world: World, witnesses: tuple[Witness, Witness]) -> None:
        self._world, self._witnesses = world, witnesses
        self.workers: dict[str, Worker] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.stop()

    def start(self, *names: str) -> None:
        """All at once, and waited for."""
        self.workers |= {name: Worker(self._world, name).start() for name in names}
        wait_until(lambda: all(self.workers[name].up() for name in names), 90, f"the start of {names}")

    def end(self, name: str, number: signal.Signals) -> int:
        return self.workers.pop(name).ended(number)

    def leader(self) -> str:
        """Who looks at the tables."""
        return wait_until(self._witnesses[1].last_poller, 60, "a leader")

    def led_by(self, *names: str) -> None:
        """Waits until one of these looks at the tables of both sides."""
        for witness in self._witnesses:
            since = len(witness.asked)

            def looked(witness: Witness = witness, since: int = since) -> bool:
                return any(one.request.poll and one.who in names for one in witness.asked[since:])

            wait_until(looked, 60, f"one of {names} to lead")


def _increasing(histories: Histories, side: str, table: str, field: str) -> list[str]:
    """Records in which an older value has come after a newer one, or that have had too few to tell."""
    numbers = {key: [int(v) for v in values if v.isdigit() and len(v) == 6] for key, values in
               histories.of(side, table, field).items()}  # fmt: skip
    assert sum(len(values) > 3 for values in numbers.values()) >= EDITED, numbers
    return [f"{table} {key}: {values}" for key, values in numbers.items() if values != sorted(values)]


@pytest.mark.timeout(300)
def test_workers_join_leave_and_die_under_load(world: World) -> None:
    witnesses = Witness(world.simulators.apps[0]), Witness(world.simulators.apps[1])
    histories, people = Histories(world.simulators.apps), People(world)
    with ExitStack() as stack:
        crew = stack.enter_context(Crew(world, witnesses))
        crew.start("anna", "berta")
        stack.enter_context(people)
        commands = stack.enter_context(Commands(world.settings.kafka.bootstrap_servers, world.prefix))
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
        _until_equal(world)
        world.quiet(tables=TABLES)
        assert unequal(world) == []
        _told_right(commands, run)
    for witness, swept in zip(witnesses, ("customers", "accounts"), strict=True):
        for table, polls in witness.polls().items():
            assert at_once(polls) == [], table
            assert len(owners(polls)) <= CHANGES, (table, owners(polls))
        pages = witness.sweeps()[swept]
        assert at_once(pages) == [], pages
        # The one that was killed, and the one that went on.
        assert len(owners(pages)) <= 2, pages
    assert _increasing(histories, "sales", "accounts", "address1_line2") == []
    assert _increasing(histories, "bc", "customers", "phoneNumber") == []


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
