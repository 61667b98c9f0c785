"""Traces as the packages of OpenTelemetry make them, which need not be installed: see `daemon.tracing.traces_of`."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from consumers.odata import Send
from daemon.tracing import HEADER, Headers
from schemas.change import Change
from schemas.errors import ApiError
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from schemas.write import Answer, Write, Written

_NS = 1_000_000
_WRITING = frozenset({"write", "batch"})
# Spans that wait to be sent, unless the usual variable says otherwise, as the package's own 2,048 do not hold the two
# of each record of a few batches.
_MOST, _MOST_VARIABLE = 8192, "OTEL_BSP_MAX_QUEUE_SIZE"
# Seconds that a daemon which stops waits for a collector that is away; the packages would try for half a minute.
_PATIENCE = 5.0


@dataclass(slots=True)
class _Request:
    """One that carries `records` writes to a side, since `begun` (in ms); `seconds` of each time that it was sent."""

    side: Side
    records: int
    begun: int
    seconds: list[float] = field(default_factory=list)

    def about(self, ended: int) -> dict[str, str | int | float]:
        waited = (ended - self.begun) / 1000 - sum(self.seconds)
        told = {"coupled.records": self.records, "coupled.waited_seconds": max(0.0, round(waited, 3))}
        again = {"http.request.resend_count": len(self.seconds) - 1} if len(self.seconds) > 1 else {}
        return {"coupled.side": self.side.value, **told, **again}


# The one that is under way where the governor tells of an answer.
_request: ContextVar[_Request | None] = ContextVar("request", default=None)
# What the next span of this thread, or task, is to be called; 0: whatever comes.
_chosen: ContextVar[int] = ContextVar("chosen", default=0)


class _Ids(RandomIdGenerator):
    def generate_span_id(self) -> int:
        return _chosen.get() or super().generate_span_id()


class OpenTelemetry:
    """A span from the capture of a page of changes to their acknowledgement by Kafka (`publish`); in the same trace one
    for each record, from its capture to its stored end (`carry`); below that one for each request that carried its
    write, from when it was ready to the side's answer (`push`).

    A request carries many records, and each has a push of its own, where one for the request might link to their
    traces: who wonders about a record has its trace open, and there Jaeger and Tempo draw the spans of that trace, not
    those of others that link to it.

    A push has ended before its carry, which another worker may end after a kill: that one's id is made from what both
    know. `now_ms` is the clock of all spans but `publish`, so that a push lies within its carry.
    """

    def __init__(self, sample: float, exporter: SpanExporter, now_ms: Callable[[], int]) -> None:
        resource, sampler = Resource.create({"service.name": "coupled"}), ParentBased(TraceIdRatioBased(sample))
        self._provider = TracerProvider(sampler=sampler, resource=resource, id_generator=_Ids())
        self._exporter = exporter
        most = None if _MOST_VARIABLE in os.environ else _MOST
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=most))
        self._tracer = self._provider.get_tracer("coupled")
        self._context = TraceContextTextMapPropagator()
        self._now_ms = now_ms

    @contextlib.contextmanager
    def publishing(self, topic: str, changes: Sequence[Change]) -> Iterator[Headers]:
        where = {"messaging.system": "kafka", "messaging.destination.name": topic}
        about: dict[str, str | int] = {**where, "coupled.changes": len(changes)}
        begun = min(change.captured_ms for change in changes) * _NS
        span = self._tracer.start_as_current_span(f"publish {topic}", None, SpanKind.PRODUCER, about, start_time=begun)
        with span:
            carrier: dict[str, str] = {}
            self._context.inject(carrier)
            yield [(name, value.encode()) for name, value in carrier.items()]

    def pushing(self, side: Side, send: Send) -> Send:
        async def watched(writes: Sequence[Write]) -> Sequence[Answer]:
            request = _Request(side, len(writes), self._now_ms())
            before = _request.set(request)
            ends: Sequence[Answer | BaseException] = ()
            try:
                ends = answers = await send(writes)
            except BaseException as error:
                ends = [error] * len(writes)
                raise
            finally:
                _request.reset(before)
                self._pushed(request, writes, ends)
            return answers

        return watched

    def answered(self, side: Side, operation: str, status: int, seconds: float) -> None:
        if operation in _WRITING and (request := _request.get()):
            request.seconds.append(seconds)

    def _pushed(self, request: _Request, writes: Sequence[Write], ends: Sequence[Answer | BaseException]) -> None:
        ended = self._now_ms()
        about = request.about(ended)
        for write, end in zip(writes, ends, strict=True):
            if write.cause and (carry := self._carry(write.cause, write.mapping.name)):
                told = {**about, **_of_record(write.cause, write.mapping.name), "coupled.operation": _operation(write)}
                span = self._tracer.start_span(
                    f"push {request.side}", carry, SpanKind.CLIENT, told, start_time=request.begun * _NS
                )
                _judge(span, end)
                span.end(max(ended, request.begun) * _NS)

    def _carry(self, change: Change, mapping: str) -> Context | None:
        """The change's span of that kind, to be above others; None if its trace is not kept."""
        page = get_current_span(self._extracted(change)).get_span_context()
        if not page.trace_flags.sampled:
            return None
        carry = SpanContext(page.trace_id, _id(change, mapping), True, page.trace_flags, page.trace_state)
        return set_span_in_context(NonRecordingSpan(carry))

    def settled(self, settled: Iterable[Settled], now_ms: int) -> None:
        for one in settled:
            if one.change.trace:
                self._carried(one, now_ms)

    def _carried(self, one: Settled, now_ms: int) -> None:
        change, outcome = one.change, one.outcome.value
        about = {**_of_record(change, one.mapping), "coupled.direction": one.direction.value}
        begun = change.captured_ms * _NS
        # A message may hold a version twice; only one of them is pushed.
        before = _chosen.set(0 if one.superseded else _id(change, one.mapping))
        span = self._tracer.start_span(
            f"carry {one.mapping}",
            self._extracted(change),
            SpanKind.CONSUMER,
            {**about, "coupled.outcome": outcome},
            start_time=begun,
        )
        _chosen.reset(before)
        if one.outcome in {Outcome.FAILED, Outcome.CONFLICT}:
            span.set_status(StatusCode.ERROR, one.problem.code if one.problem else outcome)
        span.end(max(now_ms * _NS, begun))

    def _extracted(self, change: Change) -> Context:
        return self._context.extract({HEADER: change.trace})

    async def close(self) -> None:
        closing = asyncio.ensure_future(asyncio.to_thread(self._provider.shutdown))
        if not (await asyncio.wait((closing,), timeout=_PATIENCE))[0]:
            await asyncio.to_thread(self._exporter.shutdown)
        await closing


def _of_record(change: Change, mapping: str) -> dict[str, str]:
    return {"coupled.mapping": mapping, "coupled.record": change.key}


def _operation(write: Write) -> str:
    if write.deletes:
        return "delete"
    return "create" if write.creates else "modify"


def _id(change: Change, mapping: str) -> int:
    """Of the span `carry`: the same wherever it is asked for."""
    named = (change.trace, mapping, change.side.value, change.key, change.version)
    return int.from_bytes(blake2b("\n".join(named).encode(), digest_size=8).digest()) or 1


def _judge(span: Any, end: Answer | BaseException) -> None:
    """Codes only: what a side says may quote the record."""
    if isinstance(end, Written):
        return
    code = end.problem.code if isinstance(end, ApiError) else type(end).__name__
    span.set_attribute("error.type", code)
    span.set_status(StatusCode.ERROR, code)
    if isinstance(end, ApiError) and end.status:
        span.set_attribute("http.response.status_code", end.status)
