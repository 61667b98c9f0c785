"""The two brokers that a daemon of the tests runs on, as fixture parameters."""

from __future__ import annotations

import pytest

from deploy.kafka.run_kafka import KafkaUnavailable
from tests.support.brokers import Brokers
from tests.support.real_parts import missing
from tests.support.world import EMBEDDED

KINDS = [EMBEDDED, pytest.param("apache", marks=pytest.mark.kafka)]


def address(kind: str, brokers: Brokers) -> str:
    """What to write into coupled.yaml: the embedded broker is the daemon's own, Apache Kafka is the session's."""
    if kind == EMBEDDED:
        return EMBEDDED
    try:
        return brokers.bootstrap(kind)
    except KafkaUnavailable as refusal:
        missing("Apache Kafka", str(refusal), "COUPLED_REQUIRE_KAFKA")
