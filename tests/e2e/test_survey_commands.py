"""A dry run and a match at the command line, with a daemon in another process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.processes import DaemonProcess, coupled, document
from tests.support.world import World

pytestmark = pytest.mark.e2e


def test_a_dry_run_is_shown_before_and_a_match_after(tmp_path: Path) -> None:
    with World(tmp_path) as world, DaemonProcess(world) as daemon:
        shown = coupled(world, "full-sync", "--dry-run")
        assert shown.returncode in (0, 1), shown.stderr
        assert "Would be inserted:" in shown.stdout
        assert "… more: coupled findings" in shown.stdout
        assert "Recommended for CUSTOMER:" in shown.stdout
        assert document(coupled(world, "status", "--json"))["mappings"][3]["couplings"] == 0

        told = document(coupled(world, "full-sync", "--dry-run", "--json"))
        assert (told["command"], told["state"]) == ("full-sync", "done")
        would = {job["mapping"]: job["found"] for job in told["jobs"]}
        assert would["CUSTOMER"]["to_sales.insert"] > 0
        found = document(coupled(world, "findings", told["run"], "--kind", "insert", "--json"))
        assert len(found) == sum(n for job in would.values() for kind, n in job.items() if kind.endswith(".insert"))

        matched = document(coupled(world, "match", "CUSTOMER", "--dry-run", "--json"))
        assert [job["found"]["matched"] for job in matched["jobs"]] == [would["CUSTOMER"]["duplicate"]]
        assert "Have no match:" in coupled(world, "match", "CUSTOMER").stdout
        assert daemon.terminate(timeout=10) == 0
        assert "Traceback" not in daemon.output()
