"""What a running daemon does: full synchronisations, and edits that travel."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.world import World
from daemon.cli import client
from daemon.demo_edits import Row, sign_in
from schemas.command import FullSync
from schemas.job import Keep, RunState

_ARRIVAL_SECONDS = 30.0


def full_synchronisation(world: World) -> dict[str, Any]:
    """One run over all mappings: how fast, how many requests, how much processor time. RuntimeError if any failed."""
    marks, cpu, started = world.marks(), world.cpu_seconds(), time.monotonic()
    command = FullSync(id=client.new_id(), command="full-sync", answer=Keep.RESTORE, requested_by="benchmarks")
    last = None
    for outcome in client.submit(world.settings, command):
        last = outcome
    seconds, used = time.monotonic() - started, world.cpu_seconds() - cpu
    if last is None or last.state is not RunState.DONE or any(job["failed"] + job["conflict"] for job in last.jobs):
        raise RuntimeError(f"the full synchronisation did not go through: {last}")
    records = sum(job["settled"] for job in last.jobs)
    requests = world.requests(marks)
    return {
        "records": records,
        "inserted": sum(job["inserted"] for job in last.jobs),
        "modified": sum(job["modified"] for job in last.jobs),
        "seconds": seconds,
        "records_per_second": records / seconds,
        "cpu_seconds_per_1000_records": used / records * 1000,
        "requests": requests,
        "requests_per_record": {
            side: {kind: number / records for kind, number in counts.items()} for side, counts in requests.items()
        },
    }


def live(world: World, edits: int, poll_seconds: float, text: str = "Edit") -> dict[str, Any]:
    """Edits one after the other, in turn from either side, each watched until the other side shows it."""
    bc, sales = sign_in(world.settings)
    with bc, sales:
        company = _rows(bc, "companies")[0]["id"]
        customers = f"companies({company})/customers"
        pairs = [row for row in _rows(bc, customers) if sales.get(f"accounts({row['id']})").status_code == 200]
        marks, delays = world.marks(), []
        for number in range(edits):
            path, partner = (
                f"{customers}({pairs[number % len(pairs)]['id']})",
                f"accounts({pairs[number % len(pairs)]['id']})",
            )
            sides = (bc, path, "addressLine2"), (sales, partner, "address1_line2")
            (here, source, field), (there, target, column) = sides if number % 2 == 0 else sides[::-1]
            said = f"{text} {number}"
            started = time.monotonic()
            here.patch(source, json={field: said}, headers={"If-Match": "*"}).raise_for_status()
            while there.get(target).raise_for_status().json().get(column) != said:
                if time.monotonic() - started > _ARRIVAL_SECONDS:
                    raise RuntimeError(f"{said} did not arrive within {_ARRIVAL_SECONDS:.0f} s")
                time.sleep(0.02)
            delays.append(time.monotonic() - started)
        time.sleep(3 * poll_seconds)  # the echoes pass
        writes = sum(counts["writes"] for counts in world.requests(marks).values()) - edits
    ordered = statistics.quantiles(delays, n=20, method="inclusive")
    return {
        "edits": edits,
        "poll_seconds": poll_seconds,
        "p50_seconds": statistics.median(delays),
        "p95_seconds": ordered[18],
        "p50_in_polls": statistics.median(delays) / poll_seconds,
        "writes_per_edit": writes / edits,
    }


def _rows(session: Any, path: str) -> list[Row]:
    found: list[Row] = session.get(path).raise_for_status().json()["value"]
    return found
