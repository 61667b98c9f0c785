"""The messages that docs/reference/asyncapi.yaml shows: written by the encoders, read by the decoders in its test."""

from collections.abc import Mapping
from typing import Any

from schemas import dead_letter
from schemas.change import Change, Op
from schemas.command_outcome import CommandOutcome, job_dict
from schemas.errors import Problem
from schemas.job import Job, JobState, RunState
from schemas.outcome import Outcome
from schemas.side import Direction, Side

_CUSTOMER = "8e3c0b8e-62a4-4b9e-8ad6-0d3e5f8f0a01"
CHANGE = Change(
    Op.UPDATE, Side.BC, "customers", _CUSTOMER, {"id": _CUSTOMER, "displayName": "Adatum Corporation", "city": "Ulm"},
    'W/"JzE5Ozk2MzE7MDAn"', 1_790_000_000_000, 1_790_000_000_000, 1_790_000_004_000,
)  # fmt: skip
SWEPT = Change(
    Op.READ, Side.BC, "customers", _CUSTOMER, CHANGE.after, CHANGE.version, CHANGE.sequence, CHANGE.ts_ms,
    CHANGE.captured_ms, 7, "CUSTOMER",
)  # fmt: skip
JOB = Job(
    7, "evening-1", "CUSTOMER", Direction.TO_SALES, JobState.FINISHED, published=1, counters={Outcome.INSERTED: 1}
)
DONE = CommandOutcome("evening-1", "full-sync", RunState.DONE, "evening-1", (job_dict(JOB),))
WHY_REFUSED = Problem("command-not-object", "The command is not a JSON object.", "Send one JSON object.")
REFUSED = CommandOutcome("evening-2", "", RunState.REFUSED, error=WHY_REFUSED)
LETTER_HEADERS = dead_letter.headers(dead_letter.Place("coupled.bc.customers", 0, 41), "the message is empty")
COMMANDS: Mapping[str, Mapping[str, Any]] = {
    str(each["command"]): each
    for each in (
        {"id": "evening-1", "command": "full-sync", "mappings": ["CUSTOMER"], "answer": "restore"},
        {"id": "evening-2", "command": "sync", "mappings": ["CUSTOMER"], "records": [_CUSTOMER]},
        {"id": "evening-3", "command": "match", "mappings": ["CONTACTS"], "dry_run": True},
        {"id": "evening-4", "command": "answer", "run": "evening-1", "answer": "keep"},
        {"id": "evening-5", "command": "pause", "mappings": ["CONTACTS"]},
        {"id": "evening-6", "command": "resume"},
        {"id": "evening-7", "command": "retry", "records": [_CUSTOMER], "use": "bc"},
        {
            "id": "evening-8", "command": "couple", "mapping": "CUSTOMER", "bc_id": "10000",
            "sales_id": "5c8ab3f4-1d7e-4f0a-9a55-0d1c2f6f1b11", "use": "sales",
        },
        {"id": "evening-9", "command": "uncouple", "mapping": "CUSTOMER", "records": [_CUSTOMER]},
        {"id": "evening-10", "command": "verify", "repair": True, "requested_by": "nightly check"},
    )
}  # fmt: skip
