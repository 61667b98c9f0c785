"""Workers of a world by name, and people who go on editing the same few records while those come and go."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from tests.support.simulators import BC_AUDIENCE, PERSON, Side
from tests.support.waiting import wait_until
from tests.support.workers import Histories, Witness, Worker
from tests.support.world import World

EDITED = 4


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

    def start(self, *names: str, code: Path | None = None) -> None:
        """All at once, and waited for; of another version, whose `code` lies there."""
        self.workers |= {name: Worker(self._world, name, code).start() for name in names}
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


def increasing(histories: Histories, side: str, table: str, field: str) -> list[str]:
    """Records in which an older value has come after a newer one, or that have had too few to tell."""
    numbers = {key: [int(v) for v in values if v.isdigit() and len(v) == 6] for key, values in
               histories.of(side, table, field).items()}  # fmt: skip
    assert sum(len(values) > 3 for values in numbers.values()) >= EDITED, numbers
    return [f"{table} {key}: {values}" for key, values in numbers.items() if values != sorted(values)]
