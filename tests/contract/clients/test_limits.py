"""The governors against simulators whose limits are on (promise 9; wire-protocols A6, B6, D56, D57, D117)."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from daemon.governor import Hooks
from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.business_central import create_app as create_bc
from daemon.sandbox.dataverse import DataverseSettings
from daemon.sandbox.dataverse import create_app as create_dataverse
from daemon.sessions import limits_of, session
from schemas.side import Side
from tests.contract.clients.client_support import COMPANY, Ticker, settings

BC_READ = f"api/v2.0/companies({COMPANY})/companyInformation"
SALES_READ = "api/data/v9.2/WhoAmI"


class Service:
    """A simulator with its limits on, and workers that share its application user; counts what each request got."""

    def __init__(self, side: Side, chosen: BcSettings | DataverseSettings) -> None:
        self.side, self.ticker, self.got = side, Ticker(), Counter[int]()
        made = create_bc if isinstance(chosen, BcSettings) else create_dataverse
        self.app: Any = made(chosen, {}, self.ticker.moment)  # type: ignore[arg-type]

    def worker(self, of: int = 1) -> httpx.AsyncClient:
        hooks = Hooks(observe=lambda side, operation, status, seconds: self.got.update([status]))
        wire = httpx.ASGITransport(self.app)
        limits = limits_of(of)[self.side]
        return session(
            self.side, settings(self.side), transport=wire, limits=limits, hooks=hooks, clocks=self.ticker.time
        )

    async def ask(self, client: httpx.AsyncClient, count: int) -> Counter[int]:
        path = BC_READ if self.side is Side.BC else SALES_READ
        answers = await asyncio.gather(*(client.get(path) for _ in range(count)))
        return Counter(one.status_code for one in answers)


async def test_d_057_business_central_never_has_to_queue_a_request_of_ours() -> None:
    service = Service(Side.BC, BcSettings(queued_requests=0, latency_seconds=0.002))
    async with service.worker() as client:
        assert await service.ask(client, 100) == {200: 100}
    assert service.got[429] == 0


@pytest.mark.parametrize("divided", [True, False])
async def test_d_057_workers_that_share_a_user_share_its_five_or_are_refused(divided: bool) -> None:
    service = Service(Side.BC, BcSettings(queued_requests=0, latency_seconds=0.002))
    of = 2 if divided else 1
    async with service.worker(of) as one, service.worker(of) as other:
        found = await asyncio.gather(service.ask(one, 60), service.ask(other, 60))
    assert (service.got[429] == 0) is divided
    assert not divided or found == [{200: 60}, {200: 60}]


async def test_d_056_business_centrals_6000_in_five_minutes_are_never_reached() -> None:
    service = Service(Side.BC, BcSettings())
    parts = [{"id": str(n), "method": "GET", "url": f"companies({COMPANY})/companyInformation"} for n in range(100)]
    statuses: Counter[int] = Counter()
    async with service.worker() as client:
        for _ in range(70):
            answer = await client.post("api/v2.0/$batch", json={"requests": parts}, extensions={"parts": 100})
            statuses.update(one["status"] for one in answer.json()["responses"])
    assert statuses == {200: 7000}
    assert service.got[429] == 0
    assert service.ticker.seconds < 400, "and it is not slower than it has to be"


async def test_d_117_sales_52_at_once_are_never_reached() -> None:
    service = Service(Side.SALES, DataverseSettings(dop_hint=100))
    service.app.state.control.latency_seconds = 0.002
    async with service.worker() as client:
        assert await service.ask(client, 300) == {200: 300}
    assert service.got[429] == 0


@pytest.mark.parametrize("divided", [True, False])
async def test_d_117_workers_that_share_a_user_share_its_52_or_hear_of_it(divided: bool) -> None:
    service = Service(Side.SALES, DataverseSettings(dop_hint=100))
    service.app.state.control.latency_seconds = 0.002
    of = 2 if divided else 1
    async with service.worker(of) as one, service.worker(of) as other:
        found = await asyncio.gather(service.ask(one, 300), service.ask(other, 300))
    assert found == [{200: 300}, {200: 300}]
    assert (service.got[429] == 0) is divided
    assert service.got[429] < 120, "a refusal makes them fewer"


async def test_d_117_sales_requests_per_window_are_obeyed() -> None:
    service = Service(Side.SALES, DataverseSettings(requests_per_window=400))
    async with service.worker() as client:
        for _ in range(25):
            assert await service.ask(client, 40) == {200: 40}
    assert service.got[429] < 25
    assert service.ticker.seconds < 2 * 300 + 60


async def test_d_117_sales_execution_time_is_obeyed() -> None:
    service = Service(Side.SALES, DataverseSettings(request_cost_ms=20_000))
    async with service.worker() as client:
        assert await service.ask(client, 150) == {200: 150}
    assert 0 < service.got[429] < 80
    assert 2 * 300 <= service.ticker.seconds < 3 * 300


async def test_b6_the_affinity_cookie_is_not_kept_so_that_all_web_servers_share_the_load() -> None:
    service = Service(Side.SALES, DataverseSettings(requests_per_window=100, servers=4))
    async with service.worker() as client:
        assert await service.ask(client, 380) == {200: 380}
    assert service.got[429] == 0
