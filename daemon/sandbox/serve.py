"""Both simulators as real servers on loopback ports, in one process, on one seeded data set."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette

from daemon.sandbox import business_central, dataverse
from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.dataverse import DataverseSettings
from daemon.sandbox.seed import seed
from daemon.sandbox.serving import LOOPBACK, server

CLIENT = "coupled"
SECRET_FILE = "sandbox-secret"  # noqa: S105 — the name of a file


@dataclass(frozen=True, slots=True)
class Places:
    """Where the simulators listen, and what they start with."""

    bc_port: int
    sales_port: int
    customers: int = 100
    seed: int = 1

    @property
    def bc_url(self) -> str:
        """What stands before /api/v2.0."""
        return f"http://{LOOPBACK}:{self.bc_port}/v2.0/{BcSettings().environment}"

    @property
    def sales_url(self) -> str:
        return f"http://{LOOPBACK}:{self.sales_port}"


def _now() -> datetime:
    return datetime.now(UTC)


def apps(
    places: Places,
    bc: BcSettings = BcSettings(),  # noqa: B008 — frozen
    sales: DataverseSettings = DataverseSettings(),  # noqa: B008 — frozen
) -> tuple[Starlette, Starlette]:
    """(Business Central, Sales)."""
    data = seed(customers=places.customers, seed=places.seed)
    return business_central.create_app(bc, data.bc, _now), dataverse.create_app(sales, data.sales, _now)


async def serve(places: Places, latency: float = 0) -> None:
    """Serves both until cancelled, or interrupted; every request takes `latency` seconds."""
    bc, sales = apps(places, BcSettings(latency_seconds=latency), DataverseSettings(latency_seconds=latency))
    await asyncio.gather(server(bc, places.bc_port).serve(), server(sales, places.sales_port).serve())


def secret() -> str:
    """What the simulators ask of the daemon: in the documentation, and so no secret at all."""
    return BcSettings().clients[CLIENT]


def configure(folder: Path, text: str) -> Path:
    """The coupled.yaml with this text, from `configuration`, and what has to be beside it."""
    (folder / SECRET_FILE).write_text(secret(), encoding="utf-8")
    config = folder / "coupled.yaml"
    config.write_text(text, encoding="utf-8")
    return config


def configuration(places: Places, web_port: int, poll_seconds: float = 1, bootstrap: str = "embedded") -> str:
    """A coupled.yaml for these simulators, with a file `SECRET_FILE` beside it."""
    tenant = BcSettings().tenant
    auth = (
        f"{{tenant: {tenant}, client_id: {CLIENT}, client_secret_file: {SECRET_FILE},"
        f" token_url: %s/{tenant}/oauth2/v2.0/token}}"
    )
    bc_host = f"http://{LOOPBACK}:{places.bc_port}"
    return f"""# Both sides are the simulators of coupled itself. Their secret: echo {secret()} > {SECRET_FILE}
business_central:
  url: {places.bc_url}
  company: {BcSettings().company_name}
  auth: {auth % bc_host}
sales:
  url: {places.sales_url}
  auth: {auth % places.sales_url}
kafka: {{bootstrap_servers: "{bootstrap}"}}
store: {{url: "sqlite:///coupled.db"}}
capture: {{poll_seconds: {poll_seconds}}}
web: {{host: 127.0.0.1, port: {web_port}}}
mappings: standard
"""
