"""Traces from capture to push: none unless asked for; one for each page of changes, carried in a header of Kafka."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from consumers.answered import write
from consumers.decide import Create, Delete, Modify
from consumers.synchronise import Message, _read
from daemon.settings import Tracing
from daemon.spans import OpenTelemetry
from daemon.tracing import HEADER, NoTraces, trace_id, traces_of
from schemas.change import Change, Op, encode
from schemas.coupling import Coupling, Half
from schemas.errors import ApiError, ConfigurationError, Problem
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from schemas.write import Answer, Write, Written
from tests.support.made import mapping

CAPTURED, ENDED = 1_000_000, 1_002_500
CUSTOMER = mapping()
STALE = ApiError(412, "stale", "It is Adatum's.")


def change(key: str, captured_ms: int = CAPTURED) -> Change:
    return Change(Op.UPDATE, Side.BC, "customers", key, {"name": "N"}, "v", 1, 999_000, captured_ms)


def arrived(sent: Change, headers: list[tuple[str, bytes]]) -> Change:
    """The change as the worker that takes its message reads it."""
    [read] = _read(Message(0, 1, None, encode(sent), dict(headers).get(HEADER, b"").decode())).changes
    return read


class Worker:
    """One whose clock stands until it is moved."""

    def __init__(self, sample: float = 1.0, now_ms: int = CAPTURED) -> None:
        self.now_ms, self._exporter = now_ms, InMemorySpanExporter()
        self.traces = OpenTelemetry(sample, self._exporter, lambda: self.now_ms)

    def published(self, *keys: str) -> list[Change]:
        """A page, as its messages arrive."""
        sent = [change(key, CAPTURED + number) for number, key in enumerate(keys)]
        with self.traces.publishing("coupled.bc.customers", sent) as headers:
            pass
        return [arrived(one, headers) for one in sent]

    async def push(self, changes: Sequence[Change], *tries: tuple[int, int], answers: Sequence[Answer] = ()) -> None:
        """One request for all of them; of each try, the ms that it waits and those that Sales takes."""

        async def send(writes: Sequence[Write]) -> Sequence[Answer]:
            for waits, takes in tries:
                self.now_ms += waits + takes
                self.traces.answered(Side.SALES, "token", 200, 9.0)
                self.traces.answered(Side.SALES, "batch", 200, takes / 1000)
            return answers or [Written({})] * len(writes)

        writes = [Write(CUSTOMER, one.key, {}, "v", cause=one) for one in changes]
        await self.traces.pushing(Side.SALES, send)(writes)

    def settle(self, *changes: Change, outcome: Outcome = Outcome.MODIFIED, superseded: bool = False) -> None:
        problem = Problem("value-missing", "No.", "")
        ends = [Settled(one, CUSTOMER.name, outcome, problem=problem, superseded=superseded) for one in changes]
        self.traces.settled(ends, self.now_ms)

    async def spans(self, name: str = "") -> list[ReadableSpan]:
        """All of it so far, or those whose name begins so."""
        await self.traces.close()
        return [one for one in self._exporter.get_finished_spans() if one.name.startswith(name)]


async def traced(sample: float, *outcomes: Outcome) -> list[ReadableSpan]:
    worker = Worker(sample)
    read, _ = worker.published("1", "2")
    worker.now_ms = ENDED
    for one in outcomes:
        worker.settle(read, outcome=one)
    return await worker.spans()


async def test_a_change_has_one_trace_from_its_capture_to_its_end() -> None:
    publish, carry = await traced(1.0, Outcome.MODIFIED)
    assert (publish.name, publish.kind) == ("publish coupled.bc.customers", SpanKind.PRODUCER)
    assert (carry.name, carry.kind) == ("carry CUSTOMER", SpanKind.CONSUMER)
    assert carry.parent.span_id == publish.context.span_id
    assert carry.context.trace_id == publish.context.trace_id
    assert publish.start_time == carry.start_time == CAPTURED * 10**6
    assert carry.end_time == ENDED * 10**6
    assert publish.attributes["coupled.changes"] == 2
    told = {name: carry.attributes[f"coupled.{name}"] for name in ("mapping", "direction", "outcome", "record")}
    assert told == {"mapping": "CUSTOMER", "direction": "to_sales", "outcome": "modified", "record": "1"}
    assert carry.status.is_unset


async def test_what_fails_says_why() -> None:
    _, carry = await traced(1.0, Outcome.FAILED)
    assert (carry.status.is_ok, carry.status.description) == (False, "value-missing")


async def test_each_record_of_a_request_has_its_push_within_its_carry() -> None:
    worker = Worker()
    changes = worker.published("1", "2")
    worker.now_ms += 3000  # on the topic
    await worker.push(changes, (0, 250))
    worker.now_ms += 10
    worker.settle(*changes)
    carries = {one.context.span_id: one for one in await worker.spans("carry")}
    pushes = await worker.spans("push")
    assert len({one.parent.span_id for one in pushes}) == len(carries) == 2
    for push in pushes:
        carry = carries[push.parent.span_id]
        assert (push.name, push.kind, push.context.trace_id) == ("push sales", SpanKind.CLIENT, carry.context.trace_id)
        assert push.attributes["coupled.record"] == carry.attributes["coupled.record"]
        assert (push.start_time, push.end_time) == ((CAPTURED + 3000) * 10**6, (CAPTURED + 3250) * 10**6)
        assert carry.start_time < push.start_time < push.end_time < carry.end_time
        told = {name: push.attributes[f"coupled.{name}"] for name in ("side", "mapping", "operation", "records")}
        assert told == {"side": "sales", "mapping": "CUSTOMER", "operation": "modify", "records": 2}
        assert push.status.is_unset
        assert push.attributes["coupled.waited_seconds"] == 0
        assert "http.request.resend_count" not in push.attributes


async def test_what_a_request_waited_is_told_from_what_the_side_took() -> None:
    worker = Worker()
    await worker.push(worker.published("1"), (200, 50), (5000, 250))
    [push] = await worker.spans("push")
    assert push.end_time - push.start_time == 5500 * 10**6
    assert push.attributes["coupled.waited_seconds"] == 5.2
    assert push.attributes["http.request.resend_count"] == 1


async def test_what_is_read_meanwhile_is_no_part_of_a_push() -> None:
    """The governor tells of every request of a side, whoever sent it."""
    worker = Worker()
    changes = worker.published("1")
    sent, answer = asyncio.Event(), asyncio.Event()

    async def send(writes: Sequence[Write]) -> Sequence[Answer]:
        sent.set()
        await answer.wait()
        worker.now_ms += 1000
        return [Written({})]

    pushing = worker.traces.pushing(Side.SALES, send)([Write(CUSTOMER, "1", {}, "v", cause=changes[0])])
    task = asyncio.create_task(pushing)
    await sent.wait()
    worker.traces.answered(Side.SALES, "batch", 200, 1.0)
    answer.set()
    await task
    [push] = await worker.spans("push")
    assert push.attributes["coupled.waited_seconds"] == 1


async def test_a_write_that_is_refused_says_so_and_nothing_of_the_record() -> None:
    worker = Worker()
    await worker.push(worker.published("1", "2"), answers=[Written({}), STALE])
    taken, refused = await worker.spans("push")
    assert taken.status.is_unset
    assert (refused.status.is_ok, refused.status.description) == (False, "stale")
    assert (refused.attributes["http.response.status_code"], refused.attributes["error.type"]) == (412, "stale")
    assert "Adatum" not in refused.to_json()


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (ApiError(504, "", "slow"), "http-504", 504),
        (ApiError(0, "no-answer", "gone"), "no-answer", None),
        (asyncio.CancelledError(), "CancelledError", None),
    ],
)
async def test_a_request_that_fails_as_a_whole_fails_each_of_its_records(
    error: BaseException, code: str, status: int | None
) -> None:
    worker = Worker()

    async def send(writes: Sequence[Write]) -> Sequence[Answer]:
        raise error

    writes = [Write(CUSTOMER, one.key, {}, "v", cause=one) for one in worker.published("1", "2")]
    with pytest.raises(type(error)) as raised:
        await worker.traces.pushing(Side.SALES, send)(writes)
    assert raised.value is error
    pushes = await worker.spans("push")
    told = [(one.status.description, one.attributes.get("http.response.status_code")) for one in pushes]
    assert told == [(code, status), (code, status)]


async def test_a_push_is_below_the_carry_that_another_worker_ends() -> None:
    """As after a kill between the side's answer and the store."""
    killed, other = Worker(), Worker()
    changes = killed.published("1")
    await killed.push(changes)
    other.settle(*changes)
    [push], [carry] = await killed.spans("push"), await other.spans("carry")
    assert (push.context.trace_id, push.parent.span_id) == (carry.context.trace_id, carry.context.span_id)


