"""Metrics and logs: the promised names and labels, and nothing secret."""

import io
import json
import logging
import re
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as with_exemplars
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from daemon import logs
from daemon.metrics import Figures, Metrics, Part, Standing
from daemon.reference import ROOT
from schemas.change import Change, Op
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side


def settled(outcome: Outcome, job: int | None = None, ts_ms: int = 1_000, key: str = "1") -> Settled:
    change = Change(Op.UPDATE, Side.BC, "customers", key, {}, "v", 1, ts_ms, ts_ms, job)
    return Settled(change, "CUSTOMER", outcome)


def samples(metrics: Metrics) -> dict[tuple[str, frozenset], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def test_outcomes_are_counted_and_live_writes_are_timed():
    metrics = Metrics()
    metrics.record(
        [settled(Outcome.MODIFIED), settled(Outcome.UNCHANGED), settled(Outcome.INSERTED, job=7)], now_ms=3_500
    )
    for outcome in ("modified", "unchanged", "inserted"):
        labels = {"mapping": "CUSTOMER", "direction": "to_sales", "outcome": outcome}
        assert value(metrics, "coupled_records_total", **labels) == 1
    assert value(metrics, "coupled_propagation_seconds_count") == 1
    assert value(metrics, "coupled_propagation_seconds_sum") == 2.5
    assert metrics.outcomes()[Outcome.INSERTED] == 1


def test_a_clock_ahead_of_ours_is_no_negative_delay():
    metrics = Metrics()
    metrics.record([settled(Outcome.MODIFIED, ts_ms=9_000)], now_ms=1_000)
    assert value(metrics, "coupled_propagation_seconds_sum") == 0


@pytest.mark.parametrize("status", [0, 200, 204, 400, 401, 403, 404, 409, 412, 429, 500, 503])
def test_without_prometheus_the_same_requests_count_as_failed_as_with_it(status):
    metrics = Metrics()
    metrics.request(Side.BC, "read", status, 0.3)
    rules = YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "alerts.yml")["groups"][0]["rules"]
    [rule] = [rule["expr"] for rule in rules if rule["alert"] == "CoupledApiErrors"]
    [pattern] = re.findall(r'status=~"(.*?)"', rule)
    assert metrics.failed[Side.BC] == Part(1, bool(re.fullmatch(pattern, str(status))))
    assert metrics.failed[Side.SALES] == Part()


def test_slow_are_changes_above_a_minute_that_were_written_and_not_swept():
    metrics = Metrics()
    late = [settled(Outcome.MODIFIED, ts_ms=0), settled(Outcome.UNCHANGED, ts_ms=0), settled(Outcome.MODIFIED, 7, 0)]
    metrics.record([*late, settled(Outcome.INSERTED, ts_ms=1)], now_ms=60_001)
    assert metrics.slow == Part(2, 1)
    assert value(metrics, "coupled_propagation_seconds_bucket", le="60.0") == 1


def test_requests_and_throttling():
    metrics = Metrics()
    metrics.request(Side.SALES, "batch", 200, 0.3)
    metrics.request(Side.SALES, "batch", 0, 30.0)
    metrics.counted(Side.SALES, 100)
    metrics.throttled(Side.BC, 1.5)
    assert value(metrics, "coupled_api_requests_total", side="sales", operation="batch", status="200") == 1
    assert value(metrics, "coupled_api_requests_total", side="sales", operation="batch", status="0") == 1
    assert value(metrics, "coupled_api_throttled_seconds_total", side="bc") == 1.5
    assert value(metrics, "coupled_api_parts_total", side="sales") == 100
    assert value(metrics, "coupled_api_request_seconds_sum", side="sales") == 30.3


def test_gauges_follow_the_store_and_forget_what_is_gone():
    metrics = Metrics()
    metrics.refresh(
        Figures(
            couplings={"CUSTOMER": 3},
            failures={("CUSTOMER", "open"): 2},
            progress={("CUSTOMER", Direction.TO_BC): 0.5},
            lag={("CUSTOMER", Direction.TO_SALES): 1.25},
            consumer_lag={"coupled.bc.customers": 9},
            runs={"running": 1},
            dead_letters={"coupled.control": 2},
            paused={"CUSTOMER": True},
        )
    )
    assert value(metrics, "coupled_couplings", mapping="CUSTOMER") == 3
    assert value(metrics, "coupled_failures", mapping="CUSTOMER", state="open") == 2
    assert value(metrics, "coupled_job_progress_ratio", mapping="CUSTOMER", direction="to_bc") == 0.5
    assert value(metrics, "coupled_lag_seconds", mapping="CUSTOMER", direction="to_sales") == 1.25
    assert value(metrics, "coupled_consumer_lag", topic="coupled.bc.customers") == 9
    assert value(metrics, "coupled_runs", state="running") == 1
    assert value(metrics, "coupled_dead_letters", topic="coupled.control") == 2
    assert value(metrics, "coupled_mapping_paused", mapping="CUSTOMER") == 1
    metrics.refresh(Figures())
    assert value(metrics, "coupled_couplings", mapping="CUSTOMER") is None


def test_how_the_worker_stands_is_told_without_the_store():
    metrics = Metrics()
    metrics.stand(Standing(ready=True, leads=True, position_age={(Side.BC, "customers"): 4}))
    assert value(metrics, "coupled_ready") == value(metrics, "coupled_leader") == 1
    assert value(metrics, "coupled_capture_position_age_seconds", side="bc", table="customers") == 4
    metrics.stand(Standing())
    assert value(metrics, "coupled_ready") == value(metrics, "coupled_leader") == 0
    assert value(metrics, "coupled_capture_position_age_seconds", side="bc", table="customers") is None


