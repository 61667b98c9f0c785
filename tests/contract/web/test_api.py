"""The JSON API, health and metrics."""

from http import HTTPStatus

import pytest

from daemon.metrics import Metrics
from daemon.web.problems import ProblemDocument
from schemas.change import Change, Op
from schemas.command import FullSync, Sync
from schemas.errors import Unreachable
from schemas.outcome import Outcome, Settled
from schemas.side import Side

from .conftest import FORETOLD, RUN, World, foretold


async def test_status(world, browser):
    world.unready = ["Kafka does not answer."]
    status = (await browser.get("/api/status")).json()
    assert (status["ready"], status["reasons"]) == (False, ["Kafka does not answer."])
    assert [side["side"] for side in status["sides"]] == ["bc", "sales"]
    assert status["outcomes"]["inserted"] == 328
    assert status["settings"]["Kafka"] == "embedded"


async def test_mappings_in_order(browser):
    mappings = (await browser.get("/api/mappings")).json()["items"]
    assert [each["name"] for each in mappings][:3] == ["CURRENCY", "SALESPEOPLE", "UNITOFMEASURE"]
    assert mappings[3]["depends_on"] == ["SALESPEOPLE", "CURRENCY"]


async def test_runs_and_their_jobs(browser):
    runs = (await browser.get("/api/runs", params={"limit": 1})).json()["items"]
    assert [(run["id"], run["state"]) for run in runs] == [(RUN, "running")]
    jobs = (await browser.get(f"/api/runs/{RUN}/jobs")).json()["items"]
    assert [job["id"] for job in jobs] == [2, 3, 4, 5, 6, 7]


async def test_jobs_newest_first_by_page(browser):
    page = (await browser.get("/api/jobs", params={"limit": 2, "offset": 1})).json()
    assert [job["id"] for job in page["items"]] == [6, 5]
    assert (page["more"], page["total"]) == (True, 7)


async def test_a_job_has_the_originals_counters(browser):
    job = (await browser.get("/api/jobs/4")).json()
    assert (job["inserted"], job["modified"], job["failed"], job["uncoupled"]) == (8300, 112, 12, 0)
    assert job["state"] == "finished"


async def test_failures_and_causes(browser):
    page = (await browser.get("/api/failures", params={"job": 4})).json()
    assert len(page["items"]) == 12
    assert page["items"][0]["problem"]["code"] == "lookup-not-coupled"
    causes = (await browser.get("/api/failures/causes")).json()["items"]
    assert [(cause["count"], cause["mapping"]) for cause in causes] == [(12, "CUSTOMER"), (1, "CONTACTS")]


async def test_couplings(browser):
    page = (await browser.get("/api/couplings", params={"text": "Söhne 11", "limit": 3})).json()
    assert page["items"][0]["name"] == "Müller & Söhne 11"
    assert page["more"]


@pytest.mark.parametrize("path", ["/api/jobs/99", "/api/commands/nothing", "/api/nothing"])
async def test_what_does_not_exist_is_a_problem_document(browser, path):
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404


JSON = {"Content-Type": "application/json"}
REFUSED = [
    ("GET", "/api/nothing", {}, 404),
    ("GET", "/api/pairs/CUSTOMER/unknown", {}, 404),
    ("DELETE", "/api/jobs/4", {}, 405),
    ("POST", "/api/commands", {"content": b"{", "headers": JSON}, 422),
    ("GET", "/api/jobs?foo=1", {}, 422),
    ("POST", "/api/commands", {"content": b"x" * 1_000_001, "headers": JSON}, 413),
    ("POST", "/api/commands", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415),
    ("POST", "/api/commands", {"json": {}, "headers": {"Origin": "https://evil.test"}}, 403),
    ("GET", "/api/status", {"headers": {"Host": "evil.test"}}, 421),
    ("GET", "/api/pairs/CUSTOMER/away", {}, 503),
]


