"""The command line says the same, whether it asks the store or (`--url`) the API of a daemon over the same store."""

import json
from dataclasses import replace
from datetime import datetime

import pytest
from typer.testing import CliRunner

from daemon.cli import rows
from daemon.cli.app import app
from daemon.cli.client import settings_of
from daemon.cli.direct import Direct
from daemon.cli.remote import Remote
from daemon.cli.watch import look
from daemon.web_desk import LetterBox
from schemas.checkup import away, fine, warning, wrong
from schemas.errors import ConfigurationError, Exit
from tests.support.letters import kept

from .bridge import URL
from .conftest import LETTERS
from .grown import BEGIN, Served, failed

# The last two are of a topic with the same end, and of a command.
KEPT = kept(
    "coupled",
    *LETTERS,
    replace(LETTERS[0], number=9, topic="coupled.sales.customers", key=b"\x1b[31m", partition=None, whole=False),
    replace(LETTERS[0], number=10, topic="coupled.control", value=b"password=s3cr3t"),
)
QUESTIONS = [
    ["status"],
    ["jobs"],
    ["jobs", "--limit", "2"],
    ["jobs", "CUSTOMER", "CONTACTS", "--limit", "3"],
    ["jobs", "--state", "waiting"],
    ["jobs", "--failures"],
    ["jobs", "NOTHING"],
    ["job", "1"],
    ["job", "99"],
    ["job", "3", "--outcome", "coupled"],
    ["job", "3", "--outcome", "coupled", "--all"],
    ["job", "3", "--outcome", "deleted"],
    ["job", "99", "--outcome", "coupled"],
    ["errors"],
    ["errors", "--limit", "2"],
    ["errors", "CUSTOMER", "CONTACTS"],
    ["errors", "NOTHING"],
    ["errors", "--all"],
    ["errors", "--all", "CUSTOMER", "--limit", "3"],
    ["errors", "--cause", "nothing"],
    ["errors", "--code", "same"],
    ["errors", "--all", "--code", "code-1", "CUSTOMER"],
    ["errors", "--code", "nothing"],
    ["errors", "--blanks"],
    ["errors", "--blanks", "CUSTOMER", "--limit", "1"],
    ["couplings", "CUSTOMER"],
    ["couplings", "CUSTOMER", "--search", "b1", "--limit", "1"],
    ["couplings", "NOTHING"],
    ["findings", "r1000"],
    ["findings", "r1000", "--kind", "matched", "--all"],
    ["findings", "nothing"],
    ["findings", "../jobs"],
    ["errors", "CUSTOMER?x"],
    ["explain", "CUSTOMER", "10000"],
    ["explain", "CUSTOMER", "10000", "--all"],
    ["explain", "ITEM-PRODUCT", "1000"],
    ["explain", "CUSTOMER", "unknown"],
    ["explain", "CUSTOMER", "away"],
    ["explain", "NOTHING", "1"],
    ["explain", "..", "1"],
    ["explain", "", "1"],
    ["dead-letters", "list"],
    ["dead-letters", "list", "--limit", "3"],
    ["dead-letters", "list", "--topic", "bc.customers"],
    ["dead-letters", "list", "--topic", "coupled.control", "--limit", "1"],
    ["dead-letters", "list", "--topic", "customers"],
    ["dead-letters", "replay", "10", "7", "--yes"],
    ["dead-letters", "replay", "7", "11", "12", "--yes"],
    ["dead-letters", "replay", "--all", "--yes"],
    ["dead-letters", "replay", "--all", "--topic", "control", "--yes"],
    ["dead-letters", "replay", "--all", "--topic", "nothing", "--yes"],
]


@pytest.fixture(scope="module")
def served(config):
    made = Served(f"sqlite:///{config.parent}/coupled.db", letters=LetterBox(KEPT))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def explained(served, monkeypatch):
    """What was asked of both sides, which are not there."""

    async def explain(settings, file, name, record):
        if name not in file.mappings.by_name:
            raise rows.no_mapping(name)
        return await served.world.explain(name, record)

    monkeypatch.setattr("daemon.cli.direct._explained", explain)
    served.world.explained.clear()
    return served.world.explained


@pytest.fixture(autouse=True)
def worker(served, monkeypatch):
    """The one of this configuration, which does not listen."""
    monkeypatch.setattr("daemon.cli.worker.Here.ask", lambda here, path, given: served.get(path))


