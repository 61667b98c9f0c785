"""Dead letters without a Kafka."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from daemon.letters import Letters, PutBack
from daemon.settings import Kafka
from schemas.dead_letter import DeadLetter, Place, stuck
from schemas.topics import Topics


@dataclass(frozen=True)
class Kept(Letters):
    """A message is put back unless it is stuck."""

    there: tuple[DeadLetter, ...] = ()
    asked: list[int] = field(default_factory=list)

    def read(self, newest: int | None = None, before: int | None = None) -> Iterator[DeadLetter]:
        found = [one for one in self.there if before is None or one.number < before]
        return iter(found if newest is None else found[-newest:])

    def put_back(self, chosen: Collection[int]) -> list[PutBack]:
        self.asked.extend(chosen)
        told = [(one, stuck(one, self.topics)) for one in self.there if one.number in chosen]
        return [PutBack(one, None if why else Place(one.topic, 0, 99), why) for one, why in told]


def kept(prefix: str, *letters: DeadLetter) -> Kept:
    return Kept(Kafka(), "kafka.example.com:9092", Topics(prefix), letters)
