"""`make chaos`: the daemon killed so many times, and what is true afterwards. Every failure names the seed it had."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, randrange

from deploy.kafka.run_kafka import ApacheKafka, KafkaUnavailable
from tests.chaos.harness import Harness
from tests.chaos.steps import STEPS
from tests.support.world import EMBEDDED

# One world's kills; then both systems and the store are made anew.
_PER_WORLD = 40


def steps(random: Random, count: int) -> list[str]:
    """Every step equally often, in any order."""
    names = [name for _ in range(count // len(STEPS) + 1) for name in random.sample(list(STEPS), len(STEPS))]
    return names[:count]


def rounds(seed: int, kills: int, bootstrap: str) -> Harness:
    """One world; AssertionError with all that is wrong, and where to look."""
    folder = Path(tempfile.mkdtemp(prefix="coupled-chaos-"))
    try:
        with Harness(folder, seed, bootstrap) as harness:
            for step in steps(Random(seed), kills):
                harness.kill(step)
            harness.check()
            return harness
    except AssertionError as wrong:
        raise AssertionError(f"seed {seed} (make chaos ARGS='--seed {seed}'), {folder}: {wrong}") from None


@dataclass
class Tally:
    """What became of all worlds."""

    worlds: int = 0
    wrong: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    records: int = 0
    edits: int = 0
    checks: int = 0

    def add(self, done: Harness) -> None:
        self.kills += done.kills
        self.faults += done.people.faults
        self.records += done.records
        self.edits += done.people.edits + done.people.made + done.people.deletions
        self.checks += done.checks


def run(kills: int, seed: int | None = None, *, embedded: bool = False) -> Tally:
    """So many kills in as many worlds as that takes, told as they end; on Apache Kafka too, where it can be had."""
    with ExitStack() as stack:
        brokers = [EMBEDDED]
        if not embedded:
            try:
                brokers.append(stack.enter_context(ApacheKafka()).bootstrap)
            except KafkaUnavailable as refusal:
                print(f"without Apache Kafka: {refusal}", file=sys.stderr)
        return _all(kills, seed, brokers)


def _all(kills: int, seed: int | None, brokers: list[str]) -> Tally:
    seeds = [seed] if seed is not None else [randrange(10**6) for _ in range(-(-kills // _PER_WORLD))]
    tally = Tally(len(seeds))
    for number, one in enumerate(seeds):
        # Which broker is the seed's to say, so that a replay has the same.
        bootstrap = brokers[one % len(brokers)]
        try:
            done = rounds(one, min(_PER_WORLD, kills - number * _PER_WORLD), bootstrap)
        except AssertionError as wrong:
            print(wrong, file=sys.stderr)
            tally.wrong += 1
            continue
        tally.add(done)
        print(f"seed {one}: {done.kills.total()} kills, {done.checks} checks: {dict(done.kills)}", flush=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, help="replays the world of this seed alone")
    parser.add_argument("--embedded", action="store_true", help="only the embedded broker, which dies with its daemon")
    wanted = parser.parse_args()
    done = run(wanted.kills, wanted.seed, embedded=wanted.embedded)
    print(
        f"{done.kills.total()} kills survived, {done.records} outcomes and {done.edits} edits checked, "
        f"{done.wrong} of {done.worlds} worlds wrong"
    )
    return 1 if done.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
