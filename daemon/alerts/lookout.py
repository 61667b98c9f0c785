"""What the leader sees: of itself, of its metrics, and of the store."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from daemon.metrics import Metrics
from daemon.store.engine import Store
from daemon.store.figures import failures, lags
from producers.subscriptions import State
from schemas.alert_causes import Sight
from schemas.alerts import share
from schemas.errors import CoupledError
from schemas.job import Job, RunState
from schemas.mapping import Mappings
from schemas.side import Side

_LIVE, _OPEN = "live:", "open"
# Looks kept for the shares: a little more of them than the longest window has.
_LOOKS = 75
_SLOW_WINDOW = 900.0
# What `share` asks for.
_Points = deque[tuple[float, float, float]]
_AT_WORK = (RunState.ACCEPTED, RunState.RUNNING)


class Standing(Protocol):
    """See `daemon.health.Health`."""

    reasons: dict[str, str]

    def ages(self) -> dict[tuple[Side, str], float]: ...


class Lookout:
    def __init__(
        self,
        store: Store,
        mappings: Mappings,
        metrics: Metrics,
        health: Standing,
        subscriptions: Callable[[], Mapping[str, State]],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._mappings = store, mappings
        self._metrics, self._health, self._subscriptions, self._now = metrics, health, subscriptions, now
        self._waited, self._failed = _histories(), _histories()
        self._slow = _history()

    async def sight(self) -> Sight:
        """It never fails: what cannot be known now is absent."""
        now = self._now()
        self._note(now)
        reasons = self._health.reasons
        own: dict[str, Any] = {
            "waited": {side.value: share(points, now) for side, points in self._waited.items()},
            "refused": {side.value: share(points, now) for side, points in self._failed.items()},
            "slow": share(self._slow, now, _SLOW_WINDOW),
            "position_age": {(side.value, table): age for (side, table), age in self._health.ages().items()},
            "unread": [_place(name) for name in reasons if name.startswith(_LIVE)],
            "webhooks": {table: state.value for table, state in self._subscriptions().items()},
            "reasons": {name: why for name, why in reasons.items() if not name.startswith(_LIVE)},
        }
        try:
            return Sight(now, True, **own, **await self._stored())
        except CoupledError:
            return Sight(now, False, **own)

    def _note(self, now: float) -> None:
        for side, total in self._metrics.waited().items():
            self._waited[side].append((now, now, total))
        for side, requests in self._metrics.failed.items():
            self._failed[side].append((now, requests.all, requests.of_it))
        written = self._metrics.slow
        self._slow.append((now, written.all, written.of_it))

    async def _stored(self) -> dict[str, Any]:
        views, jobs = self._store.views, self._store.jobs
        # Shared with the metrics, which count every few seconds: so many failures take long to count.
        failed, runs = failures(await self._store.tallies.failures()), await jobs.active_runs()
        conflicts = await views.conflict_counts()
        states = await self._store.states.all()
        paused = {name: one.paused_at.timestamp() for name, one in states.items() if one.paused_at}
        late = lags(self._mappings, await views.positions(), paused)
        return {
            "lag": {(mapping, way.value): age for (mapping, way), age in late.items()},
            "applied": await views.applied(),
            "failing": {
                mapping: max(0, count - conflicts.get(mapping, 0))
                for (mapping, state), count in failed.items()
                if state == _OPEN
            },
            "conflicts": conflicts,
            "runs": {run.id: _at(await jobs.jobs_of(run.id)) for run in runs if run.state in _AT_WORK},
            "letters": await self._store.unreadable.lately(),
            "answers": [run.id for run in runs if run.state is RunState.AWAITING_ANSWER],
            "paused": paused,
        }


def _history() -> _Points:
    return deque(maxlen=_LOOKS)


def _histories() -> Mapping[Side, _Points]:
    return {side: _history() for side in Side}


def _at(jobs: Sequence[Job]) -> object:
    """What moves while a run is at work."""
    return [(job.state, job.published, job.read, job.settled) for job in jobs]


def _place(name: str) -> tuple[str, str]:
    side, _, table = name.removeprefix(_LIVE).partition(":")
    return side, table
