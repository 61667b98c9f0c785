"""A real Prometheus scrapes a daemon at work: each question of dashboards and alerts has an answer; traces arrive."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.collector import Collector
from tests.support.ports import free_port
from tests.support.prometheus import DEPLOY, Prometheus
from tests.support.waiting import wait_until
from tests.support.world import World

_SECONDS = 20
_RULES = YAML(typ="safe").load(DEPLOY / "prometheus" / "alerts.yml")["groups"][0]["rules"]
_BOARDS = {
    path.stem: json.loads(path.read_text("utf-8")) for path in (DEPLOY / "grafana" / "dashboards").glob("*.json")
}
# What has nothing to say of a healthy daemon.
_QUIET_PANELS = {("overview", "Firing alerts"): "nothing has been wrong for long enough"}
_QUIET_ALERTS = {rule["alert"]: "the daemon is well" for rule in _RULES} | {
    "CoupledConflicts": "no record was changed on both sides",
    "CoupledFailuresGrowing": "no record has failed",
    "CoupledPausedLong": "no mapping is paused",
    "CoupledWebhooksMissing": "every table has its webhooks",
}
# A run waits for its answer, so this one waits for its quarter of an hour.
_DUE = "CoupledAnswerDue"
del _QUIET_ALERTS[_DUE]
# Of what the expression of an alert selects: a metric's name and its labels.
_SELECTOR = re.compile(r"\b(?:coupled_\w+|up)(?:\{[^}]*\})?")
_QUIET_SELECTORS = {
    'coupled_webhook_subscriptions{state=~"missing|silent"}': "every table has its webhooks",
}


@dataclass(frozen=True)
class Watched:
    world: World
    prometheus: Prometheus
    run: str
    collector: Collector

    def answered(self, expression: str) -> list[dict[str, Any]]:
        """Series that have a number, as soon as there are any."""

        def told() -> list[dict[str, Any]]:
            return [one for one in self.prometheus.ask(expression) if not math.isnan(float(one["value"][1]))]

        return wait_until(told, _SECONDS, f"an answer to {expression}")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with pytest.MonkeyPatch.context() as patch, Collector() as made:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        yield made


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Watched]:
    """A full synchronisation that waits for its answer, a change that went across, a request that was refused, and
    webhooks: all of it seen by Prometheus."""
    folder, port = tmp_path_factory.mktemp("watched"), free_port()
    with World(folder, customers=5) as world, Prometheus(folder, f"127.0.0.1:{port}") as prometheus:
        config = world.configure(port=port, public_url=f"http://127.0.0.1:{port}")
        with config.open("a", encoding="utf-8") as more:
            more.write(f"tracing: {{endpoint: '{collector.endpoint}'}}\n")
        with world.daemon():
            wait_until(lambda: prometheus.ask("up == 1"), _SECONDS, "the first scrape")
            with world.commands() as commands:
                run = commands.command("full-sync", mappings=["CURRENCY", "SALESPEOPLE", "CUSTOMER"])
                commands.until(run, lambda told: told["state"] == "awaiting_answer", 90, "the question")
                _, account, _ = world.pair(0, "customers", "accounts")
                world.sales.edit(account, address1_line1="Seen by Prometheus")
                world.sales.arm(status=503, retry_after=1, count=1, method="GET", path="/accounts")
                wait_until(lambda: prometheus.ask("coupled_propagation_seconds_count > 0"), _SECONDS, "a change")
                yield Watched(world, prometheus, run, collector)
                commands.run("answer", run=run, answer="restore")


def _asked(expression: str) -> str:
    """As Grafana fills it in, with All chosen for every variable."""
    return re.sub(r"\$\w+", ".*", expression.replace("$__rate_interval", "5m"))


@pytest.mark.parametrize("name", _BOARDS)
def test_every_panel_of_a_dashboard_has_data(watched: Watched, name: str) -> None:
    for panel in _BOARDS[name]["panels"]:
        for target in panel["targets"]:
            expression = _asked(target["expr"])
            if (name, panel["title"]) in _QUIET_PANELS:
                assert watched.prometheus.ask(expression) == [], panel["title"]
                continue
            labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            for series in watched.answered(expression):
                assert labels <= set(series["metric"]), f"{panel['title']}: its legend names what the series has not"


@pytest.mark.parametrize("name", _BOARDS)
def test_the_variables_of_a_dashboard_have_values(watched: Watched, name: str) -> None:
    for variable in _BOARDS[name]["templating"]["list"]:
        metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
        assert all(label in series["metric"] for series in watched.answered(metric))


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_quiet_for_want_of_trouble_and_not_of_data(watched: Watched, rule: dict[str, Any]) -> None:
    selectors = _SELECTOR.findall(rule["expr"])
    assert selectors
    for selector in selectors:
        if selector in _QUIET_SELECTORS:
            assert watched.prometheus.ask(selector) == [], selector
            assert watched.answered(selector.partition("{")[0])
        else:
            assert watched.answered(selector)
    found = watched.prometheus.ask(rule["expr"])
    assert bool(found) is (rule["alert"] not in _QUIET_ALERTS), found


def test_prometheus_evaluates_every_rule_and_sees_the_answer_that_is_due(watched: Watched) -> None:
    rules = wait_until(watched.prometheus.rules, _SECONDS, "the rules")
    assert [rule["name"] for rule in rules] == [rule["alert"] for rule in _RULES]
    assert {rule["name"]: rule["lastError"] for rule in rules if rule.get("lastError")} == {}
    assert {rule["name"] for rule in rules if rule["state"] != "inactive"} == {_DUE}


def test_a_slow_record_can_be_found_by_its_exemplar(watched: Watched) -> None:
    exemplars = wait_until(
        lambda: watched.prometheus.exemplars("coupled_propagation_seconds_bucket", 600), _SECONDS, "an exemplar"
    )
    ids = {row["accountid"] for row in watched.world.sales.rows("accounts")}
    labels = [one["labels"] for one in exemplars]
    found = next(one for one in labels if one["mapping"] == "CUSTOMER" and one["record"] in ids)
    trace = bytes.fromhex(found["trace_id"])

    def carried() -> list[Any]:
        return [one for one in watched.collector.spans if one.trace_id == trace and one.name == "carry CUSTOMER"]

    assert found["record"] in {_of(one, "record") for one in wait_until(carried, _SECONDS, "its trace")}


def test_a_change_is_traced_from_its_capture_to_its_end_through_kafka(watched: Watched) -> None:
    ids = {row["accountid"] for row in watched.world.sales.rows("accounts")}

    def carried() -> list[Any]:
        return [one for one in watched.collector.spans if one.name == "carry CUSTOMER" and _of(one, "record") in ids]

    spans = wait_until(carried, _SECONDS, "the span of a record")
    assert {_of(one, "direction") for one in spans} >= {"to_bc"}
    published = {one.span_id: one for one in watched.collector.spans if one.name.startswith("publish ")}
    for span in spans:
        parent = published[span.parent_span_id]
        table = ".sales.accounts" if _of(span, "direction") == "to_bc" else ".bc.customers"
        assert (parent.trace_id, parent.name.endswith(table)) == (span.trace_id, True)
        assert parent.start_time_unix_nano <= span.start_time_unix_nano < span.end_time_unix_nano


@pytest.mark.parametrize(("side", "operation"), [("sales", "create"), ("bc", "modify")])
def test_the_trace_of_a_change_tells_what_the_other_side_took(watched: Watched, side: str, operation: str) -> None:
    """Also of a record that went in a batch, and of one that was written by itself."""
    *_, customer = watched.world.pair(0, "customers", "accounts")

    def told(name: str) -> dict[bytes, Any]:
        named = [one for one in watched.collector.spans if one.name == name and _of(one, "record") == customer["id"]]
        return {one.span_id: one for one in named}

    def both() -> list[tuple[Any, Any]]:
        carries = told("carry CUSTOMER")
        pushes = [one for one in told(f"push {side}").values() if _of(one, "operation") == operation]
        return [(carries[one.parent_span_id], one) for one in pushes if one.parent_span_id in carries]

    [(carry, push)] = wait_until(both, _SECONDS, "a push below the record's span")
    assert (push.kind, push.trace_id, push.status.code) == (push.SPAN_KIND_CLIENT, carry.trace_id, 0)
    assert _of(push, "mapping") == "CUSTOMER"
    published = next(one for one in watched.collector.spans if one.span_id == carry.parent_span_id)
    times = [published.start_time_unix_nano, push.start_time_unix_nano, push.end_time_unix_nano]
    assert times == sorted(times)
    assert carry.start_time_unix_nano <= push.start_time_unix_nano < push.end_time_unix_nano <= carry.end_time_unix_nano
    waited = next(one.value.double_value for one in push.attributes if one.key == "coupled.waited_seconds")
    assert waited < (push.end_time_unix_nano - push.start_time_unix_nano) / 10**9, "nothing of it was the side's"


def _of(span: Any, name: str) -> str:
    return next((one.value.string_value for one in span.attributes if one.key == f"coupled.{name}"), "")
