"""Measures, prints a table, writes benchmarks/latest.json. Some minutes with the defaults.

Exit 1: a page of the console took longer than it may.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks import crowded, pure, running
from benchmarks.world import world
from tests.support.postgres import PostgresServer, PostgresUnavailable

LATEST = Path(__file__).with_name("latest.json")
POLL_SECONDS = 1.0
NOTE = (
    "Counts and ratios describe the program. Seconds describe this machine at this moment, simulators and broker "
    "included: do not compare them across machines, or with a machine that had other work."
)
# 100 customers cost Sales about 500 requests and parts of batches; the simulator throttles, as the service does, at
# 6,000 in 300 s: a run that is much larger measures that limit.
_THROTTLED_FROM = 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--customers", type=int, default=100, help="size of the data set; 100 make about 900 records")
    parser.add_argument("--edits", type=int, default=30, help="live edits, in turn from either side")
    parser.add_argument("--failures", type=int, default=100_000, help="failed records beside which all is done again")
    parser.add_argument("--couplings", type=int, default=1_000_000, help="couplings beside which the console is asked")
    options = parser.parse_args()
    console = Console(highlight=False)
    if options.customers >= _THROTTLED_FROM:
        console.print("Sales will throttle at 6,000 parts in 300 s: records per second will show that limit.")
    started = time.monotonic()
    found = _measured(options)
    _show(console, found)
    LATEST.write_bytes(orjson.dumps(_rounded(found), option=orjson.OPT_INDENT_2) + b"\n")
    console.print(f"\n{NOTE}\nWritten to {LATEST.name} after {time.monotonic() - started:.0f} s.")
    if slow := list(_too_slow(found["console"])):
        sys.exit("\n".join(slow))


def _too_slow(measured: dict[str, Any]) -> Iterator[str]:
    """A line for each page of the console that takes longer than it may."""
    for store, one in measured["stores"].items():
        for page, taken in one["milliseconds"].items():
            if taken > crowded.LIMIT:
                yield f"Too slow: {page} on {store} took {taken:.0f} ms, more than {crowded.LIMIT} ms."


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    customers, edits, failures = options.customers, options.edits, options.failures
    with _folder() as folder, world(folder, customers, POLL_SECONDS) as up:
        first = running.full_synchronisation(up)
        second = running.full_synchronisation(up)
        live = running.live(up, edits, POLL_SECONDS)
        peak = up.peak_rss_mb()
        of = crowded.subjects(up.settings)
        empty = crowded.pages(up.web, of)
        crowded.fail(up.settings, failures, of.job)
        running.full_synchronisation(up)  # the first one beside them pays for their being written
        beside = _beside(
            second, live, running.full_synchronisation(up), running.live(up, edits, POLL_SECONDS, "Later edit")
        )
        if crowded.failures(up.settings) != failures:
            raise RuntimeError("not all of the failed records are in the store that was measured")
        crowded.find(up.settings, failures, of.job)
        crowded.couple(up.settings, options.couplings)
        stores = {"SQLite": _compared(crowded.pages(up.web, of), empty)}
    try:
        stores["PostgreSQL"] = _on_postgres(options)
    except PostgresUnavailable as error:
        print(f"PostgreSQL is left out: {error}", file=sys.stderr)
    return {
        "note": NOTE,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"system": platform.platform(), "python": platform.python_version(), "cpus": os.cpu_count()},
        "customers": customers,
        "first_full_synchronisation": first,
        "second_full_synchronisation": second,
        "live": live,
        "beside_failures": {"failures": failures, **beside},
        "console": {
            "couplings": options.couplings,
            "failures": failures,
            "stores": stores,
        },
        "decide_microseconds": pure.microseconds(),
        "daemon_peak_rss_mb": peak,
    }


def _on_postgres(options: argparse.Namespace) -> dict[str, Any]:
    """The console alone, beside as much. PostgresUnavailable if there is none here."""
    with (
        PostgresServer() as server,
        _folder() as folder,
        contextlib.chdir(folder),  # where a daemon without SQLite notes its addresses
        world(folder, options.customers, POLL_SECONDS, server.new_database()) as up,
    ):
        running.full_synchronisation(up)
        of = crowded.subjects(up.settings)
        empty = crowded.pages(up.web, of)
        crowded.fail(up.settings, options.failures, of.job)
        crowded.find(up.settings, options.failures, of.job)
        crowded.couple(up.settings, options.couplings)
        return _compared(crowded.pages(up.web, of), empty)


def _compared(full: dict[str, float], empty: dict[str, float]) -> dict[str, Any]:
    slower = {page: full[page] / empty[page] for page in full}
    return {"milliseconds": full, "times_as_slow_as_almost_empty": slower}


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="coupled-bench-") as folder:
        yield Path(folder)


def _beside(run: dict[str, Any], live: dict[str, Any], run_then: dict[str, Any], live_then: dict[str, Any]) -> Any:
    """How many times as much the same costs in a store full of failures; 1 is as much."""
    cpu = "cpu_seconds_per_1000_records"
    return {
        "cpu_of_a_full_synchronisation": run_then[cpu] / run[cpu],
        "propagation_p50": live_then["p50_seconds"] / live["p50_seconds"],
        "writes_per_edit": live_then["writes_per_edit"] / live["writes_per_edit"],
    }


def _show(console: Console, found: dict[str, Any]) -> None:
    table = Table("", "", box=None, pad_edge=False, show_header=False)
    for title, key in (("First full synchronisation", "first"), ("The same again", "second")):
        run = found[f"{key}_full_synchronisation"]
        table.add_row(f"[bold]{title}[/]", f"{run['records']} records, {run['inserted']} of them created")
        table.add_row("  records per second", f"{run['records_per_second']:.0f}")
        for side, label in (("bc", "Business Central"), ("sales", "Sales")):
            each, total = run["requests_per_record"][side], run["requests"][side]
            table.add_row(
                f"  {label}",
                f"{total['requests']} HTTP requests; per record {each['reads']:.3f} reads, {each['writes']:.3f} writes",
            )
        table.add_row("  CPU per 1,000 records", f"{run['cpu_seconds_per_1000_records']:.2f} s")
    live, pure_cost = found["live"], found["decide_microseconds"]
    table.add_row("[bold]Live changes[/]", f"{live['edits']} edits, polled every {live['poll_seconds']:g} s")
    table.add_row("  propagation", f"p50 {live['p50_seconds']:.2f} s, p95 {live['p95_seconds']:.2f} s")
    table.add_row("  writes per edit", f"{live['writes_per_edit']:.2f}")
    for name, cost in pure_cost.items():
        table.add_row(f"Deciding one change: {name}", f"{cost:.0f} µs")
    beside = found["beside_failures"]
    table.add_row(f"[bold]Beside {beside['failures']:,} failed records[/]", "as many times as much as without:")
    table.add_row("  CPU of a full synchronisation", f"{beside['cpu_of_a_full_synchronisation']:.2f}")
    table.add_row("  propagation, p50", f"{beside['propagation_p50']:.2f}")
    for store, costs in found["console"]["stores"].items():
        beside = f"{found['console']['couplings']:,} couplings too"
        table.add_row(f"[bold]Console on {store}, {beside}[/]", "and almost none:")
        for page, taken in costs["milliseconds"].items():
            slower = costs["times_as_slow_as_almost_empty"][page]
            table.add_row(f"  {page}", f"{taken:.0f} ms, {slower:.1f} times as much")
    table.add_row("Daemon, peak memory", f"{found['daemon_peak_rss_mb']:.0f} MB")
    console.print(table)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
