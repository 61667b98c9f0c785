"""The log in memory and the one on Kafka do the same: what is published, where it lands, and how it is read back."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from consumers.synchronise import Message
from daemon.broker import EmbeddedBroker
from daemon.kafka import PACK_RECORDS, KafkaLog, ensure_topics
from daemon.settings import Kafka
from daemon.wiring import Log
from schemas import command, command_outcome
from schemas.change import Change, Op, decode, encode
from schemas.command_outcome import CommandOutcome
from schemas.dead_letter import letter, stuck
from schemas.errors import Unreachable
from schemas.fitting import MOST_BYTES
from schemas.job import RunState
from schemas.side import Side
from schemas.topics import Topics
from tests.support.brokers import Brokers
from tests.support.memory_log import Headers, MemoryLog

PARTITIONS = 3
KEYS = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(20)]


@dataclass(frozen=True)
class Subject:
    """A log, and how a stranger reads a topic of it: its messages by partition and offset, with their headers."""

    log: Log
    topics: Topics
    read: Callable[[str, int], list[tuple[Message, Headers]]]

    @property
    def table(self) -> str:
        return self.topics.table(Side.BC, "customers")


def _in_memory() -> Subject:
    topics = Topics("t")
    log = MemoryLog(topics, PARTITIONS)
    return Subject(log, topics, lambda topic, _: log.read(topic))


def _read_kafka(bootstrap: str, topic: str, count: int) -> list[tuple[Message, Headers]]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    found: list[tuple[Message, Headers]] = []
    for _ in range(100):
        for messages in consumer.poll(timeout_ms=200).values():
            found += [(Message(m.partition, m.offset, m.key, m.value), list(m.headers)) for m in messages]
        if len(found) >= count:
            break
    consumer.close()
    return sorted(found, key=lambda one: (one[0].partition, one[0].offset))


@pytest.fixture(params=["memory", "embedded"])
async def subject(request: pytest.FixtureRequest, brokers: Brokers) -> AsyncIterator[Subject]:
    if request.param == "memory":
        yield _in_memory()
        return
    bootstrap = brokers.bootstrap(request.param)
    topics = Topics(f"t-{uuid.uuid4().hex[:12]}")
    settings = Kafka(bootstrap_servers=bootstrap, topic_prefix=topics.prefix, partitions=PARTITIONS)
    await asyncio.to_thread(ensure_topics, settings, bootstrap, topics, [topics.table(Side.BC, "customers")])
    log = await asyncio.to_thread(KafkaLog, settings, bootstrap, topics)
    yield Subject(log, topics, lambda topic, count: _read_kafka(bootstrap, topic, count))
    await log.close()


def change(key: str, number: int = 1) -> Change:
    return Change(Op.UPDATE, Side.BC, "customers", key, {"id": key, "n": number}, f'W/"{number}"', number, 1, 2)


def placed(subject: Subject, count: int) -> list[tuple[int, Change]]:
    """(partition, change) in the order a consumer sees them."""
    messages = subject.read(subject.table, count)
    return [(message.partition, one) for message, _ in messages for one in decode(message.value)]


async def test_each_change_is_a_message_with_its_key_and_the_last_offsets_are_told(subject: Subject) -> None:
    changes = [change(key) for key in KEYS]
    told = await subject.log.publish(subject.table, changes, packed=False)
    messages = [message for message, _ in subject.read(subject.table, len(KEYS))]
    assert sorted(message.key or b"" for message in messages) == [key.encode() for key in KEYS]
    assert told.topic == subject.table
    assert told.offsets == {message.partition: message.offset for message in messages}
    assert len(told.offsets) == PARTITIONS


async def test_changes_of_one_record_keep_their_order_also_when_packed(subject: Subject) -> None:
    await subject.log.publish(subject.table, [change(key, 1) for key in KEYS], packed=False)
    told = await subject.log.publish(subject.table, [change(key, 2) for key in KEYS], packed=True)
    await subject.log.publish(subject.table, [change(key, 3) for key in KEYS], packed=False)
    seen = placed(subject, 2 * len(KEYS) + len(told.offsets))
    for key in KEYS:
        mine = [(partition, one.sequence) for partition, one in seen if one.key == key]
        assert [number for _, number in mine] == [1, 2, 3]
        assert len({partition for partition, _ in mine}) == 1


async def test_a_packed_page_is_one_message_without_a_key_per_partition(subject: Subject) -> None:
    told = await subject.log.publish(subject.table, [change(key) for key in KEYS], packed=True)
    messages = [message for message, _ in subject.read(subject.table, len(told.offsets))]
    assert [message.key for message in messages] == [None] * len(told.offsets)
    assert sorted(one.key for message in messages for one in decode(message.value)) == KEYS


async def test_a_long_page_is_several_messages_below_the_limit(subject: Subject) -> None:
    told = await subject.log.publish(subject.table, [change(KEYS[0], n) for n in range(2 * PACK_RECORDS)], packed=True)
    messages = [message for message, _ in subject.read(subject.table, 2)]
    assert [len(decode(message.value)) for message in messages] == [PACK_RECORDS, PACK_RECORDS]
    assert set(told.offsets.values()) == {1}


@pytest.mark.parametrize("packed", [False, True])
async def test_promise_7_of_a_record_too_large_for_a_message_the_rest_is_published(
    subject: Subject, packed: bool
) -> None:
    large = replace(change(KEYS[0]), after={"id": KEYS[0], "memo": "é" * 3_000_000, "name": "Ada"})
    told = await subject.log.publish(subject.table, [large, change(KEYS[1])], packed=packed)
    found = {one.key: one for _, one in placed(subject, sum(one + 1 for one in told.offsets.values()))}
    assert found[KEYS[1]] == change(KEYS[1])
    assert found[KEYS[0]].after == {"id": KEYS[0], "name": "Ada"}
    assert found[KEYS[0]].left_out == {"memo": 6_000_000 + len('{"memo":""}')}


async def test_what_just_fits_is_published_whole(subject: Subject) -> None:
    room = MOST_BYTES - len(encode(change(KEYS[0]))) - len(',"memo":""')
    large = replace(change(KEYS[0]), after={**(change(KEYS[0]).after or {}), "memo": "x" * room})
    assert len(encode(large)) == MOST_BYTES
    await subject.log.publish(subject.table, [large], packed=False)
    await subject.log.publish(subject.table, [large], packed=True)
    assert [one for _, one in placed(subject, 2)] == [large, large]


async def test_nothing_to_publish_is_nothing_published(subject: Subject) -> None:
    told = await subject.log.publish(subject.table, [], packed=True)
    assert told.offsets == {}
    await subject.log.publish(subject.table, [change(KEYS[0])], packed=False)
    assert len(placed(subject, 1)) == 1


async def test_outcomes_and_commands_are_in_order_and_keyed_by_the_command(subject: Subject) -> None:
    states = [RunState.ACCEPTED, RunState.RUNNING, RunState.DONE]
    for state in states:
        await subject.log.announce(CommandOutcome("c-1", "sync", state))
    await subject.log.submit(command.Sync(id="c-1", command="sync"))
    told = [message for message, _ in subject.read(subject.topics.outcomes, len(states))]
    assert [command_outcome.decode(message.value or b"").state for message in told] == states
    [asked] = [message for message, _ in subject.read(subject.topics.control, 1)]
    assert command.parse(asked.value).id == "c-1"
    assert {message.key for message in [*told, asked]} == {b"c-1"}


async def test_dead_letters_keep_key_and_value_and_say_whence_and_why(subject: Subject) -> None:
    await subject.log.dead_letter("t.bc.customers", Message(2, 7, b"key", b"\xff"), "it is not JSON")
    await subject.log.dead_letter("t.bc.customers", Message(0, 8, None, None), "it is empty")
    await subject.log.dead_letter("t.bc.customers", Message(0, 9, b"gone", None), "it is empty")
    letters = [
        letter(kept.offset, 0, kept.key, kept.value, told)
        for kept, told in subject.read(subject.topics.dead_letters, 3)
    ]
    assert [(one.key, one.value) for one in letters] == [(b"key", b"\xff"), (None, b""), (b"gone", None)]
    assert [(one.partition, one.offset) for one in letters] == [(2, 7), (0, 8), (0, 9)]
    assert [one.reason for one in letters] == ["it is not JSON", "it is empty", "it is empty"]
    assert all(one.topic == "t.bc.customers" and one.whole for one in letters)


async def test_a_message_too_large_for_a_letter_does_not_hold_its_topic_up(brokers: Brokers) -> None:
    """One that came compressed, or from a producer with a higher limit. Its reason may quote all of it."""
    bootstrap, topics = brokers.bootstrap("embedded"), Topics(f"t-{uuid.uuid4().hex[:12]}")
    settings = Kafka(bootstrap_servers=bootstrap, topic_prefix=topics.prefix)
    await asyncio.to_thread(ensure_topics, settings, bootstrap, topics, [])
    log = await asyncio.to_thread(KafkaLog, settings, bootstrap, topics)
    try:
        await log.dead_letter(topics.control, Message(0, 1, b"k" * 900_000, b"v" * 2_000_000), "x" * 2_000_000)
        [(kept, told)] = _read_kafka(bootstrap, topics.dead_letters, 1)
    finally:
        await log.close()
    one = letter(kept.offset, 0, kept.key, kept.value, told)
    assert (one.size, one.whole) == (2_000_000, False)
    assert (one.value or b"").startswith(b"v" * 1000)
    assert stuck(one, topics) == "the message was too large to be kept whole"


async def test_a_kafka_that_does_not_answer_holds_up_nothing_else(tmp_path: Path) -> None:
    """Every table's capture waits for it at once, and names are looked up and files read in the common threads."""
    topics = Topics("stuck")
    table = topics.table(Side.BC, "customers")
    async with EmbeddedBroker(log=tmp_path / "broker.log") as broker:
        settings = Kafka(bootstrap_servers=broker.bootstrap, topic_prefix=topics.prefix, partitions=PARTITIONS)
        await asyncio.to_thread(ensure_topics, settings, broker.bootstrap, topics, [table])
        log = await asyncio.to_thread(KafkaLog, settings, broker.bootstrap, topics)
        await log.publish(table, [change(KEYS[0])], packed=False)
        assert broker.pid
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            waiting = [asyncio.create_task(log.publish(table, [change(key)], packed=False)) for key in KEYS]
            async with asyncio.timeout(10):
                assert await asyncio.to_thread(lambda: "at once") == "at once"
                await log.close()
            ends = await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
    assert {type(end) for end in ends} == {Unreachable}
