"""Whatever is sent to /api: no 5xx, and every answer as /api/openapi.json describes it.

The requests are made from that description by schemathesis, good ones and bad ones, always the same. They go to the
real application over a real store with some rows.
"""

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings

from tests.support.tries import number

from .conftest import World
from .grown import Served

HERE = "http://127.0.0.1:8086"


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
        make_sense_of(case, served)
    sent = requests.Request(**case.as_transport_kwargs(base_url=HERE)).prepare()
    body = sent.body.encode() if isinstance(sent.body, str) else sent.body
    case.validate_response(served.ask(sent.method, sent.url, dict(sent.headers), body))


def make_sense_of(case: schemathesis.Case, served: Served) -> None:
    """Of a good request, as far as its description cannot say it: a cursor is one that the list has given, and what
    excludes each other does not come together."""
    if case.query and case.query.get("cursor"):
        case.query.pop("offset", None)
        following = served.get(case.formatted_path, params={"limit": 1}).get("next")
        case.query["cursor"] = httpx.URL(following).params["cursor"] if following else None
    if case.path == "/api/commands":
        case.headers.pop("Idempotency-Key", None)
        if not case.body.get("id"):
            case.headers["Idempotency-Key"] = "k-1"
