"""What the client tests share: time that passes only when somebody sleeps, scripted answers, both simulators."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson

from daemon.governor import Hooks, Limits, Time
from daemon.oauth import Credentials
from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.business_central import create_app as create_bc
from daemon.sandbox.dataverse import DataverseSettings
from daemon.sandbox.dataverse import create_app as create_dataverse
from daemon.sessions import SideSettings, session
from schemas.errors import ApiError
from schemas.mapping_file import parse, standard_text
from schemas.rows import select
from schemas.side import Side
from schemas.write import Answer, Written

MAPPINGS = parse(standard_text())
CUSTOMER = MAPPINGS["CUSTOMER"]
HOST = "http://localhost:8099"
COMPANY = BcSettings().company_id
TOKEN = {"access_token": "token-1", "expires_in": 3599}
GUID = "11111111-0000-0000-0000-{:012d}"
NOW_MS = int(datetime(2026, 1, 5, 12, 0, tzinfo=UTC).timestamp() * 1000)


@dataclass
class Ticker:
    """A clock that sleeping moves."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.seconds

    def now(self) -> float:
        return NOW_MS / 1000 + self.seconds

    def moment(self) -> datetime:
        return datetime(2026, 1, 5, 12, 0, tzinfo=UTC) + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    @property
    def time(self) -> Time:
        return Time(self.clock, self.now, self.sleep, lambda: 1.0)


def settings(side: Side, secret: str = "sandbox-secret") -> SideSettings:
    url = f"{HOST}/v2.0/sandbox" if side is Side.BC else HOST
    scope = "https://api.businesscentral.dynamics.com/.default" if side is Side.BC else f"{HOST}/.default"
    return SideSettings(url, Credentials(f"{HOST}/contoso/oauth2/v2.0/token", "coupled", secret, scope))


def json(status: int, body: Any, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=orjson.dumps(body), headers={"Content-Type": "application/json", **named})


class Script:
    """Answers requests in the order of the script; token requests by themselves. Remembers what was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.tokens = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth2/v2.0/token"):
            self.tokens += 1
            return json(200, {**TOKEN, "access_token": f"token-{self.tokens}"})
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    @property
    def paths(self) -> list[str]:
        return [request.url.raw_path.decode() for request in self.asked]


def scripted(
    side: Side,
    script: Callable[[httpx.Request], Any],
    ticker: Ticker | None = None,
    hooks: Hooks | None = None,
    **limits: Any,
) -> httpx.AsyncClient:
    return session(
        side,
        settings(side),
        transport=httpx.MockTransport(script),
        limits=Limits(**{"concurrency": 4, "attempts": 4, **limits}),
        hooks=hooks,
        clocks=(ticker or Ticker()).time,
    )


def bc(
    ticker: Ticker | None = None,
    chosen: BcSettings | None = None,
    wire: httpx.AsyncBaseTransport | None = None,
    **data: Any,
) -> httpx.AsyncClient:
    """A session on a Business Central simulator; `client.app` is the simulator, `wire` where its own requests go."""
    clock = ticker or Ticker()
    return _simulated(Side.BC, create_bc(chosen or BcSettings(), data, clock.moment, wire=wire), clock)


def sales(ticker: Ticker | None = None, chosen: DataverseSettings | None = None, **data: Any) -> httpx.AsyncClient:
    clock = ticker or Ticker()
    return _simulated(Side.SALES, create_dataverse(chosen or DataverseSettings(), data, clock.moment), clock)


def _simulated(side: Side, app: Any, ticker: Ticker) -> httpx.AsyncClient:
    client = session(side, settings(side), transport=httpx.ASGITransport(app), clocks=ticker.time)
    client.app = app  # type: ignore[attr-defined]
    return client


def state(client: httpx.AsyncClient) -> Any:
    return client.app.state  # type: ignore[attr-defined]


def columns(side: Side, *names: str) -> tuple[str, ...]:
    mappings = [MAPPINGS[name] for name in names]
    return select(side, mappings[0].table(side).name, mappings)


def row(answer: Answer) -> dict[str, Any]:
    assert isinstance(answer, Written), answer
    return dict(answer.row)


def error(answer: Answer) -> ApiError:
    assert isinstance(answer, ApiError), answer
    return answer
