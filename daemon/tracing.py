"""OpenTelemetry traces, off unless told where to send them: from the capture of a change to its end on the other side.

The context travels in the header `traceparent` of each message on a table topic (W3C Trace Context), so that other
programs on the topics may go on with a trace, or begin one.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from daemon.settings import Tracing
from schemas.change import Change
from schemas.errors import ConfigurationError
from schemas.outcome import Outcome, Settled

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

HEADER = "traceparent"
Headers = list[tuple[str, bytes]]
_NS = 1_000_000


class Traces(Protocol):
    def publishing(self, topic: str, changes: Sequence[Change]) -> contextlib.AbstractContextManager[Headers]:
        """While these changes are put on the topic; yields the headers of their messages."""

    def settled(self, settled: Iterable[Settled], now_ms: int) -> None:
        """These have ended, and that is stored."""

    async def close(self) -> None:
        """Sends what is left."""


class NoTraces:
    """What a daemon has that is not told where to send any."""

    def publishing(self, topic: str, changes: Sequence[Change]) -> contextlib.AbstractContextManager[Headers]:
        return contextlib.nullcontext([])

    def settled(self, settled: Iterable[Settled], now_ms: int) -> None:
        """Nobody wants to know."""

    async def close(self) -> None:
        """Nothing is left."""


class OpenTelemetry:
    """A span from the capture of a page of changes to their acknowledgement by Kafka, and in the same trace one for
    each record, from its capture to its stored end."""

    def __init__(self, sample: float, exporter: "SpanExporter") -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        resource = Resource.create({"service.name": "coupled"})
        self._provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(sample)), resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer: Any = self._provider.get_tracer("coupled")
        self._context = TraceContextTextMapPropagator()

    @contextlib.contextmanager
    def publishing(self, topic: str, changes: Sequence[Change]) -> Iterator[Headers]:
        from opentelemetry.trace import SpanKind

        about = {"messaging.system": "kafka", "messaging.destination.name": topic, "coupled.changes": len(changes)}
        begun = min(change.captured_ms for change in changes) * _NS
        span = self._tracer.start_as_current_span(f"publish {topic}", None, SpanKind.PRODUCER, about, start_time=begun)
        with span:
            carrier: dict[str, str] = {}
            self._context.inject(carrier)
            yield [(name, value.encode()) for name, value in carrier.items()]

    def settled(self, settled: Iterable[Settled], now_ms: int) -> None:
        for one in settled:
            if one.change.trace:
                self._carried(one, now_ms)

    def _carried(self, one: Settled, now_ms: int) -> None:
        from opentelemetry.trace import SpanKind, StatusCode

        change = one.change
        about = {
            "coupled.mapping": one.mapping,
            "coupled.direction": one.direction.value,
            "coupled.outcome": one.outcome.value,
            "coupled.record": change.key,
        }
        context = self._context.extract({HEADER: change.trace})
        begun = change.captured_ms * _NS
        span = self._tracer.start_span(f"carry {one.mapping}", context, SpanKind.CONSUMER, about, start_time=begun)
        if one.outcome in {Outcome.FAILED, Outcome.CONFLICT}:
            span.set_status(StatusCode.ERROR, one.problem.code if one.problem else one.outcome.value)
        span.end(max(now_ms * _NS, begun))

    async def close(self) -> None:
        await asyncio.to_thread(self._provider.shutdown)


def traces_of(tracing: Tracing) -> Traces:
    """As the settings want them. ConfigurationError if they need packages that are not installed."""
    if tracing.endpoint is None:
        return NoTraces()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise ConfigurationError(
            "tracing-not-installed",
            "tracing.endpoint is set, and the packages of OpenTelemetry are not installed.",
            "Install coupled with its extra `otel`, or leave tracing.endpoint out.",
        ) from error
    return OpenTelemetry(tracing.sample, OTLPSpanExporter(endpoint=tracing.endpoint))
