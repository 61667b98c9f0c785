"""Edits that arrive twice as fast as the two systems take them, and what the daemon makes of that.

The simulators' limits are on. People edit the same pairs on both sides, each side in a field of its own, as users with
limits of their own; when they stop, the daemon catches up, and both sides must hold every record's last value.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

import httpx
from prometheus_client.parser import text_string_to_metric_families

from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.dataverse import DataverseSettings
from tests.support.customers import TABLES, customers_only
from tests.support.in_process import Systems
from tests.support.simulators import BC_AUDIENCE, CLIENT, SECRET, Side
from tests.support.waiting import wait_until
from tests.support.world import World

# So many users share the edits of a side, so that none meets a limit of their own.
PEOPLE = tuple(f"person-{number}" for number in range(6))


def systems(rate: int, window: int) -> Systems:
    """Both take `rate` requests a second of each user, counted over `window` seconds, and say when to come again."""
    users = dict.fromkeys((CLIENT, *PEOPLE), SECRET)
    bc = BcSettings(clients=users, rate_limit=rate * window, rate_window_seconds=window, retry_after_on_429=True)
    return Systems(bc, DataverseSettings(clients=users, requests_per_window=rate * window, window_seconds=window))


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the daemon: seconds since the first edit, its memory, the oldest and the number of what waits."""

    at: float
    edits: int
    memory_mb: float
    lag_seconds: float
    waiting: int


class Load:
    """A world with so many customers on each side, and a `coupled.yaml` for a daemon that is the caller's to start."""

    def __init__(self, folder: Path, bootstrap: str, customers: int, systems: Systems) -> None:
        self.world = World(folder, bootstrap, customers=customers, poll=1, systems=systems)
        customers_only(self.world)
        self.last: dict[tuple[str, str], str] = {}
        self.samples: list[Sample] = []
        self._made = count(1)
        self.edits = 0
        self._errors: list[str] = []
        self._began = 0.0

    def __enter__(self) -> Self:
        self.world.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.world.__exit__(*exception)

    def couple(self) -> list[str]:
        """The ids that both sides have in common once all that Business Central has is in Sales."""
        outcome = self.world.command("full-sync", timeout=600, answer="restore")
        assert outcome["state"] == "done", outcome
        there = {row["accountid"] for row in self.world.sales.rows("accounts?$select=accountid")}
        return [row["id"] for row in self.world.bc.rows("customers?$select=id") if row["id"] in there]

    @property
    def pid(self) -> int:
        """Of the process that is at work."""
        note = self.world.note()
        assert note, "no daemon is running"
        return int(note["pid"])

    def slow(self, seconds: float) -> None:
        """Every request to either side takes so long from now on."""
        for side in (self.world.bc, self.world.sales):
            side.control.post("latency", json={"seconds": seconds}).raise_for_status()

    def edit(self, pairs: list[str], per_second: float, seconds: float, pid: int | None) -> None:
        """Edits at that rate on each side for that long, and a look at the daemon about every second."""
        self._began, until = time.monotonic(), time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._person, args=(side, user, number, pairs, per_second / len(PEOPLE), until))
            for side in (self.world.bc, self.world.sales)
            for number, user in enumerate(PEOPLE)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self.look(pid)
            threads[0].join(1)
        assert not self._errors, self._errors[:3]

    def _person(self, of: Side, user: str, first: int, pairs: list[str], rate: float, until: float) -> None:
        audience = BC_AUDIENCE if of.name == "bc" else of.host
        table, field = ("customers", "addressLine2") if of.name == "bc" else ("accounts", "telephone1")
        side = Side(of.name, of.host, of.root, audience, client=user)
        started, never = time.monotonic(), threading.Event()
        try:
            for number in count():
                # Each person has pairs of their own, so that nobody else's edit comes in between.
                key = pairs[(first + number * len(PEOPLE)) % (len(pairs) - len(pairs) % len(PEOPLE))]
                if (due := started + number / rate) >= until:
                    return
                never.wait(max(0.0, due - time.monotonic()))
                value = f"{number:06}"
                side.edit(f"{table}({key})", **{field: value})
                self.last[of.name, key], self.edits = value, next(self._made)
        except Exception as error:  # told by who waits for them
            self._errors.append(f"{of.name}: {error!r}")
        finally:
            side.close()

    def look(self, pid: int | None = None) -> Sample:
        """What /metrics says now, and how much memory the process has."""
        note = self.world.note()
        assert note, "the daemon has ended"
        metrics = _gauges(httpx.get(f"{note['web']}/metrics", timeout=30).text)
        sample = Sample(
            time.monotonic() - self._began,
            self.edits,
            _memory_mb(pid) if pid else 0.0,
            max(metrics["coupled_lag_seconds"], default=0.0),
            int(sum(metrics["coupled_consumer_lag"])),
        )
        self.samples.append(sample)
        return sample

    def drain(self, pid: int | None, timeout: float) -> None:
        """Waits until both sides hold every last value, looking at the daemon now and then."""
        seen = time.monotonic()

        def through() -> bool:
            nonlocal seen
            if time.monotonic() - seen >= 1:
                seen = time.monotonic()
                self.look(pid)
            return not self.samples[-1].waiting and not self.missing()

        self.look(pid)
        wait_until(through, timeout, "an end of the backlog")
        self.world.quiet(tables=TABLES)
        self.look(pid)

    def missing(self) -> list[str]:
        """Last values that are not on both sides."""
        bc = {row["id"]: row for row in self.world.bc.rows("customers?$select=id,addressLine2,phoneNumber")}
        columns = "accountid,address1_line2,telephone1"
        sales = {row["accountid"]: row for row in self.world.sales.rows(f"accounts?$select={columns}")}
        fields = {"bc": ("addressLine2", "address1_line2"), "sales": ("phoneNumber", "telephone1")}
        return [
            f"{side} {key}: {value}, not {bc[key][mine]} and {sales[key][theirs]}"
            for (side, key), value in list(self.last.items())
            for mine, theirs in [fields[side]]
            if not bc[key][mine] == sales[key][theirs] == value
        ]


def _gauges(text: str) -> Mapping[str, list[float]]:
    wanted: dict[str, list[float]] = {"coupled_lag_seconds": [], "coupled_consumer_lag": []}
    for family in text_string_to_metric_families(text):
        if family.name in wanted:
            wanted[family.name] = [sample.value for sample in family.samples]
    return wanted


def _memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def grown_mb(samples: list[Sample]) -> float:
    """By how much the memory of the last fifth of the time is above that of the first."""
    end = samples[-1].at
    first: list[Any] = [one.memory_mb for one in samples if one.at <= end / 5]
    last = [one.memory_mb for one in samples if one.at >= end * 4 / 5]
    return max(last) - max(first)
