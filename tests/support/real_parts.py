"""Real servers that a machine may lack: their tests are skipped with one line at the end, or fail where required."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import pytest

from deploy.kafka.run_kafka import KafkaUnavailable
from tests.support.postgres import PostgresUnavailable

_MISSING: dict[str, str] = {}


def missing(part: str, reason: str, required_by: str) -> NoReturn:
    """Skip the running test because `part` cannot be had; fail it when the variable `required_by` is 1."""
    if os.environ.get(required_by) == "1":
        pytest.fail(f"{part} is required ({required_by}=1) but cannot be had: {reason}", pytrace=False)
    _MISSING[part] = reason
    pytest.skip(f"{part} cannot be had here")


@dataclass(frozen=True)
class RealPart:
    """Whoever starts it raises `unavailable` if it cannot be had; `required_by` names a variable, as for `missing`."""

    name: str
    unavailable: type[Exception]
    required_by: str

    @contextmanager
    def needed(self) -> Iterator[None]:
        """While it is started: `missing` if it cannot be had."""
        try:
            yield
        except self.unavailable as refusal:
            missing(self.name, str(refusal), self.required_by)


KAFKA = RealPart("Apache Kafka", KafkaUnavailable, "COUPLED_REQUIRE_KAFKA")
POSTGRES = RealPart("PostgreSQL", PostgresUnavailable, "COUPLED_REQUIRE_POSTGRES")


def summary() -> list[str]:
    """One line for each part whose tests did not run."""
    return [f"{part} tests NOT run: {reason}" for part, reason in _MISSING.items()]
