"""Kafka's place in a test that needs no broker: topics in memory, held to Kafka's behaviour by tests/contract/log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from kafka.partitioner.default import murmur2

from consumers.synchronise import Message
from daemon.kafka import packs
from producers.ports import Published
from schemas import command as commands
from schemas import command_outcome, dead_letter
from schemas.change import Change, encode
from schemas.command_outcome import CommandOutcome
from schemas.fitting import fitting
from schemas.topics import Topics

Headers = list[tuple[str, bytes]]


@dataclass
class _Topic:
    partitions: list[list[tuple[Message, Headers]]]
    taken: list[int]


class MemoryLog:
    """`daemon.wiring.Log`; table topics have `partitions` partitions, the others one."""

    def __init__(self, topics: Topics, partitions: int = 2) -> None:
        self._topics = topics
        single = {topics.control, topics.outcomes, topics.dead_letters}
        self._counts = defaultdict(lambda: partitions, dict.fromkeys(single, 1))
        self._held: dict[str, _Topic] = {}

    async def publish(self, topic: str, changes: Sequence[Change], packed: bool) -> Published:
        count = self._counts[topic]
        groups: dict[int, list[Change]] = {}
        for change in map(fitting, changes):
            groups.setdefault((murmur2(change.key.encode()) & 0x7FFFFFFF) % count, []).append(change)
        offsets: dict[int, int] = {}
        for partition, group in groups.items():
            if packed:
                sent: list[tuple[bytes | None, bytes]] = [(None, value) for value in packs(group)]
            else:
                sent = [(change.key.encode(), encode(change)) for change in group]
            offsets[partition] = [self._append(topic, partition, key, value) for key, value in sent][-1]
        return Published(topic, offsets)

    async def announce(self, outcome: CommandOutcome) -> None:
        self._append(self._topics.outcomes, 0, outcome.id.encode(), command_outcome.encode(outcome))

    async def submit(self, command: commands.Command) -> None:
        self.put(self._topics.control, command.id.encode(), commands.encode(command))

    async def dead_letter(self, topic: str, message: Message, reason: str) -> None:
        headers = dead_letter.headers(dead_letter.Place(topic, message.partition, message.offset), reason)
        value = b"" if message.key is None and message.value is None else message.value
        self._append(self._topics.dead_letters, 0, message.key, value, headers)

    def put(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """A message as any Kafka tool may send it, on the first partition."""
        self._append(topic, 0, key, value)

    def read(self, topic: str) -> list[tuple[Message, Headers]]:
        """All of a topic, by partition and offset."""
        return [one for partition in self._topic(topic).partitions for one in partition]

    def take(self, topic: str, most: int) -> list[Message]:
        """The next messages that nobody has taken yet: a group's batch, acknowledged."""
        held = self._topic(topic)
        found: list[Message] = []
        for number, partition in enumerate(held.partitions):
            new = partition[held.taken[number] :][: most - len(found)]
            held.taken[number] += len(new)
            found += [message for message, _ in new]
        return found

    def rewind(self, topic: str) -> None:
        """Nothing of the topic was acknowledged: all of it is delivered again."""
        held = self._topic(topic)
        held.taken = [0] * len(held.partitions)

    def _topic(self, name: str) -> _Topic:
        count = self._counts[name]
        return self._held.setdefault(name, _Topic([[] for _ in range(count)], [0] * count))

    def _append(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> int:
        held = self._topic(topic)
        offset = len(held.partitions[partition])
        held.partitions[partition].append((Message(partition, offset, key, value), headers or []))
        return offset
