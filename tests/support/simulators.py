"""Both simulators as real servers in a thread of the test process, and a stranger's view of each side.

Nothing of the daemon's own clients is used: a mistake in them must not hide itself.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import httpx

from daemon.sandbox.serve import Places, apps
from daemon.sandbox.serving import LOOPBACK, server
from tests.support.in_process import Systems
from tests.support.ports import free_port
from tests.support.waiting import wait_until

TENANT, CLIENT, SECRET = "contoso", "coupled", "sandbox-secret"
# Somebody else at a system, with limits of their own.
PERSON = "person"
COMPANY = "c0a6b5b5-8a3c-4c1e-9d8e-0c0c0c0c0c01"
BC_AUDIENCE = "https://api.businesscentral.dynamics.com"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One exchange, or one part of a batch, as the side's own log has it."""

    method: str
    path: str
    status: int
    part: bool
    write: bool

    @property
    def poll(self) -> bool:
        """Capture looking for changes: Dataverse's delta links, BC's time of change, and once a minute its rates."""
        looks = ("deltatoken", "lastModifiedDateTime%20g", "/currencyExchangeRates?")
        return self.method == "GET" and any(look in self.path for look in looks)

    @property
    def table(self) -> str:
        """The entity set it is about."""
        return self.path.partition("?")[0].rsplit("/", 1)[-1].partition("(")[0]

    @property
    def read(self) -> bool:
        """A GET that is no capture poll."""
        return self.method == "GET" and not self.poll


class _SignedIn(httpx.Auth):
    """A token is asked for at first, and when the last one has expired."""

    requires_response_body = True

    def __init__(self, url: str, audience: str, client: str) -> None:
        self._url, self._token = url, ""
        self._form = {"grant_type": "client_credentials", "client_id": client, "client_secret": SECRET}
        self._form["scope"] = f"{audience}/.default"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        if self._token and (yield request).status_code != 401:
            return
        answer = yield httpx.Request("POST", self._url, data=self._form)
        self._token = answer.raise_for_status().json()["access_token"]
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class Side:
    """One simulator as a third party sees it: records by plain HTTP, the request log, faults to arm."""

    def __init__(
        self,
        name: str,
        host: str,
        root: str,
        audience: str,
        transport: httpx.BaseTransport | None = None,
        client: str = CLIENT,
    ) -> None:
        self.name, self.host, self.root, self._audience = name, host, root, audience
        self._transport, self._user = transport, client
        self.control = httpx.Client(base_url=f"{host}/_sandbox", timeout=30, transport=transport)
        self._client: httpx.Client | None = None

    @property
    def http(self) -> httpx.Client:
        """Signed in, at the root of the API."""
        if self._client is None:
            auth = _SignedIn(f"{self.host}/{TENANT}/oauth2/v2.0/token", self._audience, self._user)
            self._client = httpx.Client(base_url=self.root, auth=auth, timeout=30, transport=self._transport)
        return self._client

    def get(self, path: str) -> Row:
        found: Row = self.http.get(path).raise_for_status().json()
        return found

    def rows(self, path: str) -> list[Row]:
        """Every record, page by page."""
        found: list[Row] = []
        link = path
        while link:
            page = self.get(link)
            found += page["value"]
            link = page.get("@odata.nextLink", "")
        return found

    def edit(self, path: str, **fields: Any) -> None:
        """Somebody changes a record, whatever its version."""
        self.http.patch(path, json=fields, headers={"If-Match": "*"}).raise_for_status()

    def create(self, path: str, **fields: Any) -> Row:
        answer = self.http.post(path, json=fields, headers={"Prefer": "return=representation"}).raise_for_status()
        made: Row = answer.json()
        return made

    def delete(self, path: str) -> None:
        self.http.delete(path, headers={"If-Match": "*"}).raise_for_status()

    def mark(self) -> int:
        """Where the log is now."""
        total: int = self.control.get("requests", params={"since": 10**9}).raise_for_status().json()["total"]
        return total

    def log(self, since: int) -> list[Request]:
        entries = self.control.get("requests", params={"since": since}).raise_for_status().json()["entries"]
        return [Request(e["method"], e["path"], e["status"], e["part"], e["write"]) for e in entries]

    def writes(self, since: int) -> list[Request]:
        return [entry for entry in self.log(since) if entry.write]

    def reads(self, since: int) -> list[Request]:
        return [entry for entry in self.log(since) if entry.read]

    def polls(self, since: int) -> Counter[str]:
        """How often capture has looked at each table."""
        return Counter(entry.table for entry in self.log(since) if entry.poll)

    def arm(self, **fault: Any) -> None:
        """See daemon/sandbox/faults.py: status, count, method, path, after_commit, kind."""
        self.control.post("faults", json=fault).raise_for_status()

    def armed(self) -> Sequence[Row]:
        found: Sequence[Row] = self.control.get("faults").raise_for_status().json()["armed"]
        return found

    def disarm(self) -> None:
        self.control.delete("faults").raise_for_status()

    @contextlib.contextmanager
    def unseen(self, table: str) -> Iterator[None]:
        """What happens to a table meanwhile, capture can see only afterwards."""
        self.arm(status=503, count=1000, method="GET", path=f"/{table}")
        try:
            yield
        finally:
            self.disarm()

    def close(self) -> None:
        self.control.close()
        if self._client:
            self._client.close()


def with_person(systems: Systems) -> Systems:
    """People are not the daemon: what either does is not held against the other."""
    person = {PERSON: SECRET}
    return Systems(
        replace(systems.bc, clients={**systems.bc.clients, **person}),
        replace(systems.sales, clients={**systems.sales.clients, **person}),
    )


class Simulators:
    """Business Central and Sales, seeded, on ports of their own; the stranger signs in as `user`."""

    def __init__(
        self,
        customers: int = 15,
        seed: int = 1,
        systems: Systems = Systems(),  # noqa: B008 — frozen
        user: str = CLIENT,
    ) -> None:
        self.places = Places(free_port(), free_port(), customers, seed)
        self.apps = apps(self.places, systems.bc, systems.sales)
        ports = (self.places.bc_port, self.places.sales_port)
        self._servers = [server(app, port, log_level="critical") for app, port in zip(self.apps, ports, strict=True)]
        self._threads = [threading.Thread(target=one.run, daemon=True) for one in self._servers]
        bc_host = f"http://{LOOPBACK}:{self.places.bc_port}"
        company = f"{self.places.bc_url}/api/v2.0/companies({COMPANY})/"
        self.bc = Side("bc", bc_host, company, BC_AUDIENCE, client=user)
        api, url = f"{self.places.sales_url}/api/data/v9.2/", self.places.sales_url
        self.sales = Side("sales", url, api, url, client=user)

    @property
    def resources(self) -> str:
        """The custom API page with the resources."""
        return f"{self.places.bc_url}/api/coupled/sync/v1.0/companies({COMPANY})/resources"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        wait_until(lambda: all(server.started for server in self._servers), 30, "the simulators")
        return self

    def __exit__(self, *_: object) -> None:
        for side in (self.bc, self.sales):
            side.close()
        for one in self._servers:
            one.should_exit = True
        for thread in self._threads:
            thread.join(10)
