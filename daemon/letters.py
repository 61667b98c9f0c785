"""The dead letters of a Kafka, with kafka-python: read from first to last, and put back where they came from."""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from daemon.kafka import connect, unreachable
from daemon.settings import Kafka
from schemas.dead_letter import ORIGIN, DeadLetter, Place, letter, stuck
from schemas.errors import Refused
from schemas.topics import Topics

_SECONDS_TO_ANSWER = 20
_STEP_MS = 20


@dataclass(frozen=True, slots=True)
class PutBack:
    """What became of a letter that was to be put back: where its message is now, or (`why`) that it could not be."""

    letter: DeadLetter
    place: Place | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Letters:
    """Nothing is ever removed: only the topic's own retention does that. Unreachable if Kafka does not answer."""

    kafka: Kafka
    bootstrap: str
    topics: Topics

    def read(self, newest: int | None = None, before: int | None = None) -> Iterator[DeadLetter]:
        """All of them, or about as many of the `newest`, of those before a letter, oldest first. Refused if there is no
        such topic."""
        try:
            with self._consumer() as consumer:
                if not consumer.partitions_for_topic(self.topics.dead_letters):
                    raise Refused(
                        "no-dead-letters-topic",
                        f"Kafka at {self.bootstrap} has no topic {self.topics.dead_letters}.",
                        "The daemon makes it when it starts. Is `kafka.topic_prefix` in coupled.yaml the right one?",
                    )
                place = TopicPartition(self.topics.dead_letters, 0)
                for one in _all_of(consumer, place, newest, before, low=self.kafka.embedded):
                    yield letter(one.offset, one.timestamp, one.key, one.value, one.headers)
        except (KafkaError, OSError, TimeoutError) as error:
            raise unreachable(self.bootstrap, error) from error

    def newest(self, limit: int | None = None, before: int | None = None, topic: str = "") -> list[DeadLetter]:
        """Newest first; only those of a topic, if it is named, with or without its prefix."""
        # How far back so many of one topic stand is not known before.
        found = self.read(None if topic else limit, before)
        names = (topic, f"{self.topics.prefix}.{topic}")
        return list(reversed(deque((one for one in found if not topic or one.topic in names), maxlen=limit)))

    def put_back(self, chosen: Collection[int]) -> list[PutBack]:
        """The messages of the letters with these numbers, byte for byte, on the partitions they came from, in order."""
        try:
            with self._consumer() as consumer, self._producer() as producer:
                partitions = cache(consumer.partitions_for_topic)
                sent = [self._send(producer, partitions, one) for one in self.read() if one.number in chosen]
                producer.flush(timeout=_SECONDS_TO_ANSWER)
                return [told() for told in sent]
        except (KafkaError, OSError, TimeoutError) as error:
            raise unreachable(self.bootstrap, error) from error

    def _consumer(self) -> KafkaConsumer:
        # Assigned, not joined: a group's first join is slow on the embedded broker, which also lets every fetch wait.
        return connect(
            KafkaConsumer,
            self.kafka,
            self.bootstrap,
            group_id=None,
            enable_auto_commit=False,
            fetch_max_wait_ms=_STEP_MS,
            allow_auto_create_topics=False,
        )

    def _producer(self) -> KafkaProducer:
        return connect(KafkaProducer, self.kafka, self.bootstrap, acks="all", allow_auto_create_topics=False)

    def _send(
        self, producer: KafkaProducer, partitions: Callable[[str], Collection[int]], one: DeadLetter
    ) -> Callable[[], PutBack]:
        """What tells how it went, once all is sent."""
        why = stuck(one, self.topics)
        known = () if why else partitions(one.topic)
        if not known:
            left = PutBack(one, None, why or f"the topic {one.topic} is not there any more")
            return lambda: left
        origin = f"{self.topics.dead_letters}-0-{one.number}"
        future = producer.send(
            one.topic,
            key=one.key,
            value=one.value,
            headers=[(ORIGIN, origin.encode())],
            partition=one.partition if one.partition in known else None,
        )

        def told() -> PutBack:
            done = future.get(timeout=_SECONDS_TO_ANSWER)
            return PutBack(one, Place(done.topic, done.partition, done.offset))

        return told


def _all_of(
    consumer: KafkaConsumer,
    partition: TopicPartition,
    newest: int | None,
    before: int | None,
    *,
    low: bool,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Any]:
    """`low`: the broker tells an end that is low by up to a batch (DESIGN 7), and only with its answers the right one.

    TimeoutError if it does not answer.
    """
    consumer.assign([partition])
    told = consumer.end_offsets([partition])[partition]
    first = consumer.beginning_offsets([partition])[partition]
    end = told if before is None else min(told, before)
    reached = first if newest is None else max(first, end - newest)
    consumer.seek(partition, reached)
    heard = clock()

    def over() -> bool:
        last = consumer.highwater(partition) if low else told
        return (before is not None and reached >= before) or (last is not None and reached >= max(last, told))

    while not over():
        records = consumer.poll(timeout_ms=_STEP_MS).get(partition, ())
        yield from (record for record in records if before is None or record.offset < before)
        if (now := consumer.position(partition)) != reached:
            reached, heard = now, clock()
        elif clock() - heard > _SECONDS_TO_ANSWER:
            raise TimeoutError(f"no message of {partition.topic} came for {_SECONDS_TO_ANSWER} s")
