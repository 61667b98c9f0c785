"""Looks at Kafka itself now and then: whether it answers, whether topics are those they were, where they begin.

Nothing else does while nobody edits anything, and neither a topic that was made anew nor messages that were deleted
before they were read show in what comes after them (promise 5).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

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
    """The ids of the topics that there are (empty, where the broker has none), and the first offset of each of their
    partitions."""

    ids: Mapping[str, str]
    first: Mapping[str, Mapping[int, int]]


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
        begins = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST)) if places else {}
        first: dict[str, dict[int, int]] = {name: {} for name in mine}
        for place, begin in begins.items():
            first[place.topic][place.partition] = begin.offset
        return Seen({name: topic_id(topic) for name, topic in mine.items()}, first)

    def _let_go(self) -> None:
        admin, self._admin = self._admin, None
        if admin:
            with suppress(KafkaError, OSError):
                admin.close()

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
        self._thread.shutdown(wait=False)


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
        another: Callable[[], None],
    ) -> None:
        self._look, self._topics, self._log_ids = look, topics, log_ids
        self._told, self._gone, self._another = told, gone, another
        self._known = dict(log_ids)
        self._others: list[str] = []

    async def forever(self) -> None:
        await every(_SECONDS, self.once)

    async def once(self) -> None:
        """CoupledError if the store is away."""
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
