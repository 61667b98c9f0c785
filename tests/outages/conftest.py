"""Worlds whose parts are taken away while the daemon works, and given back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.kafka.run_kafka import ApacheKafka
from tests.support.postgres import Fragile
from tests.support.real_parts import KAFKA, POSTGRES


@pytest.fixture(scope="module")
def fragile() -> Iterator[Fragile]:
    """A PostgreSQL server of the module's own."""
    with POSTGRES.needed():
        server = Fragile()
        server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Apache Kafka that nobody else uses. It keeps its data and its port when it is killed and started again."""
    broker = ApacheKafka(directory=tmp_path_factory.mktemp("kafka"), heap="256m", brief=True)
    with KAFKA.needed():
        broker.start()
    yield broker
    broker.kill()