@pytest.mark.parametrize(
    "other",
    [
        {"key": "2"},
        {"version": "w"},
        {"side": Side.SALES},
        {"trace": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    ],
)
async def test_no_two_carries_are_taken_for_one(other: dict[str, Any]) -> None:
    worker = Worker()
    [one] = worker.published("1")
    worker.settle(one, replace(one, **other))
    assert len({span.context.span_id for span in await worker.spans("carry")}) == 2


async def test_a_version_that_a_page_holds_twice_is_pushed_below_the_one_that_counts() -> None:
    worker = Worker()
    [one] = worker.published("1")
    await worker.push([one])
    worker.settle(one, superseded=True)
    worker.settle(one)
    [push], [passed, carry] = await worker.spans("push"), await worker.spans("carry")
    assert push.parent.span_id == carry.context.span_id != passed.context.span_id


async def test_what_is_not_sampled_at_capture_is_not_later_either() -> None:
    worker = Worker(0.0)
    changes = worker.published("1")
    await worker.push(changes)
    worker.settle(*changes)
    assert changes[0].trace
    assert await worker.spans() == []


async def test_a_write_without_a_trace_is_pushed_all_the_same() -> None:
    worker = Worker()
    asked = []

    async def send(writes: Sequence[Write]) -> Sequence[Answer]:
        asked.extend(writes)
        return [Written({})] * len(writes)

    writes = [Write(CUSTOMER, "1", {}), Write(CUSTOMER, "2", {}, cause=change("2"))]
    assert await worker.traces.pushing(Side.SALES, send)(writes) == [Written({})] * 2
    assert asked == writes
    assert await worker.spans() == []


@pytest.mark.parametrize("kind", [Create, Modify, Delete])
def test_every_write_names_the_change_that_it_carries(kind: type) -> None:
    cause = change("1")
    coupling = Coupling.of(CUSTOMER.name, Side.BC, Half("1"), Half("a"))
    made = {
        Create: Create(cause, CUSTOMER, Half("1"), {}),
        Modify: Modify(cause, CUSTOMER, coupling, {}),
        Delete: Delete(cause, CUSTOMER, coupling),
    }
    assert write(made[kind]).cause is cause


@dataclass
class Slow:
    """An exporter that is busy with the first spans until it may go on."""

    go_on: threading.Event
    found: list[ReadableSpan]

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        assert self.go_on.wait(60)
        self.found.extend(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None: ...


class Away:
    """A collector that does not answer: who sends to it goes on trying until told to stop."""

    def __init__(self) -> None:
        self._stopped, self.gave_up = threading.Event(), False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.gave_up = self._stopped.wait(20)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self._stopped.set()


async def test_a_daemon_that_stops_does_not_wait_long_for_a_collector_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daemon.spans._PATIENCE", 0.0)
    away, worker = Away(), Worker()
    worker.traces = OpenTelemetry(1.0, away, lambda: worker.now_ms)  # type: ignore[arg-type]
    worker.published("1")
    await worker.traces.close()
    assert away.gave_up


async def test_a_few_batches_of_a_thousand_records_lose_no_span_while_the_collector_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OTEL_BSP_MAX_QUEUE_SIZE", raising=False)
    slow, worker = Slow(threading.Event(), []), Worker()
    worker.traces = OpenTelemetry(1.0, slow, lambda: worker.now_ms)  # type: ignore[arg-type]
    for batch in range(3):
        changes = worker.published(*(f"{batch}-{number}" for number in range(1000)))
        await worker.push(changes)
        worker.settle(*changes)
    slow.go_on.set()
    await worker.traces.close()
    assert len(slow.found) == 3 * 2001


def test_the_header_is_that_of_w3c() -> None:
    with OpenTelemetry(1.0, InMemorySpanExporter(), lambda: 0).publishing("t", [change("1")]) as headers:
        [(name, value)] = headers
    assert name == "traceparent"
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]", value)


@pytest.mark.parametrize(
    "header", ["", "rubbish", "00-zz-1-01", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'1' * 32}-{'0' * 16}-01"]
)
async def test_a_message_of_somebody_else_may_have_no_context_or_none_to_be_read(header: str) -> None:
    worker = Worker()
    read = arrived(change("1"), [(HEADER, header.encode())])
    await worker.push([read])
    worker.settle(read, outcome=Outcome.IGNORED)
    assert all(span.parent is None for span in await worker.spans())
    assert trace_id(read) == ""


@pytest.mark.parametrize(("sample", "kept"), [(1.0, True), (0.0, False)])
def test_the_id_of_a_trace_is_told_if_it_is_kept(sample: float, kept: bool) -> None:
    [one] = Worker(sample).published("1")
    assert trace_id(one) == (one.trace[3:35] if kept else "")


def test_the_context_is_no_part_of_the_change() -> None:
    """The same change with and without a trace is one, in the envelope and where changes are compared."""
    with_one = arrived(change("1"), [(HEADER, b"00-1-2-01")])
    assert with_one.trace
    assert with_one == change("1")
    assert encode(with_one) == encode(change("1"))


def test_there_are_none_unless_an_endpoint_is_named() -> None:
    async def send(writes: Sequence[Write]) -> Sequence[Answer]:
        return []

    traces = traces_of(Tracing(), lambda: 0)
    assert isinstance(traces, NoTraces)
    with traces.publishing("t", [change("1")]) as headers:
        assert headers == []
    assert traces.pushing(Side.BC, send) is send  # so that nothing is done that nobody wants to know


def test_an_endpoint_without_the_packages_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigurationError, match="extra `otel`"):
        traces_of(Tracing(endpoint="https://traces.example/v1/traces"), lambda: 0)
