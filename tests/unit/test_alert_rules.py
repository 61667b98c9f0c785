"""The alert rules fire and keep quiet as deploy/prometheus/tests says: asked of promtool, Prometheus' own tool."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.prometheus import DEPLOY, promtool

RULES = DEPLOY / "prometheus" / "alerts.yml"
FILES = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))


def test_the_configuration_is_one_that_prometheus_takes() -> None:
    assert "SUCCESS" in promtool("check", "config", DEPLOY / "prometheus" / "prometheus.yml")


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_alerts_fire_and_keep_quiet(file: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", file)


def test_every_alert_is_seen_firing_and_quiet() -> None:
    seen: defaultdict[str, set[bool]] = defaultdict(set)
    for file in FILES:
        for case in YAML(typ="safe").load(file)["tests"]:
            for asked in case["alert_rule_test"]:
                seen[asked["alertname"]].add(bool(asked["exp_alerts"]))
    [group] = YAML(typ="safe").load(RULES)["groups"]
    assert seen == {rule["alert"]: {True, False} for rule in group["rules"]}
