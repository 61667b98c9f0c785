"""Apache Kafka behind TLS, clients' certificates and logins: both clients get in, or the one error says why not."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from consumers.synchronise import Message
from daemon.checkup import parts
from daemon.cli.client import submit
from daemon.kafka import KafkaLog, ensure_topics
from daemon.settings import Batch, Kafka
from daemon.streams import Cluster, Streams
from schemas.checkup import State, exit_of
from schemas.command import Sync
from schemas.errors import Exit, Unreachable
from schemas.topics import Topics
from tests.support.brokers import Brokers
from tests.support.guarded_kafka import MECHANISMS, PASSWORD, GuardedKafka
from tests.support.processes import coupled
from tests.support.real_parts import KAFKA
from tests.support.world import World

pytestmark = pytest.mark.kafka
WRONG = "not-the-pa55word"
Told = Callable[[GuardedKafka], dict[str, Any]]


@pytest.fixture
def guarded(brokers: Brokers) -> GuardedKafka:
    with KAFKA.needed():
        return brokers.guarded()


def _command() -> Sync:
    return Sync(id=str(uuid.uuid4()), command="sync", mappings=["CURRENCY"])


async def _streamed(kafka: Kafka, topic: str) -> list[bytes | None]:
    """What the streams take off the topic first."""
    got: list[bytes | None] = []
    there = asyncio.Event()

    async def handler(_topic: str, messages: Sequence[Message]) -> None:
        got.extend(message.key for message in messages)
        there.set()

    streams = Streams(kafka.topic_prefix, Cluster(kafka, kafka.bootstrap_servers), Batch(size=10, seconds=0.1))
    streams.handle(topic, 1, handler)
    await streams.start()
    async with asyncio.timeout(30):
        await there.wait()
    await streams.stop()
    return got


GETS_IN: dict[str, Told] = {
    "TLS": lambda g: g.settings("TLS"),
    "a client's certificate": lambda g: g.settings("MUTUAL"),
    "a client's key under a password": lambda g: g.settings(
        "MUTUAL", ssl_certfile=g.locked, ssl_keyfile=g.locked, ssl_key_password=PASSWORD
    ),
    **{
        mechanism: partial(lambda name, g: g.settings("LOGIN", sasl_mechanism=name), mechanism)
        for mechanism in MECHANISMS
    },
}


@pytest.mark.parametrize("told", GETS_IN.values(), ids=GETS_IN)
async def test_a_command_is_sent_and_taken(guarded: GuardedKafka, told: Told) -> None:
    prefix = f"t-{uuid.uuid4().hex[:12]}"
    kafka = Kafka.model_validate({**told(guarded), "topic_prefix": prefix})
    topics, command = Topics(prefix), _command()
    await asyncio.to_thread(ensure_topics, kafka, kafka.bootstrap_servers, topics, [])
    log = await asyncio.to_thread(KafkaLog, kafka, kafka.bootstrap_servers, topics)
    await log.submit(command)
    await log.close()
    assert await _streamed(kafka, topics.control) == [command.id.encode()]


# What is wrong, what the error says of it, and the setting that its hint names.
REFUSED: dict[str, tuple[Told, str, str]] = {
    **{
        f"a wrong password, {mechanism}": (
            partial(lambda name, g: g.settings("LOGIN", sasl_mechanism=name, sasl_password=WRONG), mechanism),
            "does not accept the login",
            "kafka.sasl_password",
        )
        for mechanism in MECHANISMS
    },
    "another authority": (
        lambda g: g.settings("TLS", ssl_cafile=g.stranger.file),
        "not trusted: unable to get local issuer certificate",
        "kafka.ssl_cafile",
    ),
    "no authority": (
        lambda g: g.settings("LOGIN", ssl_cafile=None),
        "not trusted: unable to get local issuer certificate",
        "kafka.ssl_cafile",
    ),
    "an expired certificate": (lambda g: g.settings("EXPIRED"), "certificate has expired", "Renew"),
    "another host's certificate": (
        lambda g: g.settings("ELSEWHERE"),
        "not valid for '127.0.0.1'",
        "kafka.bootstrap_servers",
    ),
    "no certificate of ours": (
        lambda g: g.settings("MUTUAL", ssl_certfile=None, ssl_keyfile=None),
        "does not accept our certificate",
        "kafka.ssl_certfile",
    ),
    "a certificate of ours that nobody there knows": (
        lambda g: g.settings("MUTUAL", ssl_certfile=g.foreign, ssl_keyfile=g.foreign),
        "does not accept our certificate",
        "kafka.ssl_certfile",
    ),
    "a login where none is asked for": (
        lambda g: {**g.settings("LOGIN", sasl_password=WRONG), "bootstrap_servers": g.broker.address("TLS")},
        "takes no login",
        "kafka.security_protocol",
    ),
    "no login where one is asked for": (
        lambda g: g.settings("TLS", bootstrap_servers=g.broker.address("LOGIN")),
        "ends the connection",
        "kafka.security_protocol",
    ),
    "the login without TLS": (
        lambda g: g.settings("LOGIN", security_protocol="SASL_PLAINTEXT", ssl_cafile=None, sasl_password=WRONG),
        "ends the connection",
        "kafka.security_protocol",
    ),
    "the second of two servers": (
        lambda g: g.settings("EXPIRED", bootstrap_servers=f"127.0.0.1:1,{g.broker.address('EXPIRED')}"),
        "certificate has expired",
        "Renew",
    ),
}


@pytest.mark.parametrize(("told", "says", "fix"), REFUSED.values(), ids=REFUSED)
async def test_check_says_why_it_is_not_let_in(
    guarded: GuardedKafka, told: Told, says: str, fix: str, tmp_path: Path
) -> None:
    kafka = Kafka.model_validate(told(guarded))
    found = await parts.kafka(_settings(tmp_path, kafka))
    assert exit_of(found) == Exit.UNREACHABLE
    assert [one.state for one in found] == [State.ERROR]
    assert says in found[0].says
    assert fix in found[0].fix
    assert WRONG not in f"{found[0].says}{found[0].fix}"


def _settings(folder: Path, kafka: Kafka) -> Any:
    with World(folder) as world:
        return world.settings.model_copy(update={"kafka": kafka})


def _world(folder: Path, told: dict[str, Any]) -> World:
    """Its coupled.yaml with these settings of Kafka, those that World writes itself left out."""
    world = World(folder, str(told.pop("bootstrap_servers")))
    told.pop("session_seconds")
    for name in [name for name in told if name.endswith("password")]:
        (folder / name).write_text(told.pop(name), encoding="utf-8")
        told[f"{name}_file"] = folder / name
    world.configure(guarded="".join(f", {name}: {json.dumps(str(value))}" for name, value in told.items()))
    return world


def test_a_daemon_takes_commands_behind_a_login(guarded: GuardedKafka, tmp_path: Path) -> None:
    told = guarded.settings("LOGIN", sasl_mechanism="SCRAM-SHA-512")
    with _world(tmp_path, told) as world, world.daemon():
        outcomes = list(submit(world.settings, _command()))
    assert outcomes[-1].state.value == "done", outcomes


def test_commands_and_the_daemon_end_with_one_error(guarded: GuardedKafka, tmp_path: Path) -> None:
    told = guarded.settings("LOGIN", sasl_mechanism="SCRAM-SHA-256", sasl_password=WRONG)
    with _world(tmp_path, told) as world:
        with pytest.raises(Unreachable, match="does not accept the login"):
            next(submit(world.settings, _command()))
        done = coupled(world, "run")
    assert done.returncode == 3
    assert done.stderr.count("coupled: ") == 1
    assert "does not accept the login" in done.stderr
    assert "→ Check kafka.sasl_username" in done.stderr
    assert "Traceback" not in done.stderr
    assert WRONG not in done.stderr
