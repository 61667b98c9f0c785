"""`make chaos`: the daemon killed so many times, and what is true afterwards. Every failure names the seed it had."""

from __future__ import annotations

import argparse
import sys

from tests.chaos.worlds import run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, help="replays the world of this seed alone")
    parser.add_argument("--embedded", action="store_true", help="only the embedded broker, which dies with its daemon")
    parser.add_argument("--jobs", type=int, default=2, help="how many worlds at once")
    wanted = parser.parse_args()
    done = run(wanted.kills, wanted.seed, embedded=wanted.embedded, jobs=wanted.jobs)
    print(
        f"{done.kills.total()} kills survived, {done.edits} edits made and {done.compared} last values compared, "
        f"{done.records} outcomes counted, {done.wrong} of {done.worlds} worlds wrong"
    )
    return 1 if done.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
