"""Worlds whose parts are taken away while the daemon works, and given back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.kafka.run_kafka import ApacheKafka, KafkaUnavailable
from tests.support.postgres import Fragile, PostgresUnavailable
from tests.support.real_parts import missing


@pytest.fixture(scope="module")
def fragile() -> Iterator[Fragile]:
    """A PostgreSQL server of the module's own."""
    server = Fragile()
    try:
        server.start()
    except PostgresUnavailable as refusal:
        missing("PostgreSQL", str(refusal), "COUPLED_REQUIRE_POSTGRES")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Apache Kafka that nobody else uses. It keeps its data and its port when it is killed and started again."""
    folder: Path = tmp_path_factory.mktemp("kafka")
    broker = ApacheKafka(directory=folder, heap="256m", brief=True)
    try:
        broker.start()
    except KafkaUnavailable as refusal:
        missing("Apache Kafka", str(refusal), "COUPLED_REQUIRE_KAFKA")
    yield broker
    broker.kill()
