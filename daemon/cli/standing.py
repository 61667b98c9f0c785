"""How everything stands, as the store tells: for `coupled status`, once or again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from daemon.cli.options import load_mappings
from daemon.cli.output import short
from schemas.errors import CoupledError
from schemas.holding import Alert, besides
from schemas.job import RunState
from schemas.side import Side

if TYPE_CHECKING:  # the store is slow to import, and `--help` does not need it
    from daemon.cli.worker import Worker
    from daemon.settings import Settings
    from daemon.store.engine import Store

T = TypeVar("T")
# Of the runs, whatever has become of them.
NEWEST = 5


async def standing(store: Store, settings: Settings) -> dict[str, Any]:
    """The newest runs, all that are not over, every mapping, and the alerts that hold. `lag`: by direction, the age in
    seconds of the oldest unapplied change. `per_minute`: how many changes end, over the last five; `last_day`: how they
    did, in 24 hours."""
    from daemon.store.figures import failures, lags
    from schemas.mapping_diff import commands as owed_commands

    mappings = load_mappings(settings.mappings)
    flags = await store.memory.flags(mappings.all)
    coupled = await store.views.coupling_counts()
    known, blanks = await store.definitions.known(), await store.blanks.counts()
    late = lags(mappings, await store.views.positions(), {name for name, one in flags.items() if one.paused})
    failed = failures(await store.views.failure_counts())
    lately = await store.ended.lately()
    return {
        "alerts": [alert_row(one) for one in await store.looks.told()],
        "dead_letters": sum((await store.unreadable.lately()).values()),
        "per_minute": lately.per_minute,
        "last_day": {outcome.value: number for outcome, number in lately.outcomes.items()},
        "runs": [
            {"id": run.id, "kind": run.kind.value, "state": run.state.value, "mappings": list(run.mappings)}
            for run in with_active(
                await store.jobs.runs(limit=NEWEST), await store.jobs.active_runs(), lambda run: run.id
            )
        ],
        "mappings": [
            {
                "name": mapping.name,
                "direction": mapping.direction.value,
                "only_coupled": flags[mapping.name].only_coupled,
                "live": mapping.live,
                "paused": flags[mapping.name].paused,
                "couplings": coupled.get(mapping.name, 0),
                "failures": failed[mapping.name, "open"],
                "blanks": blanks.get(mapping.name, 0),
                "lag": {
                    way.value: round(late[mapping.name, way], 1)
                    for way in mapping.direction.one_ways
                    if (mapping.name, way) in late
                },
                "owes": owed_commands(mapping.name, known[mapping.name].owed) if mapping.name in known else {},
            }
            for mapping in mappings.all
        ],
    }


def alert_row(one: Alert) -> dict[str, Any]:
    """As `--json` tells it."""
    return {**asdict(one), "parts": list(one.parts), "since": one.since.isoformat(timespec="seconds")}


def with_active(newest: Sequence[T], active: Sequence[T], id_of: Callable[[T], str]) -> list[T]:
    """`newest`, newest first, and behind them those of `active`, oldest first, that are older: one that waits for its
    answer is not lost behind those that came later."""
    there = {id_of(run) for run in newest}
    return [*newest, *(run for run in reversed(active) if id_of(run) not in there)]


def asked(worker: Worker) -> dict[str, Any]:
    """The `sides` as the worker finds them; or `away`, why it cannot be asked."""
    try:
        return {"sides": worker.ask("/api/status", {})["sides"], "away": ""}
    except CoupledError as error:
        return {"sides": [], "away": str(error)}


def sides(found: Mapping[str, Any]) -> Iterator[str]:
    """Those that are not up, and why; or why nobody can tell."""
    if found["away"]:
        yield found["away"]
    for side in found["sides"]:
        if not side["up"]:
            state = "down" if side["checked"] else "not read yet"
            yield f"{Side(side['side']).label} is {state}: {side['detail']} ({side['url']})"


def throughput(found: Mapping[str, Any]) -> str:
    """How many changes there were in the last 24 hours, how they ended, and how many a minute there are now."""
    outcomes = found["last_day"]
    ended = ", ".join(f"{number:,} {outcome}" for outcome, number in outcomes.items())
    whole = f"{sum(outcomes.values()):,} changes in the last 24 hours"
    return f"{whole}{': ' * bool(ended)}{ended}; now {found['per_minute']:,.0f} a minute"


def behind(lag: Mapping[str, float]) -> str:
    """How late the later direction is; nothing while nothing waits."""
    seconds = max(lag.values(), default=0)
    if seconds < 1:
        return ""
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"


def _wrong(found: Mapping[str, Any]) -> Iterator[str]:
    """The alerts that are told nowhere else; `daemon` is how the worker is that was asked, if it is not `found`."""
    daemon = found.get("daemon", found)
    down = [side["side"] for side in daemon.get("sides", ()) if not side["up"]]
    alerts = [Alert(**{**one, "since": datetime.fromisoformat(one["since"])}) for one in found["alerts"]]
    for alert in besides(alerts, daemon.get("reasons", ()), down):
        yield f"{alert.title} since {short(alert.since.isoformat())}: {alert.said}"


def to_do(found: Mapping[str, Any]) -> Iterator[str]:
    """What waits for a person, each with the command for it."""
    yield from _wrong(found)
    for owing in found["mappings"]:
        for command, because in owing["owes"].items():
            yield f"{owing['name']} was changed ({', '.join(because)}). Still to run: {command}"
    for run in found["runs"]:
        if run["state"] == RunState.AWAITING_ANSWER:
            yield f"An answer is due: coupled answer {run['id']} keep|restore"
    if paused := [mapping["name"] for mapping in found["mappings"] if mapping["paused"]]:
        yield f"Paused, and carrying nothing: coupled resume {' '.join(paused)}"
    if failed := sum(mapping["failures"] for mapping in found["mappings"]):
        yield f"{failed:,} failed record{'' if failed == 1 else 's'}: coupled errors says why, and what to do"
    if letters := found["dead_letters"]:
        told = f"{letters:,} message{'' if letters == 1 else 's'} nobody could read in the last day"
        yield f"{told}: coupled dead-letters list"
    if blanks := sum(mapping["blanks"] for mapping in found["mappings"]):
        went = f"{blanks:,} record{'' if blanks == 1 else 's'} went across without one that is not coupled"
        yield f"{went}, and wait for it: coupled errors --blanks"
    if not found["runs"] and not any(mapping["couplings"] for mapping in found["mappings"]):
        yield "Nothing is coupled yet. See what a first run would do: coupled full-sync --dry-run"
