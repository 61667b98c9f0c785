"""Commands as any Kafka tool would send them: JSON on the control topic, outcomes by their id."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any, Self

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.support.waiting import wait_until

Message = dict[str, Any]
FINAL = frozenset({"done", "failed", "refused"})


class Commands:
    """Sends on the topics of one prefix, and keeps every outcome since it was made."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._prefix = prefix
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest", enable_auto_commit=False
        )
        self._outcomes = TopicPartition(f"{prefix}.outcomes", 0)
        self._letters = TopicPartition(f"{prefix}.dead-letters", 0)
        self._consumer.assign([self._outcomes, self._letters])
        self._consumer.seek_to_beginning(self._outcomes, self._letters)
        self.seen: list[Message] = []
        self.dead_letters: list[Any] = []

    def send(self, value: bytes, key: bytes | None = None, topic: str = "control", partition: int | None = None) -> int:
        """Any bytes, on any topic of the daemon; the offset they got."""
        sent = self._producer.send(f"{self._prefix}.{topic}", key=key, value=value, partition=partition).get(20)
        return int(sent.offset)

    def command(self, name: str, command_id: str = "", **fields: Any) -> str:
        """The id it was sent under."""
        command_id = command_id or str(uuid.uuid4())
        body = {"id": command_id, "command": name, **fields}
        self.send(json.dumps(body).encode(), command_id.encode())
        return command_id

    def read(self) -> list[Message]:
        for records in self._consumer.poll(timeout_ms=100).values():
            for record in records:
                if record.topic == self._outcomes.topic:
                    self.seen.append(json.loads(record.value))
                else:
                    self.dead_letters.append(record)
        return self.seen

    def of(self, command_id: str) -> list[Message]:
        """Every outcome of that command so far."""
        return [outcome for outcome in self.read() if outcome["id"] == command_id]

    def until(self, command_id: str, right: Callable[[Message], bool], timeout: float, what: str) -> Message:
        def found() -> Message | None:
            return next((outcome for outcome in self.of(command_id) if right(outcome)), None)

        outcome = wait_until(found, timeout, f"{what} of command {command_id}")
        assert outcome
        return outcome

    def end(self, command_id: str, timeout: float = 300) -> Message:
        return self.until(command_id, lambda outcome: outcome["state"] in FINAL, timeout, "the end")

    def run(self, name: str, timeout: float = 300, **fields: Any) -> Message:
        return self.end(self.command(name, **fields), timeout)

    def close(self) -> None:
        self._producer.close(5)
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
