"""Both brokers do what the daemon needs of one: topics, produce, read from a position, a group that resumes."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

from daemon.child import wait_until


@pytest.fixture
def topic(kafka: str) -> str:
    name = f"t-{uuid.uuid4()}"
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics([NewTopic(name, 3, 1)])
    with pytest.raises(TopicAlreadyExistsError):
        admin.create_topics([NewTopic(name, 3, 1)])
    admin.close()
    return name


def test_keys_keep_their_order_and_positions_can_be_read_from(kafka: str, topic: str) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    sent = [producer.send(topic, key=b"%d" % (n % 7), value=b"%d" % n) for n in range(200)]
    offsets = [future.get(20) for future in sent]
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=None)
    partitions = [TopicPartition(topic, number) for number in range(3)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    got: dict[bytes, list[int]] = {}

    def read() -> bool:
        for messages in consumer.poll(timeout_ms=500).values():
            for message in messages:
                got.setdefault(message.key, []).append(int(message.value))
        return sum(map(len, got.values())) >= 200

    assert wait_until(read, lambda: True, 20)
    assert got == {b"%d" % key: list(range(key, 200, 7)) for key in range(7)}
    last = offsets[-1]
    consumer.seek(TopicPartition(topic, last.partition), last.offset)
    got.clear()
    assert wait_until(lambda: read() or bool(got), lambda: True, 20)
    assert got == {b"%d" % (199 % 7): [199]}
    consumer.close()


def test_topics_are_listed_with_their_partitions(kafka: str, topic: str) -> None:
    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=None)
    assert consumer.partitions_for_topic(topic) == {0, 1, 2}
    consumer.close()


def test_postgres_gives_every_test_its_own_database(postgres: str, postgres_server: object) -> None:
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TABLE t (n int)")
        [row] = connection.execute("SELECT current_setting('server_encoding')").fetchall()
    assert row == ("UTF8",)
    assert postgres_server.new_database() != postgres  # type: ignore[attr-defined]
