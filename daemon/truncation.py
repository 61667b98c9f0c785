"""Topics that end before what was read of them: a broker lost its power before that was on its disk (promise 5)."""

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.store.truncated import Truncated
from daemon.streams import Streams

Offsets = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class Truncation:
    """What the store knows, and what this worker has read (`daemon.log_watch.Reached`)."""

    store: Truncated
    streams: Streams

    async def reached(self) -> Offsets:
        stored, read = await self.store.reached(), self.streams.read()
        return {topic: _higher(stored.get(topic, {}), read.get(topic, {})) for topic in stored.keys() | read.keys()}

    async def cut(self, topic: str, log_id: str, ends: Mapping[int, int]) -> None:
        """What is not applied is published again, and read though it has offsets that were read before."""
        await self.store.cut(topic, log_id, ends)
        await self.streams.rewind(topic, ends.keys())


def _higher(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {number: max(one.get(number, -1), other.get(number, -1)) for number in one.keys() | other.keys()}
