"""What `coupled.outcomes` says of a command: its state, its run's jobs so far, or why it was refused (DESIGN 6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.errors import Problem
from schemas.job import Job, RunState
from schemas.outcome import Outcome


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """One message. States come in order: accepted, running (repeated with progress), then one final one."""

    id: str
    command: str
    state: RunState
    run: str | None = None
    jobs: Sequence[dict[str, Any]] = ()
    error: Problem | None = None


def job_dict(job: Job) -> dict[str, Any]:
    """A job with the original's counters, as messages, `--json` and the JSON API show it."""
    return {
        "id": job.id,
        "run": job.run,
        "mapping": job.mapping,
        "direction": job.direction.value,
        "state": job.state.value,
        "started": job.started.isoformat() if job.started else None,
        "finished": job.finished.isoformat() if job.finished else None,
        "published": job.published,
        "total": job.total,
        "settled": job.settled,
        "message": job.message,
        "read": job.read,
        "found": dict(job.found),
        **{outcome.value: job.counters.get(outcome, 0) for outcome in Outcome},
    }


def encode(outcome: CommandOutcome) -> bytes:
    return orjson.dumps(
        {
            "id": outcome.id,
            "command": outcome.command,
            "state": outcome.state.value,
            "run": outcome.run,
            "jobs": list(outcome.jobs),
            "error": outcome.error.as_dict() if outcome.error else None,
        }
    )


def decode(value: bytes) -> CommandOutcome:
    """ValueError if the message is not ours."""
    try:
        data = orjson.loads(value)
        error = data.get("error")
        return CommandOutcome(
            id=data["id"],
            command=data["command"],
            state=RunState(data["state"]),
            run=data.get("run"),
            jobs=data.get("jobs") or (),
            error=Problem(**error) if error else None,
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an outcome: {error!r}") from error
