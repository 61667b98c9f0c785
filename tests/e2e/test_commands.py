"""A user at the command line, with a daemon in another process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from subprocess import PIPE, Popen

import pytest

from tests.support.processes import COUPLED, DaemonProcess, coupled, document
from tests.support.simulators import SECRET
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A daemon process that has synchronised everything once; how it ends and what it said is checked here."""
    with World(tmp_path_factory.mktemp("world"), customers=5, poll=2) as world, DaemonProcess(world) as daemon:
        done = coupled(world, "full-sync", "--yes", "--restore")
        assert done.returncode == 0, done.stderr
        assert "CURRENCY" in done.stderr
        yield world
        assert daemon.terminate(timeout=10) == 0
        assert world.note() is None
        assert SECRET not in daemon.output()
        assert "Traceback" not in daemon.output()


def test_everything_is_equal_after_a_full_synchronisation_by_command(at_work: World) -> None:
    assert at_work.differences() == []


def test_status_jobs_errors_and_couplings_print_one_json_document(at_work: World) -> None:
    status = document(coupled(at_work, "status", "--json"))
    names = [mapping["name"] for mapping in status["mappings"]]
    assert names[0] == "CURRENCY"
    assert len(names) == 7
    assert [run["state"] for run in status["runs"]] == ["done"]
    jobs = document(coupled(at_work, "jobs", "--json"))
    assert [job["mapping"] for job in reversed(jobs)][:3] == ["CURRENCY", "SALESPEOPLE", "UNITOFMEASURE"]
    assert document(coupled(at_work, "job", str(jobs[0]["id"]), "--json"))["failures"] == []
    errors = coupled(at_work, "errors", "--all", "--json")
    assert (errors.returncode, document(errors)) == (0, [])
    customers = document(coupled(at_work, "couplings", "CUSTOMER", "--json", "--limit", "500"))
    counts = {mapping["name"]: mapping["couplings"] for mapping in status["mappings"]}
    assert len(customers) == counts["CUSTOMER"] == at_work.expected["customers"]
    assert counts["CONTACTS"] == at_work.expected["contacts"]
    assert counts["ITEM-PRODUCT"] + counts["RESOURCE-PRODUCT"] == at_work.expected["products"]
    assert len({one["bc_id"] for one in customers}) == len({one["sales_id"] for one in customers}) == len(customers)


def test_a_daemon_is_driven_by_its_address_alone(at_work: World) -> None:
    """With `--url` the same commands end in the same way, where neither Kafka nor the store can be reached."""
    note = at_work.note()
    assert note
    elsewhere = {"COUPLED_URL": note["web"], "COUPLED_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
                 "COUPLED_STORE__URL": "sqlite:///nothing.db"}  # fmt: skip
    for words in (["sync", "CUSTOMER"], ["pause", "CUSTOMER"], ["resume", "CUSTOMER"], ["answer", "nothing", "keep"]):
        here, there = (coupled(at_work, *words, "--json", env=env) for env in ({}, elsewhere))
        assert there.returncode == here.returncode, there.stderr
        told, same = document(there), document(here)
        assert told.keys() == same.keys()
        assert [told[name] for name in ("command", "state")] == [same[name] for name in ("command", "state")]
        assert [job.keys() for job in told["jobs"]] == [job.keys() for job in same["jobs"]]
    foretold = coupled(at_work, "full-sync", "CUSTOMER", "--dry-run", env=elsewhere)
    assert foretold.returncode == 0, foretold.stderr
    assert "Recommended for CUSTOMER" in foretold.stdout
    here, there = (coupled(at_work, "jobs", "--json", env=env) for env in ({}, elsewhere))
    assert document(there) == document(here)
    number = at_work.pair(2, "customers", "accounts")[2]["number"]
    same = [["explain", "CUSTOMER", number, "--all"], ["explain", "CUSTOMER", "no/such?"], ["explain", "NOTHING", "1"]]
    for words in (*same, ["dead-letters", "list"], ["dead-letters", "replay", "99", "--yes"]):
        here, there = (coupled(at_work, *words, env=env) for env in ({}, elsewhere))
        assert (there.returncode, there.stdout, there.stderr) == (here.returncode, here.stdout, here.stderr)
    here, there = (coupled(at_work, "check", "--json", env=env) for env in ({}, elsewhere))
    # The second finds that the first has taken some of the requests that Sales allows.
    told, same = ([one for one in document(done)["findings"] if one["what"] != "limits"] for done in (there, here))
    assert (told, there.returncode) == (same, here.returncode)
    nobody = coupled(at_work, "--url", "http://127.0.0.1:1", "status")
    assert (nobody.returncode, "does not answer" in nobody.stderr) == (3, True)


