"""Simulators behind real sockets for the clients of strangers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from daemon.sandbox import business_central, dataverse
from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.dataverse import DataverseSettings
from daemon.sandbox.seed import seed
from tests.support.fetched import Unfetched
from tests.support.real_parts import RealPart
from tests.support.strangers import node_clients, python_clients, run_python, served

PYTHON, NODE = (
    RealPart(f"{name} of others", Unfetched, "COUPLED_REQUIRE_STRANGERS")
    for name in ("Python clients", "Node.js clients")
)
KEYS = {"accounts": (("accountnumber",),)}


def _now() -> datetime:
    return datetime.now(UTC)


def _sales() -> ASGIApp:
    return dataverse.create_app(DataverseSettings(alternate_keys=KEYS), seed(customers=40, seed=1).sales, _now)


@pytest.fixture(scope="session")
def python() -> None:
    """The Python clients are there."""
    with PYTHON.needed():
        python_clients()


@pytest.fixture(scope="session")
def node() -> None:
    """The Node.js client is there."""
    with NODE.needed():
        node_clients()


@pytest.fixture
def sales() -> Iterator[str]:
    """A Sales simulator with the alternate key that these clients upsert by."""
    with served(_sales()) as url:
        yield url


@pytest.fixture
def secure_sales(python: None, certificate: Path) -> Iterator[str]:
    """The same over TLS."""
    with served(_sales(), certificate) as url:
        yield url


@pytest.fixture(scope="session")
def certificate(python: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, valid for an hour."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    run_python("certificate.py", str(path))
    return path


@pytest.fixture
def bc() -> Iterator[str]:
    """A Business Central simulator."""
    with served(business_central.create_app(BcSettings(), seed(customers=40, seed=1).bc, _now)) as url:
        yield url
