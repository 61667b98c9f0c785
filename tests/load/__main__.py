"""`make load`: edits at twice what the services take for minutes; a table of memory and lag, and what is lost."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from deploy.kafka.run_kafka import ApacheKafka, KafkaUnavailable
from tests.load.harness import Load, Sample, grown_mb, systems
from tests.support.processes import DaemonProcess
from tests.support.world import EMBEDDED

# What both services let a user do: 6,000 requests in 300 s.
_RATE, _WINDOW = 20, 300
_MARGIN_MB = 25.0
_ROWS = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long edits arrive; as long again to catch up")
    parser.add_argument("--customers", type=int, default=600)
    parser.add_argument("--embedded", action="store_true", help="on the embedded broker")
    wanted = parser.parse_args()
    with ExitStack() as stack:
        bootstrap = EMBEDDED
        if not wanted.embedded:
            try:
                bootstrap = stack.enter_context(ApacheKafka()).bootstrap
            except KafkaUnavailable as refusal:
                print(f"without Apache Kafka: {refusal}", file=sys.stderr)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="coupled-load-")))
        return _run(folder, bootstrap, wanted.customers, wanted.minutes * 60)


def _run(folder: Path, bootstrap: str, customers: int, seconds: float) -> int:
    with Load(folder, bootstrap, customers, systems(_RATE, _WINDOW)) as load, DaemonProcess(load.world):
        pairs, pid = load.couple(), load.pid
        print(f"{len(pairs)} pairs coupled; {2 * _RATE} edits a second on each side for {seconds:.0f} s", flush=True)
        load.edit(pairs, 2 * _RATE, seconds, pid)
        arrived = load.samples[-1].at
        load.drain(pid, 120 + 3 * seconds)
        lost, grown = load.missing(), grown_mb(load.samples)
        _show(load.samples)
        edits = load.edits
        print(f"{edits} edits in {arrived:.0f} s, {edits / arrived / 2:.0f} a second on each side; all across after "
              f"{load.samples[-1].at:.0f} s; {len(lost)} values lost; memory grew by {grown:.0f} MB")  # fmt: skip
    return 1 if lost or grown > _MARGIN_MB else 0


def _show(samples: list[Sample]) -> None:
    print(f"{'seconds':>8} {'edits':>7} {'waiting':>8} {'lag s':>7} {'memory MB':>10}")
    step = max(1, len(samples) // _ROWS)
    for one in [*samples[::step], samples[-1]]:
        print(f"{one.at:8.0f} {one.edits:7} {one.waiting:8} {one.lag_seconds:7.1f} {one.memory_mb:10.1f}")


if __name__ == "__main__":
    sys.exit(main())
