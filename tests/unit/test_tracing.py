"""Traces from capture to push: none unless asked for; one for each page of changes, carried in a header of Kafka."""

from __future__ import annotations

import re
import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from consumers.synchronise import Message, _read
from daemon.settings import Tracing
from daemon.tracing import HEADER, NoTraces, OpenTelemetry, traces_of
from schemas.change import Change, Op, encode
from schemas.errors import ConfigurationError, Problem
from schemas.outcome import Outcome, Settled
from schemas.side import Side

CAPTURED, ENDED = 1_000_000, 1_002_500


def change(key: str, captured_ms: int = CAPTURED) -> Change:
    return Change(Op.UPDATE, Side.BC, "customers", key, {"name": "N"}, "v", 1, 999_000, captured_ms)


def arrived(sent: Change, headers: list[tuple[str, bytes]]) -> Change:
    """The change as the worker that takes its message reads it."""
    [read] = _read(Message(0, 1, None, encode(sent), dict(headers).get(HEADER, b"").decode())).changes
    return read


async def traced(sample: float, *outcomes: Outcome) -> list:
    exporter = InMemorySpanExporter()
    traces = OpenTelemetry(sample, exporter)
    sent = [change("1"), change("2", CAPTURED + 5)]
    with traces.publishing("coupled.bc.customers", sent) as headers:
        pass
    problem = Problem("value-missing", "No.", "")
    read = arrived(sent[0], headers)
    traces.settled([Settled(read, "CUSTOMER", one, problem=problem) for one in outcomes], ENDED)
    await traces.close()
    return list(exporter.get_finished_spans())


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


async def test_what_is_not_sampled_at_capture_is_not_later_either() -> None:
    assert await traced(0.0, Outcome.MODIFIED) == []


def test_the_header_is_that_of_w3c() -> None:
    with OpenTelemetry(1.0, InMemorySpanExporter()).publishing("t", [change("1")]) as headers:
        [(name, value)] = headers
    assert name == "traceparent"
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]", value)


@pytest.mark.parametrize("header", ["", "rubbish", "00-zz-1-01"])
async def test_a_message_of_somebody_else_may_have_no_context_or_none_to_be_read(header: str) -> None:
    exporter = InMemorySpanExporter()
    traces = OpenTelemetry(1.0, exporter)
    traces.settled([Settled(arrived(change("1"), [(HEADER, header.encode())]), "CUSTOMER", Outcome.IGNORED)], ENDED)
    await traces.close()
    assert all(span.parent is None for span in exporter.get_finished_spans())


def test_the_context_is_no_part_of_the_change() -> None:
    """The same change with and without a trace is one, in the envelope and where changes are compared."""
    with_one = arrived(change("1"), [(HEADER, b"00-1-2-01")])
    assert with_one.trace
    assert with_one == change("1")
    assert encode(with_one) == encode(change("1"))


def test_there_are_none_unless_an_endpoint_is_named() -> None:
    traces = traces_of(Tracing())
    assert isinstance(traces, NoTraces)
    with traces.publishing("t", [change("1")]) as headers:
        assert headers == []


def test_an_endpoint_without_the_packages_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigurationError, match="extra `otel`"):
        traces_of(Tracing(endpoint="https://traces.example/v1/traces"))
