"""The embedded broker: answers when started, dies with its parent, and is found through the runtime file."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from daemon import broker as broker_module
from daemon.broker import (
    BrokerError,
    EmbeddedBroker,
    answers_kafka,
    free_port,
    read_runtime,
    remove_runtime,
    runtime_file,
    write_runtime,
)
from daemon.child import TiedProcess, wait_until


def test_a_started_broker_takes_and_gives_messages(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "broker.log"
    with EmbeddedBroker(log=log) as broker:
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
        where = producer.send("letters", key=b"k", value=b"v").get(10)
        producer.close()
        consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, group_id=None)
        partition = TopicPartition("letters", where.partition)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        [messages] = consumer.poll(timeout_ms=5000).values()
        consumer.close()
        assert [(m.key, m.value) for m in messages] == [(b"k", b"v")]
        assert broker.alive
    assert not broker.alive
    assert b"listening" in log.read_bytes()


async def test_it_starts_and_stops_without_blocking_the_loop() -> None:
    async with EmbeddedBroker() as broker:
        port = int(broker.bootstrap.rpartition(":")[2])
        assert await asyncio.to_thread(answers_kafka, port)
    assert not await asyncio.to_thread(answers_kafka, port)


def test_starting_twice_keeps_the_first_and_stopping_twice_is_harmless() -> None:
    broker = EmbeddedBroker()
    try:
        assert broker.start() == broker.start()
    finally:
        broker.stop()
        broker.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_a_killed_parent_takes_its_broker_along() -> None:
    script = "from daemon.broker import EmbeddedBroker; b = EmbeddedBroker(); print(b.start(), flush=True); input()"
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    port = int(parent.stdout.readline().rpartition(":")[2])
    assert answers_kafka(port)
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    assert wait_until(lambda: not answers_kafka(port), lambda: True, 5)


def test_the_thread_that_started_the_broker_may_end() -> None:
    async def start_in_a_worker_thread() -> EmbeddedBroker:
        broker = EmbeddedBroker()
        await asyncio.to_thread(broker.start)
        return broker  # asyncio.run then ends the worker thread

    broker = asyncio.run(start_in_a_worker_thread())
    try:
        assert answers_kafka(int(broker.bootstrap.rpartition(":")[2]))
    finally:
        broker.stop()


def test_a_broker_that_ends_at_once_is_reported_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "broker_binary", lambda: Path("/bin/false"))
    log = tmp_path / "broker.log"
    with pytest.raises(BrokerError) as caught:
        EmbeddedBroker(log=log).start()
    text = str(caught.value)
    assert "ended with code 1" in text
    assert str(log) in text
    assert "kafka.bootstrap_servers" in text


def test_a_missing_wheel_is_reported_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "WHEEL", "no-such-distribution")
    with pytest.raises(BrokerError, match=r"make setup.*make kafka"):
        EmbeddedBroker().start()


def test_an_open_port_that_speaks_no_kafka_is_not_a_broker() -> None:
    assert not answers_kafka(free_port())


def test_a_child_that_ignores_sigterm_is_killed() -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); signal.pause()"
    child = TiedProcess([sys.executable, "-c", code])
    child.start()
    began = time.monotonic()
    child.stop(grace=0.2)
    assert not child.alive
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///coupled.db", "coupled.runtime.json"),
        ("sqlite:////var/lib/coupled/main.db", "/var/lib/coupled/main.runtime.json"),
        ("sqlite+aiosqlite:///data/main.db?timeout=5", "data/main.runtime.json"),
        ("sqlite://", "coupled.runtime.json"),
        ("postgresql://me@host/coupled", "coupled.runtime.json"),
    ],
)
def test_the_runtime_file_lies_beside_the_store(url: str, path: str) -> None:
    assert runtime_file(url) == Path(path)


def test_the_runtime_file_tells_of_a_running_daemon_only(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "x.runtime.json"
    assert read_runtime(path) is None
    note = {"bootstrap": "127.0.0.1:1", "pid": os.getpid(), "web": "http://127.0.0.1:8086"}
    write_runtime(path, note)
    assert read_runtime(path) == note
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_runtime(path, {**note, "pid": ended.pid})
    assert read_runtime(path) is None
    path.write_text("{half")
    assert read_runtime(path) is None
    remove_runtime(path)
    assert not path.exists()


def test_the_note_of_another_running_daemon_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "x.runtime.json"
    write_runtime(path, {"bootstrap": "127.0.0.1:1", "pid": os.getppid(), "web": ""})
    remove_runtime(path)
    assert path.exists()
