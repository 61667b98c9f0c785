"""One simulator by itself, as large as wanted, and how a first request to it looks."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from typing import Any, Literal

from starlette.types import ASGIApp

from daemon.sandbox import business_central, dataverse
from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.dataverse import DataverseSettings
from daemon.sandbox.seed import of_business_central, of_sales
from daemon.sandbox.serving import LOOPBACK, server

Which = Literal["bc", "sales"]


def _now() -> datetime:
    return datetime.now(UTC)


def rows(which: Which, records: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    """What the simulator starts with; the same arguments give the same rows."""
    return (of_business_central if which == "bc" else of_sales)(records, seed)


def app(which: Which, records: int, seed: int, latency: float = 0) -> ASGIApp:
    """The simulator with `records` rows in each main table. Its rows stay: the collector need not look."""
    gc.disable()
    try:
        if which == "bc":
            return business_central.create_app(BcSettings(latency_seconds=latency), rows(which, records, seed), _now)
        return dataverse.create_app(DataverseSettings(latency_seconds=latency), rows(which, records, seed), _now)
    finally:
        gc.freeze()
        gc.enable()


def notice(which: Which, port: int) -> str:
    """Address, credentials, and a first request to paste."""
    host, settings = f"http://{LOOPBACK}:{port}", BcSettings()
    ((client, secret),) = settings.clients.items()
    scope = f"{settings.audience if which == 'bc' else host}/.default"
    company = f"{host}/v2.0/{settings.environment}/api/v2.0/companies({settings.company_id})"
    first = f"{company}/customers?$top=1" if which == "bc" else f"{host}/api/data/v9.2/accounts?$select=name&$top=1"
    form = f"-d grant_type=client_credentials -d client_id={client} -d client_secret={secret} -d scope={scope}"
    taken = """sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/'"""
    token = f"$(curl -fsS {host}/{settings.tenant}/oauth2/v2.0/token {form} | {taken})"
    return f"""Address   {first.partition("/api/")[0]}
Tenant    {settings.tenant}
Client    {client}
Secret    {secret}
Scope     {scope}
Records   {host}/  in a browser: look at them, edit them

curl -fsS '{first}' -H "Authorization: Bearer {token}"
"""


async def serve(made: ASGIApp, port: int) -> None:
    """Serves until interrupted."""
    await server(made, port).serve()
