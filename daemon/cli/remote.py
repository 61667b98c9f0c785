"""The desk of a daemon that is asked by its address: everything by its API, and nothing of Kafka or the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter

from daemon.cli import failures, findings, records, rows
from daemon.cli.client import ACCEPT_SECONDS
from daemon.cli.desk import Row
from daemon.cli.http import LARGEST_PAGE, Api
from daemon.cli.standing import NEWEST, alert_row, with_active
from daemon.store.blanks import Blank
from daemon.store.history import EndedRecord
from daemon.store.views import Failure, FailureCause
from schemas.checkup import Checked
from schemas.command import Command
from schemas.command_outcome import CommandOutcome, job_dict
from schemas.errors import Problem, Unreachable
from schemas.explanation import Explanation
from schemas.holding import Alert
from schemas.job import Job, JobState, RunState
from schemas.outcome import Outcome

_PAUSE = 0.3
_failure, _cause, _blank = TypeAdapter(Failure), TypeAdapter(FailureCause), TypeAdapter(Blank)
_job, _explanation, _checked = TypeAdapter(Job), TypeAdapter(Explanation), TypeAdapter(Checked)
_record, _alert = TypeAdapter(EndedRecord), TypeAdapter(Alert)


class Remote:
    """See `daemon.cli.desk.Desk`."""

    def __init__(self, url: str, config: Path | None, sleep: Callable[[float], object] = time.sleep) -> None:
        self._api = Api(url, config)
        self._sleep = sleep

    def follow(self, command: Command) -> Iterator[CommandOutcome]:
        self._api.post("/api/commands", command.model_dump(mode="json", exclude_none=True))
        heard, last = time.monotonic(), None
        while True:
            outcome = self._outcome(command.id, heard)
            if outcome:
                heard = time.monotonic()
                if outcome != last:
                    yield outcome
                if outcome.state.final:
                    return
                last = outcome
            elif time.monotonic() - heard > ACCEPT_SECONDS:
                raise rows.nobody_answers(ACCEPT_SECONDS)
            self._sleep(_PAUSE)

    def _outcome(self, command: str, heard: float) -> CommandOutcome | None:
        """How it stands; None if nobody has taken it up. A daemon that starts anew is waited for."""
        try:
            found = self._api.get(f"/api/commands/{_part(command)}")
            if found is None:
                return None
            jobs = self._jobs(f"/api/runs/{_part(found['run'])}/jobs") if found["run"] else []
        except Unreachable:
            if time.monotonic() - heard > ACCEPT_SECONDS:
                raise
            return None
        error = Problem(**found["error"]) if found["error"] else None
        return CommandOutcome(found["id"], found["command"], RunState(found["state"]), found["run"], jobs, error)

    def standing(self) -> Row:
        daemon = self._api.sure("/api/status")
        return {**self._standing(daemon), "sides": daemon["sides"], "away": ""}

    def _standing(self, daemon: Mapping[str, Any]) -> Row:
        throughput = self._api.sure("/api/throughput")
        return {
            "alerts": [alert_row(_alert.validate_python(one)) for one in self._api.items("/api/alerts")],
            "dead_letters": sum(daemon.get("dead_letters", {}).values()),
            "per_minute": throughput["per_minute"],
            "last_day": throughput["outcomes"],
            "runs": [{name: run[name] for name in ("id", "kind", "state", "mappings")} for run in self._runs()],
            "mappings": [_standing(one) for one in self._api.items("/api/mappings")],
        }

    def watched(self) -> Row:
        """What `coupled status --watch` draws: `standing`, the jobs that run, and how the daemon is."""
        running = self._jobs("/api/jobs", state=JobState.RUNNING.value)
        waiting = self._api.items("/api/jobs", state=JobState.WAITING.value)
        daemon = self._api.sure("/api/status")
        return {**self._standing(daemon), "jobs": running[::-1], "waiting": len(waiting), "daemon": daemon}

    def check(self) -> Sequence[Checked]:
        return [_checked.validate_python(one) for one in self._api.post("/api/set-up", {})["findings"]]

    def jobs(self, names: Sequence[str], state: JobState | None, failures: bool, limit: int) -> list[Row]:
        chosen = {"state": state and state.value, "failures": "true" if failures else None}
        return rows.newest([_job_row(one) for one in self._of(names, "/api/jobs", limit, **chosen)], limit)

    def job(self, number: int) -> Row:
        found = self._api.get(f"/api/jobs/{number}")
        if found is None:
            raise rows.no_job(number)
        failed = self._api.items("/api/failures", 100, job=number)
        told = self._api.items(f"/api/jobs/{number}/findings", findings.MOST)
        return {
            **_job_row(found),
            "failures": [failures.record(_failure.validate_python(one)) for one in failed],
            "findings": [{name: one[name] for name in findings.SHOWN} for one in told],
        }

    def records(self, job: int, outcome: Outcome, limit: int | None) -> list[Row]:
        found = self._api.items(f"/api/jobs/{job}/records", limit, outcome=outcome.value)
        return [records.record(_record.validate_python(one)) for one in found]

    def ended(self, names: Sequence[str], outcome: Outcome | None, limit: int) -> list[Row]:
        found = self._of(names, "/api/records", limit, outcome=outcome and outcome.value)
        return [records.record(_record.validate_python(one)) for one in found]

    def failures(self, names: Sequence[str], cause: str | None, code: str | None, limit: int) -> list[Row]:
        found = self._of(names, "/api/failures", limit, cause=cause, code=code)
        return [failures.record(_failure.validate_python(one)) for one in found]

    def causes(self, names: Sequence[str], code: str | None, limit: int) -> list[Row]:
        found = self._of(names, "/api/failures/causes", limit, code=code)
        return [failures.cause(_cause.validate_python(one)) for one in found]

    def blanks(self, names: Sequence[str], limit: int) -> list[Row]:
        return [failures.blank(_blank.validate_python(one)) for one in self._of(names, "/api/blanks", limit)]

    def couplings(self, name: str, search: str, limit: int) -> list[Row]:
        found = self._of([name], "/api/couplings", limit, text=search)
        return [_coupling(one) for one in found]

    def findings(self, run: str, kinds: Sequence[str] | None, limit: int | None) -> list[Row]:
        path = f"/api/runs/{_part(run)}"
        if (self._api.get(path) or {}).get("id") != run:  # a slash leads elsewhere
            raise rows.no_run(run)
        found = [one for kind in rows.each(kinds) for one in self._api.items(f"{path}/findings", limit, kind=kind)]
        return [{name: one[name] for name in ("mapping", *findings.SHOWN)} for one in found]

    def couples_existing(self, name: str) -> bool | None:
        found = self._api.get(f"/api/mappings/{_part(name)}")
        return None if found is None else bool(found["definition"].get("couple_existing", False))

    def explain(self, name: str, record: str) -> Explanation:
        self._mapping(name)
        return _explanation.validate_python(self._api.sure(f"/api/pairs/{_part(name)}/{_part(record)}"))

    def letters(self, topic: str, limit: int | None = None) -> list[Row]:
        found = self._api.items("/api/dead-letters", limit, topic=topic)
        return [_letter(one) for one in found]

    def put_back(self, numbers: Collection[int]) -> Row:
        chosen = sorted(numbers)
        parts = [chosen[first : first + LARGEST_PAGE] for first in range(0, len(chosen), LARGEST_PAGE)]
        done = [self._api.post("/api/dead-letters/replay", {"letters": part}) for part in parts]
        return {name: [one for part in done for one in part[name]] for name in ("replayed", "left")}

    def _runs(self) -> list[Any]:
        states = [state.value for state in RunState if not state.final]
        active = self._api.items("/api/runs", state=states)
        return with_active(self._api.items("/api/runs", NEWEST), active[::-1], lambda run: str(run["id"]))

    def _jobs(self, path: str, limit: int | None = None, **given: object) -> list[Row]:
        return [_job_row(one) for one in self._api.items(path, limit, **given)]

    def _of(self, names: Sequence[str], path: str, limit: int, **given: object) -> list[Any]:
        for name in names:
            self._mapping(name)
        return [one for name in rows.each(names) for one in self._api.items(path, limit, mapping=name, **given)]

    def _mapping(self, name: str) -> None:
        """Refused if there is none of this name."""
        if self._api.get(f"/api/mappings/{_part(name)}") is None:
            raise rows.no_mapping(name)


def _part(text: str) -> str:
    """One part of an address, whatever is in it. Dots alone would be a way to another address."""
    return quote(text, safe="").replace(".", "%2E") or "%20"


def _job_row(found: Mapping[str, Any]) -> Row:
    """The API counts conflicts among the failed, as the original does; messages and `--json` tell both apart."""
    counted = {**found, Outcome.FAILED.value: found["failed"] - found["conflict"]}
    counters = {outcome: counted[outcome.value] for outcome in Outcome}
    return job_dict(_job.validate_python({**counted, "counters": counters}))


def _coupling(found: Mapping[str, Any]) -> Row:
    updated = datetime.fromisoformat(found["updated"])
    return rows.coupling(found["bc_id"], found["sales_id"], found["name"], found["references"], updated)


def _letter(found: Mapping[str, Any]) -> Row:
    at = datetime.fromisoformat(found["at"]).isoformat(timespec="milliseconds")
    return {**{name: value for name, value in found.items() if name != "stuck"}, "at": at}


def _standing(found: Mapping[str, Any]) -> Row:
    return {
        "name": found["name"],
        "direction": found["direction"],
        "only_coupled": found["only_coupled"],
        "live": found["live"],
        "paused": found["paused_at"] is not None,
        "couplings": found["couplings"],
        "failures": found["failures"],
        "blanks": found["blanks"],
        "lag": {way: round(seconds, 1) for way, seconds in found["lag"].items()},
        "owes": found["owes"],
    }