@pytest.fixture(autouse=True)
def letters(monkeypatch):
    """Those that Kafka keeps."""
    KEPT.asked.clear()
    monkeypatch.setattr(Direct, "_letters", lambda desk: KEPT)
    return KEPT


def said(*words):
    """How it ends, what it prints, and the error that `main` would tell, with its code."""
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(words))
    error = done.exception if done.exit_code == 1 else None
    return done.exit_code, done.stdout, error and (type(error), str(error), getattr(error, "problem", None))


@pytest.mark.parametrize("words", QUESTIONS, ids=" ".join)
@pytest.mark.parametrize("form", ["--json", None])
def test_the_answer_is_the_same(config, by_url, words, form):
    asked = [*words, *([form] if form else [])]
    here = said(*asked, "--config", str(config))
    assert said(*by_url, *asked) == here
    if form and not here[2]:
        json.loads(here[1])


def test_what_is_chosen_is_less_and_just_that(config, by_url):
    def found(*words):
        return json.loads(said(*by_url, *words, "--limit", "1000", "--json")[1])

    every, waiting = found("jobs"), found("jobs", "--state", "waiting")
    assert waiting == [one for one in every if one["state"] == "waiting"]
    assert found("jobs", "CUSTOMER", "CONTACTS") == every
    assert (found("jobs", "CONTACTS"), found("jobs", "--failures")) == ([], [])
    alike = found("errors", "--all", "--code", "same")
    assert 0 < len(alike) < len(found("errors", "--all"))
    assert {one["code"] for one in alike} == {one["code"] for one in found("errors", "--code", "same")} == {"same"}


def test_records_are_told_by_their_names(config, by_url):
    """A coupled one that fails, and a coupling."""
    (coupled, *_) = json.loads(said(*by_url, "couplings", "CUSTOMER", "--search", "b1", "--json")[1])
    assert coupled["name"] == coupled["bc_id"]
    assert coupled["name"] in said(*by_url, "couplings", "CUSTOMER")[1].split()


def test_the_answers_are_about_something(config, by_url):
    """So that the two are not equal for being empty."""
    for words in (["jobs"], ["errors"], ["errors", "--all"], ["errors", "--blanks"], ["couplings", "CUSTOMER"]):
        assert len(json.loads(said(*by_url, *words, "--json")[1])) >= 3
    (late,) = json.loads(said(*by_url, "status", "--json")[1])["alerts"]
    assert (late["about"], datetime.fromisoformat(late["since"])) == ("CUSTOMER to_sales", BEGIN)
    assert "Falling behind since" in said(*by_url, "status")[1]
    (one, *_) = json.loads(said(*by_url, "errors", "--json")[1])
    assert len(json.loads(said(*by_url, "errors", "--cause", one["cause"], "--json")[1])) == one["count"]
    assert len(json.loads(said(*by_url, "findings", "r1000", "--json")[1])) == 3
    job = json.loads(said(*by_url, "job", "3", "--outcome", "coupled", "--json")[1])
    assert [one["name"] for one in job["records"]] == ["h2", "h1", "h0"]


@pytest.mark.parametrize("record", ["a/b?c#d%2Fe", "..", "../../jobs", "Müller & Söhne", " 1 ", "10.000"])
def test_a_record_is_asked_for_by_any_name(by_url, explained, record):
    assert json.loads(said(*by_url, "explain", "CUSTOMER", record, "--json")[1])["why"] == "conflict"
    assert explained == [("CUSTOMER", record)]


def test_what_is_listed_can_be_put_back(by_url, letters):
    found = json.loads(said(*by_url, "dead-letters", "list", "--json")[1])
    assert [one["letter"] for one in found] == [10, 9, 8, 7]
    done = json.loads(said(*by_url, "dead-letters", "replay", "--all", "--yes", "--json")[1])
    assert [[one["letter"] for one in done[name]] for name in ("replayed", "left")] == [[7, 10], [8, 9]]
    assert sorted(letters.asked) == [7, 8, 9, 10]


def test_more_letters_than_one_request_takes_are_put_back_in_order(by_url, letters, monkeypatch):
    monkeypatch.setattr("daemon.cli.remote.LARGEST_PAGE", 3)
    done = json.loads(said(*by_url, "dead-letters", "replay", "--all", "--yes", "--json")[1])
    assert letters.asked[3:] == [10]
    assert [one["letter"] for one in done["replayed"]] == [7, 10]