def test_the_same_commands_print_tables_for_people(at_work: World) -> None:
    for words in (["status"], ["jobs"], ["errors"], ["couplings", "CUSTOMER"]):
        done = coupled(at_work, *words)
        assert done.returncode == 0, done.stderr
        assert done.stdout
        assert SECRET not in done.stdout + done.stderr


def test_a_command_reports_its_outcome_as_one_json_document(at_work: World) -> None:
    for words in (["sync", "CUSTOMER"], ["pause", "CUSTOMER"], ["resume", "CUSTOMER"]):
        done = coupled(at_work, *words, "--json")
        assert done.returncode == 0, done.stderr
        assert document(done)["state"] == "done"


def test_an_unknown_mapping_is_refused(at_work: World) -> None:
    done = coupled(at_work, "sync", "CUSTOMERS")
    assert done.returncode == 2
    assert "CUSTOMERS" in done.stderr
    assert coupled(at_work, "couplings", "CUSTOMERS").returncode == 2


def test_a_question_left_open_is_answered_by_command(at_work: World) -> None:
    asked = coupled(at_work, "full-sync", "CURRENCY", "--yes", "--json")
    assert document(asked)["state"] == "awaiting_answer"
    answered = coupled(at_work, "answer", document(asked)["run"], "restore")
    assert answered.returncode == 0, answered.stderr
    wait_until(lambda: {run["state"] for run in at_work.cli("status")["runs"]} == {"done"}, 20, "the end of the run")


def test_a_record_that_fails_is_shown_with_cause_and_advice_and_exit_code_1(at_work: World) -> None:
    bc, sales, row = at_work.pair(0, "customers", "accounts")
    at_work.quiet()
    at_work.sales.arm(status=400, method="PATCH", path="/accounts(")
    at_work.bc.edit(bc, city="Lima")
    wait_until(lambda: at_work.cli("errors", "--all"), 30, "the failure")
    errors = coupled(at_work, "errors", "--all", "--json")
    assert errors.returncode == 1
    [error] = document(errors)
    assert error["bc_id"] == row["id"]
    assert error["message"]
    assert error["hint"]
    why = coupled(at_work, "explain", "CUSTOMER", row["number"])
    assert why.returncode == 1, why.stderr
    assert "Not in step: Business Central's city was changed, and is not carried because Sales refused" in why.stdout
    assert "would modify address1_city 'Lima'" in why.stdout
    assert coupled(at_work, "sync", "CUSTOMER").returncode == 0
    at_work.shows(at_work.sales, sales, address1_city="Lima")
    in_step = coupled(at_work, "explain", "CUSTOMER", row["id"], "--json")
    assert (in_step.returncode, document(in_step)["why"]) == (0, "in_step"), in_step.stderr
    assert coupled(at_work, "errors").returncode == 0


def test_tail_shows_a_change_as_it_happens(at_work: World) -> None:
    bc, _, row = at_work.pair(1, "customers", "accounts")
    command = [*COUPLED, "tail", "--json", "-n", "1", "--mapping", "CUSTOMER", "--config", str(at_work.config)]
    with Popen(command, stdout=PIPE, stderr=PIPE, text=True, cwd=at_work.folder) as listening:
        assert listening.stderr
        assert listening.stderr.readline().startswith("Listening at http://127.0.0.1:")
        at_work.bc.edit(bc, city="Quito")
        said, wrong = listening.communicate(timeout=60)
    assert (listening.returncode, wrong) == (0, "")
    told = json.loads(said)
    assert (told["bc_id"], told["direction"], told["outcome"]) == (row["id"], "to_sales", "modified")
    assert (told["name"], told["job"]) == (row["displayName"], None)
    assert told["ended_ms"] >= told["changed_ms"]


@pytest.mark.parametrize(
    ("keys", "elsewhere"), [("q", False), ("\x03", False), ("q", True)], ids=["q", "Ctrl-C", "by address"]
)
def test_status_is_watched_in_a_terminal_until_one_has_seen_enough(at_work: World, keys: str, elsewhere: bool) -> None:
    note = at_work.note()
    assert note
    whom = ["--url", note["web"]] if elsewhere else []
    given = [] if elsewhere else ["--config", str(at_work.config)]
    command = [*COUPLED, *whom, "status", "--watch", "--interval", "0.5", *given]
    with Terminal(command, at_work.folder) as terminal:
        terminal.shows("CUSTOMER")
        terminal.shows("ITEM-PRODUCT")
        assert at_work.settings.sales.url in terminal.seen
        terminal.press(keys)
        assert terminal.end() == 0
        assert "Traceback" not in terminal.seen
        assert SECRET not in terminal.seen
