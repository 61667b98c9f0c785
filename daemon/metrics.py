"""The Prometheus metrics of DESIGN 6, and some more, for dashboards and alerts to rely on.

A series that first appears with its first event hides it from `increase()` and `rate()`, so whatever can be known at
the start is there from the start, with 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.openmetrics import exposition as openmetrics

from daemon.tracing import trace_id
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
_ANSWERS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
# Seconds after which a change was slow, for the alert: one of _BUCKETS, so that Prometheus counts the same.
_SLOW = 60
_WRITTEN = frozenset({Outcome.INSERTED, Outcome.MODIFIED})
# No answer, or refused: with what fails at the server, what the alert on a side's requests counts.
_FAILED = frozenset({0, 401, 403})
# An exemplar may have 128 characters, names of its labels included, and `trace_id` is 40 of them. An id has 36.
_EXEMPLAR_PART, _BESIDE_TRACE = 50, 37


@dataclass(slots=True)
class Part:
    """How much there was since the start, and how much of that was of a kind."""

    all: int = 0
    of_it: int = 0

    def add(self, counts: bool) -> None:
        self.all += 1
        self.of_it += counts


@dataclass(frozen=True, slots=True)
class Figures:
    """What the store and Kafka know at one moment. What is absent disappears from the metrics.

    `failures` by (mapping, state); `progress` from 0 to 1 by (mapping, direction); lags in seconds; `runs` that are not
    over, by state; `paused` tells of each mapping whether it is; `dead_letters` of the last day, by topic.
    """

    couplings: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[tuple[str, str], int] = field(default_factory=dict)
    progress: Mapping[tuple[str, Direction], float] = field(default_factory=dict)
    lag: Mapping[tuple[str, Direction], float] = field(default_factory=dict)
    consumer_lag: Mapping[str, int] = field(default_factory=dict)
    runs: Mapping[str, int] = field(default_factory=dict)
    paused: Mapping[str, bool] = field(default_factory=dict)
    dead_letters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """How this worker stands, which it knows without the store: ages in seconds, `subscriptions` by (table, state)."""

    ready: bool = False
    leads: bool = False
    position_age: Mapping[tuple[Side, str], float] = field(default_factory=dict)
    subscriptions: Mapping[tuple[str, str], int] = field(default_factory=dict)


class Metrics:
    """One registry of its own, so that several daemons (and tests) can live in one process.

    `failed` of the requests to each side, and `slow` of the changes that were written: for alerts without Prometheus.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._records = self._counter("coupled_records", "Changes that ended.", "mapping", "direction", "outcome")
        self._requests = self._counter("coupled_api_requests", "Requests to a side.", "side", "operation", "status")
        self._parts = self._counter("coupled_api_parts", "Requests as a side counts them for its limit.", "side")
        self._answers = Histogram(
            "coupled_api_request_seconds",
            "From a request to the end of its answer.",
            ["side"],
            buckets=_ANSWERS,
            registry=self._registry,
        )
        self._throttled = self._counter("coupled_api_throttled_seconds", "Time a side made us wait.", "side")
        self._propagation = Histogram(
            "coupled_propagation_seconds",
            "From a change on one side to its acknowledgement by the other.",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._lag = self._gauge("coupled_lag_seconds", "Age of the oldest unapplied change.", "mapping", "direction")
        self._consumer_lag = self._gauge("coupled_consumer_lag", "Messages on a topic not yet taken.", "topic")
        self._progress = self._gauge("coupled_job_progress_ratio", "Share of a job done.", "mapping", "direction")
        self._couplings = self._gauge("coupled_couplings", "Records coupled.", "mapping")
        self._failures = self._gauge("coupled_failures", "Records that need a person.", "mapping", "state")
        self._position = self._gauge(
            "coupled_capture_position_age_seconds", "Time since a table was last read to its end.", "side", "table"
        )
        self._subscriptions = self._gauge(
            "coupled_webhook_subscriptions", "Subscriptions to Business Central's webhooks.", "table", "state"
        )
        self._runs = self._gauge("coupled_runs", "Synchronisation runs that are not over.", "state")
        self._letters = self._gauge("coupled_dead_letters", "Messages nobody could read, in the last day.", "topic")
        self._paused = self._gauge("coupled_mapping_paused", "Whether a mapping is paused.", "mapping")
        self._ready = self._gauge("coupled_ready", "Whether this worker can do all of its work.")
        self._leads = self._gauge("coupled_leader", "Whether this worker leads: captures, runs, takes commands.")
        self._outcomes: dict[Outcome, int] = {}
        self._waited = dict.fromkeys(Side, 0.0)
        self.failed = {side: Part() for side in Side}
        self.slow = Part()
        for side in Side:
            self._throttled.labels(side.value)
            self._parts.labels(side.value)
            self._answers.labels(side.value)

    def expect(self, ways: Iterable[tuple[str, Direction]]) -> None:
        """These (mapping, direction) will be counted, from 0 on."""
        for name, way in ways:
            for outcome in Outcome:
                self._records.labels(name, way.value, outcome.value)

    def record(self, settled: Iterable[Settled], now_ms: int) -> None:
        """Counts changes that ended; those of live capture that were written also say how long they took."""
        for one in settled:
            self._records.labels(one.mapping, one.direction.value, one.outcome.value).inc()
            self._outcomes[one.outcome] = self._outcomes.get(one.outcome, 0) + 1
            if one.change.job is None and one.outcome in _WRITTEN:
                seconds = max(0, now_ms - one.change.ts_ms) / 1000
                self._propagation.observe(seconds, _exemplar(one))
                self.slow.add(seconds > _SLOW)

    def request(self, side: Side, operation: str, status: int, seconds: float) -> None:
        """Counts one request (status 0: no answer), and how long it took."""
        self._requests.labels(side.value, operation, str(status)).inc()
        self._answers.labels(side.value).observe(seconds)
        self.failed[side].add(status in _FAILED or status >= 500)

    def counted(self, side: Side, parts: int) -> None:
        """Adds for how many requests the side counts what was sent."""
        self._parts.labels(side.value).inc(parts)

    def throttled(self, side: Side, seconds: float) -> None:
        """Adds time that a side made us wait."""
        self._throttled.labels(side.value).inc(max(0.0, seconds))
        self._waited[side] += max(0.0, seconds)

    def refresh(self, figures: Figures) -> None:
        """Sets every gauge of the store to `figures`."""
        _set(self._couplings, {(name,): count for name, count in figures.couplings.items()})
        _set(self._failures, figures.failures)
        _set(self._progress, {(name, way.value): ratio for (name, way), ratio in figures.progress.items()})
        _set(self._lag, {(name, way.value): age for (name, way), age in figures.lag.items()})
        _set(self._consumer_lag, {(topic,): count for topic, count in figures.consumer_lag.items()})
        _set(self._runs, {(state,): count for state, count in figures.runs.items()})
        _set(self._letters, {(topic,): count for topic, count in figures.dead_letters.items()})
        _set(self._paused, {(name,): paused for name, paused in figures.paused.items()})

    def stand(self, standing: Standing) -> None:
        """Sets every gauge of this worker to `standing`."""
        self._ready.set(standing.ready)
        self._leads.set(standing.leads)
        _set(self._position, {(side.value, table): age for (side, table), age in standing.position_age.items()})
        _set(self._subscriptions, standing.subscriptions)

    def outcomes(self) -> Mapping[Outcome, int]:
        """How the changes since the start ended."""
        return dict(self._outcomes)

    def waited(self) -> Mapping[Side, float]:
        """How many seconds each side has made us wait since the start."""
        return dict(self._waited)

    def render(self) -> bytes:
        """The text that Prometheus reads; serve it as `CONTENT_TYPE`."""
        return generate_latest(self._registry)

    def negotiate(self, accept: str) -> tuple[bytes, str]:
        """Text and its content type: with exemplars for who accepts OpenMetrics, as Prometheus does."""
        if "application/openmetrics-text" in accept:
            text: bytes = openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call]
            return text, openmetrics.CONTENT_TYPE_LATEST
        return self.render(), CONTENT_TYPE

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)


def _exemplar(one: Settled) -> dict[str, str]:
    """Which record took so long: its mapping, and its id on the side where it was changed; and the trace that tells
    why, if there is one."""
    trace = trace_id(one.change)
    most, traced = (_BESIDE_TRACE, {"trace_id": trace}) if trace else (_EXEMPLAR_PART, {})
    return {"mapping": one.mapping[:most], "record": one.change.key[:most], **traced}


def _set(gauge: Gauge, values: Mapping[Any, float]) -> None:
    gauge.clear()
    for labels, value in values.items():
        gauge.labels(*labels).set(value)
