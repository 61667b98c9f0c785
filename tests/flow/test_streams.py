"""The seam to Faust, on real brokers: what is taken is done, or delivered again (promise 1)."""

import asyncio
import uuid
from collections.abc import Sequence
from functools import partial

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from consumers.synchronise import Message
from daemon.settings import Batch, Kafka
from daemon.streams import Cluster, Streams

COUNT = 20
LAST = b"last"


def new_topic(bootstrap: str) -> str:
    """A topic of two partitions with `COUNT` messages."""
    name = f"streams-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name, 2, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    for number in range(COUNT):
        producer.send(name, key=str(number).encode(), value=str(number).encode())
    producer.close()
    return name


class Worker:
    """One member of a group; `open` lets its handler through."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        cluster = Cluster(Kafka(bootstrap_servers=bootstrap, session_seconds=2), bootstrap)
        self.streams = Streams(topic, cluster, Batch(size=COUNT, seconds=0.1), drain_seconds=0.2)
        self.streams.handle(topic, 2, self.handler)
        self.open = asyncio.Event()
        self.taken = asyncio.Event()
        self.done: list[bytes | None] = []
        self.all_done = asyncio.Event()
        self.both_last = asyncio.Event()

    async def handler(self, topic: str, messages: Sequence[Message]) -> None:
        self.taken.set()
        await self.open.wait()
        self.done += [message.value for message in messages]
        if len(set(self.done)) == COUNT:
            self.all_done.set()
        if self.done.count(LAST) == 2:
            self.both_last.set()


async def soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(30):
        await event.wait()


async def test_a_batch_that_a_stop_cuts_short_is_delivered_again(kafka: str) -> None:
    topic = await asyncio.to_thread(partial(new_topic, kafka))
    first = Worker(kafka, topic)
    await first.streams.start()
    await soon(first.taken)
    await first.streams.stop()
    assert first.done == []

    second = Worker(kafka, topic)
    second.open.set()
    await second.streams.start()
    await soon(second.all_done)
    await second.streams.stop()


async def test_a_stop_waits_for_the_batch_at_hand_and_what_is_done_is_not_delivered_again(kafka: str) -> None:
    topic = await asyncio.to_thread(partial(new_topic, kafka))
    first = Worker(kafka, topic)
    first.open.set()
    await first.streams.start()
    await soon(first.all_done)
    await first.streams.stop()

    second = Worker(kafka, topic)
    second.open.set()
    await second.streams.start()
    producer = KafkaProducer(bootstrap_servers=kafka)
    for partition in (0, 1):
        producer.send(topic, value=LAST, partition=partition)
    producer.close()
    await soon(second.both_last)
    await second.streams.stop()
    assert set(second.done) == {LAST}
