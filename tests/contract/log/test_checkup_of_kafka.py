"""`coupled check` of a broker: there, not there, too few of them, topics made otherwise."""

from __future__ import annotations

import uuid
from pathlib import Path

from daemon.broker import free_port
from daemon.checkup import parts
from daemon.kafka import ensure_topics
from daemon.settings import Settings
from schemas.checkup import State, exit_of
from schemas.topics import Topics

_AUTH = {"client_id": "c", "client_secret": "s", "token_url": "http://127.0.0.1/token"}


def told(folder: Path, **kafka: object) -> Settings:
    side = {"url": "http://127.0.0.1", "auth": _AUTH}
    store = {"url": f"sqlite:///{folder}/coupled.db"}
    return Settings.model_validate(
        {"business_central": {**side, "company": "C"}, "sales": side, "kafka": kafka, "store": store}
    )


async def test_a_broker_that_answers_is_fine(kafka: str, tmp_path: Path) -> None:
    (one,) = await parts.kafka(told(tmp_path, bootstrap_servers=kafka, topic_prefix=f"t-{uuid.uuid4().hex}"))
    assert (one.state, one.what) == (State.OK, "connection")
    assert kafka in one.says


async def test_more_copies_than_brokers_are_an_error(kafka: str, tmp_path: Path) -> None:
    found = await parts.kafka(told(tmp_path, bootstrap_servers=kafka, replication_factor=3))
    assert exit_of(found) == 2
    assert "kafka.replication_factor" in found[0].fix


async def test_topics_with_other_partitions_are_named(kafka: str, tmp_path: Path) -> None:
    prefix = f"t-{uuid.uuid4().hex}"
    settings = told(tmp_path, bootstrap_servers=kafka, topic_prefix=prefix, partitions=2)
    topics = Topics(prefix)
    ensure_topics(settings.kafka, kafka, topics, [f"{prefix}.bc.customers"])
    assert len(await parts.kafka(settings)) == 1
    other = told(tmp_path, bootstrap_servers=kafka, topic_prefix=prefix, partitions=5)
    _, one = await parts.kafka(other)
    assert (one.state, one.what) == (State.WARNING, "topics")
    assert "2 partitions, not 5" in one.says


async def test_a_broker_that_is_not_there_is_away(tmp_path: Path) -> None:
    found = await parts.kafka(told(tmp_path, bootstrap_servers=f"127.0.0.1:{free_port()}"))
    assert exit_of(found) == 3


async def test_the_folder_of_a_store_has_to_be_there(tmp_path: Path) -> None:
    assert exit_of(await parts.store(told(tmp_path))) == 0
    found = await parts.store(told(tmp_path / "nowhere"))
    assert exit_of(found) == 2
    assert str(tmp_path / "nowhere") in found[0].fix


async def test_a_store_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "coupled.db").write_text("no database at all, but long enough to look like none" * 20)
    assert exit_of(await parts.store(told(tmp_path))) == 3
