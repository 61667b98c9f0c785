"""Whatever is sent to /api: no 5xx, and every answer as /api/openapi.json describes it.

The requests are made from that description by schemathesis, good ones and bad ones, always the same. They go to the
real application over a real store with some rows.
"""

import asyncio

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings

from daemon.store.engine import Store, open_store
from daemon.web.from_store import StoreReader
from schemas.command import Sync
from schemas.job import RunState
from schemas.mapping_file import parse, standard_text
from tests.support.tries import number

from .conftest import World
from .test_paging import Grown

HERE = "http://127.0.0.1:8086"


class Served:
    """The application on a loop of its own: schemathesis is not asynchronous."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.Runner()
        self.store = self.loop.run(self._filled(url))
        reader = StoreReader(self.store, parse(standard_text()), World().reader.sides)
        self.client = World(reader=reader).browser()

    async def _filled(self, url: str) -> Store:
        grown = Grown(await open_store(url))
        for n in range(3):
            for add in (Grown.coupling, Grown.failure, Grown.cause, Grown.blank, Grown.run, Grown.finding):
                await add(grown, n)
        command = Sync(id="c-1", command="sync").model_dump(mode="json")
        await grown.store.commands.receive("c-1", command, RunState.DONE)
        return grown.store

    def make_sense_of(self, case: schemathesis.Case) -> None:
        """Of a good request, as far as its description cannot say it: a cursor is one that the list has given, and
        what excludes each other does not come together."""
        if case.query and case.query.get("cursor"):
            case.query.pop("offset", None)
            case.query["cursor"] = self._cursor(case.formatted_path)
        if case.path == "/api/commands":
            case.headers.pop("Idempotency-Key", None)
            if not case.body.get("id"):
                case.headers["Idempotency-Key"] = "k-1"

    def _cursor(self, path: str) -> str | None:
        page = self.loop.run(self.client.get(path, params={"limit": 1})).json()
        return httpx.URL(page["next"]).params["cursor"] if page.get("next") else None

    def answer(self, sent: requests.PreparedRequest) -> httpx.Response:
        body = sent.body.encode() if isinstance(sent.body, str) else sent.body
        return self.loop.run(self.client.request(sent.method, sent.url, headers=dict(sent.headers), content=body))

    def close(self) -> None:
        self.loop.run(self.client.aclose())
        self.loop.run(self.store.close())
        self.loop.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request, tmp_path_factory):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('served')}/coupled.db"
    else:
        url = request.getfixturevalue("postgres_server").new_database()
    made = Served(url)
    yield made
    made.close()


schema = schemathesis.openapi.from_dict(World().app.openapi())


@schema.parametrize()
@settings(
    max_examples=number(15), derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
def test_no_request_breaks_it_and_every_answer_is_as_described(case, served):
    if case.meta.generation.mode.is_positive:
        served.make_sense_of(case)
    sent = requests.Request(**case.as_transport_kwargs(base_url=HERE)).prepare()
    case.validate_response(served.answer(sent))
