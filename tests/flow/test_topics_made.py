"""How the daemon makes its topics on Apache Kafka."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import closing

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from daemon.kafka import ensure_topics
from daemon.settings import Kafka
from schemas.topics import Topics
from tests.support.brokers import Brokers

pytestmark = pytest.mark.kafka


async def test_what_a_single_broker_acknowledges_is_on_its_disk(brokers: Brokers) -> None:
    """Nobody else has it, and its power may fail (promise 1)."""
    bootstrap, topics = brokers.bootstrap("apache"), Topics(f"t-{uuid.uuid4().hex[:12]}")
    settings, table = Kafka(bootstrap_servers=bootstrap, topic_prefix=topics.prefix), f"{topics.prefix}.bc.customers"
    await asyncio.to_thread(ensure_topics, settings, bootstrap, topics, [table])
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        for name in (table, topics.control):
            told = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
            assert told["topic"][name]["flush.messages"]["value"] == "1"
