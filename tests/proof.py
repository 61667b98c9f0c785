"""`make proof`: the figures of docs/promises.md, from kills of the real daemon and from the state machine.

python -m tests.proof --kills 500 --steps 20000     # takes hours; writes the table if nothing was wrong
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import structlog

from tests.chaos.harness import IN_VAIN
from tests.chaos.steps import ANY_MOMENT
from tests.chaos.worlds import Tally, run
from tests.machine.ground import faults, happened
from tests.machine.test_state_machine import go

PAGE = Path(__file__).resolve().parents[1] / "docs" / "promises.md"
BEGIN, END = "<!-- figures -->\n", "<!-- end -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=2, help="how many worlds are killed in at once")
    wanted = parser.parse_args()
    # What the state machine's daemon logs says nothing here; those that are killed log to files of their own.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(f"{wanted.steps:,} steps of the state machine; then {wanted.kills} kills, told as worlds end", flush=True)
    go(wanted.steps, derandomize=False, deadline=None)
    done = run(wanted.kills, jobs=wanted.jobs)
    if done.wrong:
        return 1
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{table(done, happened, faults)}{END}{rest.split(END, 1)[1]}", encoding="utf-8")
    print(table(done, happened, faults))
    return 0


def table(done: Tally, steps: Counter[str], faults: Counter[str]) -> str:
    """In Markdown, with the day and the machine."""
    where = f"{platform.system()}, {os.cpu_count()} processors, Python {platform.python_version()}"
    day = datetime.now(UTC).date().isoformat()
    rows = "".join(f"| {what} | {number:,} |\n" for what, number in _rows(done, steps, faults))
    return f"\nOf {day}, on {where}:\n\n| What | How many |\n|---|---:|\n{rows}\n"


def _rows(done: Tally, steps: Counter[str], faults: Counter[str]) -> Iterator[tuple[str, int]]:
    yield "kills survived (SIGKILL)", done.kills.total()
    for step, number in sorted(done.kills.items()):
        yield f"… {'at' if step in (ANY_MOMENT, IN_VAIN) else 'around'} {step}", number
    yield "edits, new records and deletions between the kills", done.edits
    yield "… values written last that were looked for, on either side, after the kills", done.compared
    yield "outcomes of jobs that were counted against what the jobs published", done.records
    yield "times the daemon was let live, and everything compared", done.checks
    yield "steps of the state machine", steps["steps"]
    yield from ((f"… {what}", number) for what, number in sorted(steps.items()) if what != "steps")
    for what, number in sorted((done.faults + faults).items()):
        yield f"faults: {what}", number
    # The table is of runs in which nothing was; otherwise there is none.
    yield "lost", 0
    yield "there twice", 0


if __name__ == "__main__":
    sys.exit(main())