def test_counters_are_there_before_the_first_event():
    """`increase()` does not see the step from nothing to 1."""
    metrics = Metrics()
    metrics.expect([("CUSTOMER", Direction.TO_BC)])
    for outcome in Outcome:
        labels = {"mapping": "CUSTOMER", "direction": "to_bc", "outcome": outcome.value}
        assert value(metrics, "coupled_records_total", **labels) == 0
    assert value(metrics, "coupled_api_throttled_seconds_total", side="sales") == 0


def test_a_long_id_is_cut_rather_than_refused():
    metrics = Metrics()
    metrics.record([settled(Outcome.MODIFIED, key="k" * 200)], now_ms=2_000)
    text, _ = metrics.negotiate("application/openmetrics-text")
    assert f'record="{"k" * 50}"' in text.decode()


TRACE = "0af7651916cd43dd8448eb211c80319c"


def exemplar(key: str, mapping: str, flags: str) -> dict[str, str]:
    """Of one change in that trace."""
    one, metrics = settled(Outcome.MODIFIED, key=key), Metrics()
    change = replace(one.change, trace=f"00-{TRACE}-b7ad6b7169203331-{flags}")
    metrics.record([replace(one, change=change, mapping=mapping)], now_ms=2_000)
    text, _ = metrics.negotiate("application/openmetrics-text")
    [found] = [s.exemplar for family in with_exemplars(text.decode()) for s in family.samples if s.exemplar]
    return found.labels


@pytest.mark.parametrize("flags", ["01", "03"])
def test_a_slow_change_leads_to_its_trace(flags):
    key = "5d1a8f6e-0c2b-4d3a-9e4f-1a2b3c4d5e6f"
    assert exemplar(key, "CUSTOMER", flags) == {"mapping": "CUSTOMER", "record": key, "trace_id": TRACE}


def test_a_trace_that_is_not_kept_is_not_led_to():
    assert exemplar("1", "CUSTOMER", "00") == {"mapping": "CUSTOMER", "record": "1"}


def test_the_longest_values_fit_beside_a_trace():
    labels = exemplar("k" * 400, "M" * 400, "01")
    assert labels["trace_id"] == TRACE
    assert 120 < sum(len(name) + len(value) for name, value in labels.items()) <= 128


def test_no_other_metrics_than_promised():
    metrics = Metrics()
    metrics.record([settled(Outcome.MODIFIED)], 0)
    metrics.request(Side.BC, "read", 200, 0.1)
    promised = {
        "coupled_records_total", "coupled_lag_seconds", "coupled_propagation_seconds", "coupled_api_requests_total",
        "coupled_api_throttled_seconds_total", "coupled_consumer_lag", "coupled_job_progress_ratio",
        "coupled_couplings", "coupled_failures", "coupled_capture_position_age_seconds",
        "coupled_webhook_subscriptions", "coupled_runs", "coupled_mapping_paused", "coupled_ready", "coupled_leader",
        "coupled_api_parts_total", "coupled_api_request_seconds", "coupled_dead_letters",
    }  # fmt: skip
    declared = {line.split()[2] for line in metrics.render().decode().splitlines() if line.startswith("# TYPE")}
    assert {name for name in declared if not name.startswith("process_")} == promised


@pytest.fixture
def lines():
    root = logging.getLogger()
    before, level = root.handlers, root.level
    yield lambda out: [json.loads(line) for line in out.getvalue().splitlines()]
    root.handlers = before
    root.setLevel(level)


def test_json_logs_hide_secrets(lines):
    out = io.StringIO()
    logs.configure("json", "INFO", out)
    logs.get("coupled.test").info(
        "token taken", client_secret="hush", nested={"Authorization": "Bearer abcdefghijk"}, side="bc"
    )
    logs.get("coupled.test").warning("answer to Bearer abcdefghijkl", url="postgresql://me:hush@db/x?password=hush")
    error = ValueError("posted client_secret=hush&x=1")
    logging.getLogger("coupled.std").error("it broke", exc_info=error, extra={"password": "hush"})
    assert "hush" not in out.getvalue()
    assert "abcdefghijk" not in out.getvalue()
    first, second, third = lines(out)
    assert (first["message"], first["level"], first["logger"], first["side"]) == (
        "token taken", "info", "coupled.test", "bc",
    )  # fmt: skip
    assert second["message"] == "answer to Bearer •••"
    assert "ValueError" in third["exception"]


def test_libraries_speak_only_when_something_is_wrong(lines):
    out = io.StringIO()
    logs.configure("json", "DEBUG", out)
    for name in ("faust.worker", "aiokafka.consumer", "kafka.conn", "uvicorn.access", "httpx"):
        logging.getLogger(name).info("chatter")
    logging.getLogger("httpx").warning("trouble")
    assert [line["message"] for line in lines(out)] == ["trouble"]


def test_console_logs_are_plain_when_nobody_watches(lines):
    out = io.StringIO()
    logs.configure("console", "INFO", out)
    logs.get("coupled").info("ready", port=8086)
    logs.get("coupled").debug("not shown")
    assert "ready" in out.getvalue()
    assert "port=8086" in out.getvalue()
    assert "\x1b" not in out.getvalue()
    assert "not shown" not in out.getvalue()