@pytest.mark.parametrize("words", [[], ["7"], ["--all"], ["7", "--all", "--yes"], ["7", "--topic", "control", "--yes"]])
def test_nothing_is_put_back_unasked_or_by_a_mistake(config, by_url, letters, words):
    here = said("dead-letters", "replay", *words, "--config", str(config))
    assert said(*by_url, "dead-letters", "replay", *words) == here
    assert (here[0], letters.asked) == (2, [])


@pytest.mark.parametrize("words", [["run"], ["mappings", "show"], ["notify"]])
def test_what_asks_no_daemon_takes_no_address(by_url, words):
    done = CliRunner().invoke(app, [*by_url, *words])
    assert done.exit_code == 2
    assert "leave --url out" in " ".join(done.output.split())


def test_what_asks_no_daemon_does_not_mind_the_variable():
    done = CliRunner(env={"COUPLED_URL": URL}).invoke(app, ["mappings", "show"])
    assert (done.exit_code, "CUSTOMER" in done.stdout) == (0, True)


FINDINGS = [
    fine("Sales", "connection", "Signed in."),
    warning("Kafka", "encryption", "In the clear.", "Encrypt it."),
    wrong("Sales", "privileges", "contacts cannot be written.", "Give the user the role."),
    away("Business Central", "connection", "No answer.", "Is it up?"),
]


@pytest.mark.parametrize("form", ["--json", None])
@pytest.mark.parametrize(("number", "ends"), [(1, Exit.DONE), (2, Exit.DONE), (3, Exit.USAGE), (4, Exit.UNREACHABLE)])
def test_the_set_up_is_checked_anew_each_time_and_ends_the_same(
    config, by_url, served, monkeypatch, number, ends, form
):
    asked = []

    async def check(*_):
        asked.append(0)
        return FINDINGS[:number]

    monkeypatch.setattr("daemon.checkup.now.check_now", check)
    asked_there = []

    async def check_there():
        asked_there.append(0)
        return FINDINGS[:number]

    monkeypatch.setattr(served.world, "checking", check_there)
    words = ["check", *([form] if form else [])]
    here = said(*words, "--config", str(config))
    there = said(*by_url, *words)
    assert (here[:2], there[0]) == (there[:2], ends)
    assert FINDINGS[number - 1].says in here[1]
    assert (len(asked), len(asked_there)) == (1, 1)


def test_who_watches_sees_the_same(served, config, by_url):
    """But for what only a terminal shows: how it is drawn is one and the same."""

    class Worker:
        daemon = served.get("/api/status")

        def ask(self, *_):
            return self.daemon

    async def here():
        jobs = [job for run in ("r1", "r2") for job in await served.store.jobs.jobs_of(run)]
        for job in jobs[1:3]:
            await served.store.jobs.start_job(job.id, BEGIN)
        return await look(served.store, settings_of(config), Worker())

    here, there = served.loop.run(here()), Remote(URL, None).watched()
    assert there == here
    assert (len(there["jobs"]), there["waiting"] > 0, len(there["daemon"]["sides"])) == (2, True, 2)


@pytest.mark.parametrize("form", ["--json", "--failed"])
def test_a_worker_is_listened_to_by_either_option(config, by_url, served, monkeypatch, form):
    """`--url` names the daemon that is asked, `--worker` one or several workers of it."""

    def meanwhile(seconds):
        served.world.services.tail.add([failed("b1", "same")], 3_000)

    monkeypatch.setattr("daemon.cli.tail.time.sleep", meanwhile)
    listen = ["tail", form, "-n", "2"]
    alone = said(*by_url, *listen)
    assert (alone[0], len(alone[1].splitlines()), "b1" in alone[1]) == (0, 2 if form == "--json" else 4, True)
    both = ["--worker", URL, "--worker", URL]
    for words in ([*listen, "--worker", URL, "--config", str(config)], [*by_url, *listen, *both]):
        assert said(*words) == alone


@pytest.mark.parametrize("option", ["--url", "--worker"])
def test_a_worker_gets_no_password_over_an_open_line(config, option):
    command, address = ["tail", "--config", str(config)], [option, "http://far.example.com"]
    code, _, told = said(*command, *address) if option == "--worker" else said(*address, *command)
    assert (code, told[0], told[1].split(":")[0]) == (1, ConfigurationError, option)


def test_the_variable_names_the_daemon_too(by_url):
    done = CliRunner(env={"COUPLED_URL": URL}).invoke(app, ["couplings", "CUSTOMER", "--json"])
    assert len(json.loads(done.stdout)) >= 3
