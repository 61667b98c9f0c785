"""Kafka itself is looked at: told when it is away, when a topic is another one, and where topics begin."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.log_watch import LogWatch, Seen
from schemas.errors import Unreachable

IDS = {"bc.items": "one"}
BEGINS = {"bc.items": {0: 0, 1: 0}}


class Kafka:
    """What a look finds, and what comes of it."""

    def __init__(self) -> None:
        self.seen: Seen | Unreachable = Seen({**IDS, "control": "c"}, BEGINS)
        self.reasons: dict[str, str] = {}
        self.another = 0
        self.begins: list[tuple[str, str, Mapping[int, int]]] = []
        self.watch = LogWatch(self.look, ["bc.items", "control"], IDS, self, self.gone, self.changed)

    async def look(self) -> Seen:
        if isinstance(self.seen, Unreachable):
            raise self.seen
        return self.seen

    def up(self, name: str) -> None:
        self.reasons.pop(name, None)

    def down(self, name: str, reason: str) -> None:
        self.reasons[name] = reason

    async def gone(self, topic: str, log_id: str, first: Mapping[int, int]) -> bool:
        self.begins.append((topic, log_id, first))
        return True

    def changed(self) -> None:
        self.another += 1

    async def looked(self, ids: Mapping[str, str]) -> int:
        self.seen = Seen(ids, BEGINS)
        await self.watch.once()
        return self.another


async def test_while_kafka_is_away_it_is_told_with_cause_and_next_step() -> None:
    kafka = Kafka()
    seen, kafka.seen = kafka.seen, Unreachable("kafka-unreachable", "It does not answer.", "Is it running?")
    await kafka.watch.once()
    assert kafka.reasons == {"kafka": "It does not answer. Is it running?"}
    kafka.seen = seen
    await kafka.watch.once()
    assert (kafka.reasons, kafka.another, kafka.begins) == ({}, 0, [])


async def test_a_topic_that_is_made_anew_or_gone_is_told_when_it_is_seen_twice() -> None:
    for ids in ({"bc.items": "two", "control": "c"}, {"control": "c"}, {**IDS, "control": "d"}):
        kafka = Kafka()
        assert await kafka.looked({**IDS, "control": "c"}) == 0
        assert await kafka.looked(ids) == 0
        assert await kafka.looked({**IDS, "control": "c"}) == 0
        assert [await kafka.looked(ids), await kafka.looked(ids)] == [0, 1]


async def test_a_broker_without_ids_is_asked_for_the_topics_only() -> None:
    kafka = Kafka()
    for _ in range(3):
        assert await kafka.looked({"bc.items": "", "control": ""}) == 0


async def test_where_a_topic_begins_is_told_once_it_has_lost_anything() -> None:
    kafka = Kafka()
    kafka.seen = Seen({**IDS, "control": "c"}, {"bc.items": {0: 0, 1: 7}})
    await kafka.watch.once()
    assert kafka.begins == [("bc.items", "one", {0: 0, 1: 7})]
