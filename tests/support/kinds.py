"""The two brokers that a daemon of the tests runs on: Apache Kafka wherever it can be had, and the embedded one."""

from __future__ import annotations

import os

import pytest

from deploy.kafka.run_kafka import KafkaUnavailable
from tests.support.brokers import Brokers
from tests.support.real_parts import KAFKA
from tests.support.world import EMBEDDED

APACHE = "apache"
KINDS = [EMBEDDED, pytest.param(APACHE, marks=pytest.mark.kafka)]


def address(kind: str, brokers: Brokers) -> str:
    """What to write into coupled.yaml: the embedded broker is the daemon's own, Apache Kafka is the session's."""
    if kind == EMBEDDED:
        return EMBEDDED
    with KAFKA.needed():
        return brokers.bootstrap(kind)


def usual(brokers: Brokers) -> str:
    """Apache Kafka; the embedded broker on a machine that does not have it, and is not required to."""
    try:
        return brokers.bootstrap(APACHE)
    except KafkaUnavailable:
        return address(APACHE, brokers) if os.environ.get("COUPLED_REQUIRE_KAFKA") == "1" else EMBEDDED