@pytest.mark.parametrize(("method", "path", "sent", "status"), REFUSED)
async def test_every_error_is_a_problem_document(browser, method, path, sent, status):
    answer = await browser.request(method, path, **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    told = ProblemDocument.model_validate(answer.json(), strict=True)
    assert (told.type, told.status, told.title) == ("about:blank", status, HTTPStatus(status).phrase)
    assert told.detail.endswith(".")
    assert told.code


async def test_what_is_not_there_is_told_by_its_address(browser):
    told = (await browser.get("/api/jobs/999")).json()
    assert told["detail"] == "There is nothing at /api/jobs/999."
    assert "/api/jobs" in told["hint"]


@pytest.mark.parametrize(
    ("path", "detail", "hint"),
    [
        ("/api/jobs?mappping=CUSTOMER", "/api/jobs takes no parameter 'mappping'.", "Did you mean 'mapping'?"),
        ("/api/status?x=1", "/api/status takes no parameter 'x'.", "It takes none."),
        ("/api/pairs/CUSTOMER/1?x=1", "/api/pairs/CUSTOMER/1 takes no parameter 'x'.", "It takes none."),
    ],
)
async def test_a_filter_that_is_mistyped_does_not_answer_with_everything(browser, path, detail, hint):
    told = (await browser.get(path)).json()
    assert (told["code"], told["detail"], told["hint"]) == ("parameter-unknown", detail, hint)


async def test_what_is_no_json_is_told_as_that(browser):
    told = (await browser.post("/api/commands", content=b'{"id": ', headers=JSON)).json()
    assert told["detail"] == "The body is not JSON: Expecting value, at character 7."


async def test_every_operation_says_what_it_does_and_the_console_lists_them(browser):
    document = (await browser.get("/api/openapi.json")).json()
    said = [one["summary"] for operations in document["paths"].values() for one in operations.values()]
    page = (await browser.get("/api")).text
    assert [one for one in said if len(one.split()) < 3 or one.endswith(".")] == []
    assert [path for path in document["paths"] if path not in page] == []


@pytest.mark.parametrize(
    ("path", "allowed"), [("/api/set-up", "GET, POST"), ("/api/jobs/4", "GET"), ("/dead-letters", "GET, POST")]
)
async def test_a_method_that_is_not_taken_is_told_which_are(browser, path, allowed):
    answer = await browser.delete(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_openapi_says_what_an_error_looks_like(browser):
    document = (await browser.get("/api/openapi.json")).json()
    assert set(document["components"]["schemas"]["ProblemDocument"]["required"]) >= {"type", "title", "status", "code"}
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert "422" not in operation["responses"]


async def test_commands_are_submitted(world, browser):
    answer = await browser.post("/api/commands", json={"id": "c-1", "command": "full-sync", "answer": "keep"})
    assert (answer.status_code, answer.json()) == (202, {"id": "c-1"})
    (command,) = world.submitted
    assert isinstance(command, FullSync)
    assert (command.answer, command.requested_by) == ("keep", "api")
    await browser.post("/api/commands", json={"id": "c-2", "command": "sync", "requested_by": "nightly"})
    assert isinstance(world.submitted[1], Sync)
    assert world.submitted[1].requested_by == "nightly"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"command": "sync"},
        {"id": "1", "command": "destroy"},
        {"id": "1", "command": "sync", "extra": 1},
        {"id": "", "command": "sync"},
        {"id": "1", "command": "verify", "repair": 0},
        {"id": "1", "command": "answer", "run": "r", "answer": "maybe"},
        [],
        "text",
    ],
)
async def test_commands_not_understood_in_full_are_refused(world, browser, body):
    answer = await browser.post("/api/commands", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "request-invalid"
    assert world.submitted == []


async def test_a_form_of_another_page_is_no_json(world, browser):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        body = b'{"id": "1", "command": "sync"}'
        answer = await browser.post("/api/commands", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 415
    assert world.submitted == []


async def test_kafka_away():
    async def submit(command):
        raise Unreachable("kafka-away", "Kafka does not answer.", "Is it up?")

    async with World(submit=submit).browser() as browser:
        answer = await browser.post("/api/commands", json={"id": "1", "command": "sync"})
    assert answer.status_code == 503
    assert (
        answer.json() | {"code": "kafka-away", "detail": "Kafka does not answer.", "hint": "Is it up?"} == answer.json()
    )


async def test_an_error_of_ours_tells_nothing_of_the_inside(monkeypatch):
    logged = []
    monkeypatch.setattr("daemon.web.problems._log.error", lambda *_, **details: logged.append(details), raising=False)

    async def broken():
        raise RuntimeError("postgresql://me:hush@db")

    async with World(unready=broken).browser() as browser:
        for path in ("/api/status", "/"):
            answer = await browser.get(path)
            assert answer.status_code == 500
            assert "hush" not in answer.text
            assert "content-security-policy" in answer.headers
    assert [each["path"] for each in logged] == ["/api/status", "/"]


async def test_what_went_across_with_a_blank(browser):
    (one,) = (await browser.get("/api/blanks")).json()["items"]
    assert (one["mapping"], one["key"], one["waits_for"]["mapping"], one["again_at"]) == (
        "CUSTOMER", "c-1", "CONTACTS", None)  # fmt: skip


async def test_openapi_describes_it(browser):
    paths = (await browser.get("/api/openapi.json")).json()["paths"]
    assert set(paths) >= {"/api/status", "/api/mappings", "/api/runs", "/api/jobs", "/api/jobs/{number}",
                          "/api/failures", "/api/blanks", "/api/couplings", "/api/commands"}  # fmt: skip
    assert all(path.startswith("/api/") for path in paths)


async def test_health_and_readiness(world, browser):
    assert (await browser.get("/healthz")).status_code == 200
    assert (await browser.get("/readyz")).json() == {"ok": True, "reasons": []}
    world.unready, world.stalled = ["Sales does not answer."], ["capture"]
    ready = await browser.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["Sales does not answer."])
    assert (await browser.get("/healthz")).json() == {"ok": False, "reasons": ["capture"]}


async def test_metrics(browser):
    answer = await browser.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "coupled_records_total{" in answer.text
    assert Metrics().render() != answer.content


async def test_prometheus_is_told_which_record_took_so_long(browser):
    """Exemplars go to who asks for OpenMetrics only: the older text has no place for them."""
    asked = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    answer = await browser.get("/metrics", headers={"Accept": asked})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    [bucket] = [line for line in answer.text.splitlines() if "} 0.899" in line]
    assert bucket.startswith('coupled_propagation_seconds_bucket{le="1.0"}')
    assert '# {mapping="CUSTOMER",record="1"} 0.899' in bucket


async def test_what_a_dry_run_has_found(world, browser):
    world.reader.job_list.append(foretold())
    job = (await browser.get(f"/api/jobs/{FORETOLD}")).json()
    assert (job["read"], job["found"]["duplicate"]) == (200, 60)
    page = (await browser.get(f"/api/jobs/{FORETOLD}/findings", params={"kind": "duplicate", "limit": 2})).json()
    assert [one["bc_id"] for one in page["items"]] == ["b0", "b1"]
    assert (page["items"][0]["said"], page["more"]) == ("is ADATUM", True)


async def test_what_has_just_ended_is_told_once_to_who_listens(world, browser):
    change = Change(Op.UPDATE, Side.BC, "customers", "1", {"displayName": "Adatum"}, "v", 1, 1, 1)
    begun = (await browser.get("/api/tail")).json()
    ended = [Settled(change, "CUSTOMER", one) for one in (Outcome.MODIFIED, Outcome.FAILED)]
    world.services.tail.add(ended, 900)
    asked = {"after": begun["next"], "worker": begun["worker"], "outcome": ["failed", "conflict"]}
    heard = (await browser.get("/api/tail", params=asked)).json()
    assert [(one["name"], one["outcome"]) for one in heard["outcomes"]] == [("Adatum", "failed")]
    assert (await browser.get("/api/tail", params={**asked, "after": heard["next"]})).json()["outcomes"] == []
    assert (await browser.get("/api/tail", params={"outcome": "lost"})).status_code == 422
