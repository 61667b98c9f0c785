"""Worlds in which the daemon is killed, several at once; every failure names the seed it had."""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, randrange

from deploy.kafka.run_kafka import ApacheKafka, KafkaUnavailable
from tests.chaos.harness import Harness
from tests.chaos.steps import ANY_MOMENT, STEPS
from tests.support.world import EMBEDDED

# One world's kills; then both systems and the store are made anew.
_PER_WORLD = 40
# To one at each step, so many at no step.
_MOMENTS = 4


def steps(random: Random, count: int) -> list[str]:
    """Every step equally often, and any moment more often than that, in any order."""
    one = [*STEPS, *[ANY_MOMENT] * (_MOMENTS - 1)]
    names = [name for _ in range(count // len(one) + 1) for name in random.sample(one, len(one))]
    return names[:count]


@dataclass
class Tally:
    """What became of all worlds."""

    worlds: int = 0
    wrong: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    records: int = 0
    edits: int = 0
    compared: int = 0
    checks: int = 0

    def add(self, one: Tally) -> None:
        self.worlds += one.worlds
        self.wrong += one.wrong
        self.kills += one.kills
        self.faults += one.faults
        self.records += one.records
        self.edits += one.edits
        self.compared += one.compared
        self.checks += one.checks


@dataclass(frozen=True)
class Lot:
    """What one world is made of."""

    seed: int
    kills: int
    bootstrap: str

    @property
    def again(self) -> str:
        """How it is lived through once more."""
        embedded = " --embedded" if self.bootstrap == EMBEDDED else ""
        return f"make chaos ARGS='--seed {self.seed} --kills {self.kills}{embedded}'"


class Wrong(Exception):
    """A world that did not end as it must: with its seed, where to look, and all that is wrong."""


def live(lot: Lot) -> Tally:
    """One world; Wrong whatever goes wrong in it."""
    folder = Path(tempfile.mkdtemp(prefix="coupled-chaos-"))
    try:
        with Harness(folder, lot.seed, lot.bootstrap) as harness:
            for step in steps(Random(lot.seed), lot.kills):
                harness.kill(step)
            harness.check()
    except Exception as wrong:
        kind = "" if isinstance(wrong, AssertionError) else f"{type(wrong).__name__}: "
        raise Wrong(f"seed {lot.seed} ({lot.again}), {folder}: {kind}{wrong}") from wrong
    return counted(harness)


def counted(done: Harness) -> Tally:
    people = done.people
    edits = people.edits + people.made + people.deletions
    return Tally(1, 0, done.kills, people.faults, done.records, edits, people.compared, done.checks)


def run(kills: int, seed: int | None = None, *, embedded: bool = False, jobs: int = 2) -> Tally:
    """So many kills in as many worlds as that takes, told as they end; on Apache Kafka too, where it can be had."""
    with ExitStack() as stack:
        brokers = [EMBEDDED]
        if not embedded:
            try:
                brokers.append(stack.enter_context(ApacheKafka()).bootstrap)
            except KafkaUnavailable as refusal:
                print(f"without Apache Kafka: {refusal}", file=sys.stderr)
        return _all(list(lots(kills, seed, brokers)), jobs)


def lots(kills: int, seed: int | None, brokers: list[str]) -> Iterator[Lot]:
    """The worlds; one, if its seed is given. Which broker it has, the seed says, so that a replay has the same."""
    seeds = [seed] if seed is not None else [randrange(10**6) for _ in range(-(-kills // _PER_WORLD))]
    for number, one in enumerate(seeds):
        yield Lot(one, min(_PER_WORLD, kills - number * _PER_WORLD), brokers[one % len(brokers)])


def _all(wanted: list[Lot], jobs: int) -> Tally:
    """Each in a process of its own, so many at once; those that go wrong stop no other."""
    tally = Tally()
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=fresh, max_tasks_per_child=1) as pool:
        ends = {pool.submit(live, lot): lot for lot in wanted}
        for end in as_completed(ends):
            try:
                done = end.result()
            except Exception as wrong:
                lot = ends[end]
                print(
                    wrong if isinstance(wrong, Wrong) else f"seed {lot.seed} ({lot.again}): {wrong!r}", file=sys.stderr
                )
                tally.add(Tally(worlds=1, wrong=1))
                continue
            tally.add(done)
            told = f"{done.kills.total()} kills, {done.checks} checks: {dict(sorted(done.kills.items()))}"
            print(f"seed {ends[end].seed}: {told}", flush=True)
    return tally
