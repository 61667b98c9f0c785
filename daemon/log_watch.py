"""Looks at Kafka itself now and then: whether it answers, whether topics are those they were, where they begin.

Nothing else does while nobody edits anything, and neither a topic that was made anew nor messages that were deleted
before they were read show in what comes after them, nor what a broker that lost its power had not yet written to its
disk (promise 5).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from kafka.protocol.consumer.offsets import OffsetSpec

from daemon.health import Told
from daemon.kafka import connect, topic_id, unreachable
from daemon.settings import Kafka
from daemon.supervision import every

_log = structlog.get_logger(__name__)
NAME = "kafka"
_SECONDS = 5.0
_ANSWER_MS = 5_000


@dataclass(frozen=True, slots=True)
class Seen:
    """The ids of the topics that there are (empty, where the broker has none), and of each of their partitions the
    first offset, and the one that its next message gets."""

    ids: Mapping[str, str]
    first: Mapping[str, Mapping[int, int]]
    ends: Mapping[str, Mapping[int, int]]


class Reached(Protocol):
    """What is known of the topics without asking Kafka (`daemon.truncation`)."""

    async def reached(self) -> Mapping[str, Mapping[int, int]]:
        """By topic and partition, the highest offset that was acknowledged to us, or that we have read."""

    async def cut(self, topic: str, log_id: str, ends: Mapping[int, int]) -> None:
        """These partitions end there, below what was reached: what is lost is to be published again."""


class Eyes:
    """What asks Kafka; in a thread of its own, since others wait for Kafka in the common ones while it is away."""

    def __init__(self, kafka: Kafka, bootstrap: str, topics: Sequence[str]) -> None:
        self._kafka = kafka
        self._bootstrap = bootstrap
        self._topics = topics
        self._admin: KafkaAdminClient | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-watch")

    async def look(self) -> Seen:
        """Unreachable if Kafka does not answer within some seconds."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._look)

    def _look(self) -> Seen:
        try:
            if self._admin is None:
                short = {"bootstrap_timeout_ms": _ANSWER_MS, "request_timeout_ms": _ANSWER_MS}
                self._admin = connect(KafkaAdminClient, self._kafka, self._bootstrap, **short)
            return self._seen(self._admin)
        except (KafkaError, OSError, TimeoutError) as error:
            self._let_go()
            raise unreachable(self._bootstrap, error) from error

    def _seen(self, admin: KafkaAdminClient) -> Seen:
        found = {topic["name"]: topic for topic in admin.describe_topics()}
        mine = {name: found[name] for name in self._topics if name in found}
        places = [TopicPartition(name, one["partition_index"]) for name in mine for one in mine[name]["partitions"]]
        first, ends = (_offsets(admin, places, spec) for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST))
        return Seen({name: topic_id(topic) for name, topic in mine.items()}, first, ends)

    def _let_go(self) -> None:
        admin, self._admin = self._admin, None
        if admin:
            with suppress(KafkaError, OSError):
                admin.close()

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
        self._thread.shutdown(wait=False)


def _offsets(admin: KafkaAdminClient, places: Sequence[TopicPartition], which: OffsetSpec) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {place.topic: {} for place in places}
    for place, at in (admin.list_partition_offsets(dict.fromkeys(places, which)) if places else {}).items():
        found[place.topic][place.partition] = at.offset
    return found


class LogWatch:
    """`topics` are all that there must be, `log_ids` tells of those of tables which log each is. `gone` is told where
    such a topic begins (`SqlPositions.gone`), `another` that a topic is not the one it was."""

    def __init__(
        self,
        look: Callable[[], Awaitable[Seen]],
        topics: Sequence[str],
        log_ids: Mapping[str, str],
        told: Told,
        gone: Callable[[str, str, Mapping[int, int]], Awaitable[bool]],
        reached: Reached,
        another: Callable[[], None],
    ) -> None:
        self._look, self._topics, self._log_ids = look, topics, log_ids
        self._told, self._gone, self._reached, self._another = told, gone, reached, another
        self._known = dict(log_ids)
        self._others: list[str] = []
        self._short: Mapping[str, Mapping[int, int]] = {}

    async def forever(self) -> None:
        await every(_SECONDS, self.once)

    async def once(self) -> None:
        """CoupledError if the store is away."""
        reached = await self._reached.reached()  # before Kafka is asked: what is acknowledged meanwhile is no loss
        try:
            seen = await self._look()
        except Exception as error:
            self._told.down(NAME, str(error) or type(error).__name__)
            return
        self._told.up(NAME)
        if self._another_log(seen):
            return
        for topic, log_id in self._log_ids.items():
            first = seen.first.get(topic, {})
            if any(first.values()):
                await self._gone(topic, log_id, first)
        await self._cut(reached, seen)

    async def _cut(self, reached: Mapping[str, Mapping[int, int]], seen: Seen) -> None:
        """Told once it is seen twice: a broker that has just become the leader may not know all that it holds."""
        short = {topic: _below(seen.ends.get(topic, {}), reached.get(topic, {})) for topic in self._log_ids}
        for topic, ends in short.items():
            before = self._short.get(topic, {})
            if twice := {number: min(end, before[number]) for number, end in ends.items() if number in before}:
                await self._reached.cut(topic, self._log_ids[topic], twice)
        self._short = short

    def _another_log(self, seen: Seen) -> bool:
        """Told once it is seen twice: of several brokers one may not know a new topic yet."""
        others = [name for name in self._topics if self._is_another(name, seen)]
        if others and others == self._others:
            _log.warning("topic_made_anew", topics=others)
            self._another()
        self._others = others
        return bool(others)

    def _is_another(self, name: str, seen: Seen) -> bool:
        if name not in seen.ids:
            return True
        found = seen.ids[name]
        return bool(found) and self._known.setdefault(name, found) != found


def _below(ends: Mapping[int, int], reached: Mapping[int, int]) -> dict[int, int]:
    return {number: end for number, end in ends.items() if reached.get(number, -1) >= end}
