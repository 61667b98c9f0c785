"""Commands as any Kafka tool may send them, and what they change: each has one effect and one end."""

from __future__ import annotations

import json
from collections import Counter
from itertools import product
from random import Random
from typing import Any

import pytest

from tests.support.commands import FINAL
from tests.support.waiting import wait_until
from tests.support.world import CAPTURED, World

# The last is in words of a newer version.
POISON = (b"{not json", b"", json.dumps({"op": "t", "source": {"side": "bc", "table": "customers"}}).encode())
WITHOUT_CUSTOMERS = CAPTURED - {"bc:customers", "sales:accounts"}


@pytest.mark.parametrize(
    ("value", "part"),
    [
        pytest.param(b"no JSON at all", "not JSON", id="not JSON"),
        pytest.param(b'["a list"]', "not a JSON object", id="not an object"),
        pytest.param({"command": "make-coffee"}, "command", id="unknown command"),
        pytest.param({"command": "sync", "mapings": ["CUSTOMER"]}, "mapings", id="unknown field"),
        pytest.param({"command": "pause", "mappings": ["CUSTOMERS"]}, "CUSTOMERS", id="unknown mapping"),
        pytest.param({"command": "answer", "run": "no-such-run", "answer": "keep"}, "no-such-run", id="unknown run"),
    ],
)
def test_a_command_that_cannot_be_used_is_refused_with_an_outcome(
    synced: World, value: bytes | dict[str, object], part: str
) -> None:
    with synced.commands() as commands:
        if isinstance(value, bytes):
            offset = commands.send(value)
            outcome = commands.end(f"{synced.prefix}.control-0-{offset}")
        else:
            outcome = commands.run(str(value["command"]), **{k: v for k, v in value.items() if k != "command"})
    assert outcome["state"] == "refused"
    assert part in outcome["error"]["message"]
    assert outcome["error"]["code"]
    assert outcome["error"]["hint"]


def test_a_command_delivered_three_times_has_one_effect_and_one_end(synced: World) -> None:
    with synced.commands() as commands:
        command = commands.command("sync", command_id=f"{synced.prefix}-thrice", mappings=["CURRENCY"])
        for _ in range(2):
            commands.command("sync", command_id=command, mappings=["CURRENCY"])
        commands.end(command)
        commands.run("pause", mappings=["CURRENCY"])  # was taken after all three
        commands.run("resume", mappings=["CURRENCY"])
        states = [outcome["state"] for outcome in commands.of(command)]
    assert states.count("accepted") == 1
    assert states.count("done") == 1
    assert [job["mapping"] for job in synced.cli("jobs") if job["run"] == command] == ["CURRENCY"]


def test_a_message_nobody_can_read_goes_to_the_dead_letters_and_the_rest_goes_on(synced: World) -> None:
    bc, sales, row = synced.pair(5, "customers", "accounts")
    with synced.commands() as commands:
        bad = [b"{not json", b'{"op": "u"}', b""]
        for value in bad:
            commands.send(value, key=row["id"].encode(), topic="bc.customers")
        synced.bc.edit(bc, city="Riga")
        synced.shows(synced.sales, sales, address1_city="Riga")
        topic = f"{synced.prefix}.bc.customers".encode()

        def of_the_table() -> list[Any]:
            commands.read()
            return [letter for letter in commands.dead_letters if dict(letter.headers)["topic"] == topic]

        letters = wait_until(lambda: found if len(found := of_the_table()) >= len(bad) else None, 20, "the letters")
        assert [bytes(letter.value or b"") for letter in letters] == bad
        for letter in letters:
            assert dict(letter.headers)["reason"]
            assert letter.key == row["id"].encode()


def test_poison_on_every_topic_and_commands_in_any_order_stop_nothing(synced: World) -> None:
    bc, sales, _ = synced.pair(8, "customers", "accounts")
    topics = [*(name.replace(":", ".") for name in sorted(CAPTURED)), "control"]
    wanted = {
        "sync": {"mappings": ["CURRENCY"]},
        "pause": {"mappings": ["ITEM-PRODUCT"]},
        "resume": {"mappings": ["ITEM-PRODUCT"]},
        "retry": {"mappings": ["CURRENCY"]},
    }
    ids = {name: f"{synced.prefix}-shuffled-{name}" for name in wanted}
    sent = [*wanted] * 3
    Random(7).shuffle(sent)
    with synced.commands() as commands:
        for topic, value in product(topics, POISON):
            commands.send(value, b"poison", topic)
        for name in sent:
            commands.command(name, command_id=ids[name], **wanted[name])
        assert [commands.end(one)["state"] for one in ids.values()] == ["done"] * len(ids)
        # Was taken after all of them, whichever of pause and resume came last.
        assert commands.run("resume", mappings=["ITEM-PRODUCT"])["state"] == "done"
        synced.bc.edit(bc, city="Turku")
        synced.shows(synced.sales, sales, address1_city="Turku")

        def put_aside() -> Counter[str]:
            commands.read()
            told = [dict(one.headers) for one in commands.dead_letters if one.key == b"poison"]
            assert all(one["reason"] for one in told)
            return Counter(one["topic"].decode().removeprefix(f"{synced.prefix}.") for one in told)

        # A command in words of a newer version is answered, and not put aside.
        expected = dict.fromkeys(topics, len(POISON)) | {"control": len(POISON) - 1}
        wait_until(lambda: put_aside() == expected, 60, "what nobody can read to be put aside")
        ends = Counter(one["id"] for one in commands.read() if one["state"] in FINAL)
    assert {one: ends[one] for one in ids.values()} == dict.fromkeys(ids.values(), 1)
    synced.quiet()


def test_what_is_edited_while_everything_that_reads_a_table_is_paused_arrives_after_resuming(synced: World) -> None:
    bc, sales, _ = synced.pair(6, "customers", "accounts")
    assert synced.command("pause", mappings=["CUSTOMER"])["state"] == "done"
    marks = synced.quiet(tables=WITHOUT_CUSTOMERS)
    synced.bc.edit(bc, city="Oslo")
    synced.sales.edit(sales, telephone1="+47 1")
    synced.polled(synced.marks(), tables=WITHOUT_CUSTOMERS)
    assert len(synced.bc.writes(marks[0])) == len(synced.sales.writes(marks[1])) == 1
    assert synced.command("resume", mappings=["CUSTOMER"])["state"] == "done"
    synced.shows(synced.sales, sales, address1_city="Oslo")
    synced.shows(synced.bc, bc, phoneNumber="+47 1")


def test_what_is_edited_while_one_of_two_mappings_of_a_table_is_paused_arrives_after_resuming(synced: World) -> None:
    bc, sales, _ = synced.pair(1, "items", "products")
    assert synced.command("pause", mappings=["ITEM-PRODUCT"])["state"] == "done"
    marks = synced.quiet(tables=CAPTURED - {"bc:items"})
    synced.sales.edit(sales, name="Renamed while paused")  # captured, for RESOURCE-PRODUCT reads products too
    synced.polled(synced.marks(), tables=CAPTURED - {"bc:items"})
    assert synced.bc.writes(marks[0]) == []
    assert synced.command("resume", mappings=["ITEM-PRODUCT"])["state"] == "done"
    synced.shows(synced.bc, bc, displayName="Renamed while paused")


def test_sync_carries_a_record_that_failed(synced: World) -> None:
    bc, sales, row = synced.pair(7, "customers", "accounts")
    synced.quiet()
    synced.sales.arm(status=400, method="PATCH", path="/accounts(")
    synced.bc.edit(bc, city="Lima")
    [error] = wait_until(lambda: _of(synced, row["id"]), 20, "the failure")
    assert error["mapping"] == "CUSTOMER"
    assert error["message"]
    assert error["hint"]
    outcome = synced.command("sync", mappings=["CUSTOMER"])
    assert outcome["state"] == "done", outcome
    assert synced.sales.get(sales)["address1_city"] == "Lima"
    assert _of(synced, row["id"]) == []


def _of(world: World, bc_id: str) -> list[dict[str, object]]:
    return [error for error in world.cli("errors", "--all") if error["bc_id"] == bc_id]


def test_after_restore_a_new_record_stays_alone_and_after_keep_it_gets_a_partner(synced: World) -> None:
    alone = synced.bc.create("customers", displayName="Alone GmbH", email="info@alone.example")
    synced.polled(synced.marks(), polls=3)
    assert _accounts(synced, "Alone GmbH") == []

    outcome = synced.full_sync("keep", mappings=["CURRENCY", "SALESPEOPLE", "CUSTOMER"])
    assert outcome["state"] == "done"
    assert _accounts(synced, "Alone GmbH") == [alone["id"]]  # a full synchronisation creates whatever is missing

    born = synced.bc.create("customers", displayName="Soon in company GmbH", email="info@soon.example")
    wait_until(lambda: _accounts(synced, "Soon in company GmbH") == [born["id"]], 20, "the new account")
    account = synced.sales.create("accounts", name="From Sales Ltd", customertypecode=3)
    wait_until(lambda: len(_customers(synced, "From Sales Ltd")) == 1, 20, "the new customer")
    synced.expected["customers"] += 3
    synced.quiet()
    assert synced.differences() == []
    assert _accounts(synced, "From Sales Ltd") == [account["accountid"]]


def test_a_run_without_an_answer_waits_for_it(synced: World) -> None:
    with synced.commands() as commands:
        run = commands.command("full-sync", mappings=["CURRENCY"])
        commands.until(run, lambda outcome: outcome["state"] == "awaiting_answer", 30, "the question")
        second = commands.run("full-sync", mappings=["CURRENCY"])
        assert second["state"] == "refused"
        assert run in second["error"]["message"]
        assert commands.run("answer", run=run, answer="restore")["state"] == "done"
        assert commands.end(run)["state"] == "done"


def _accounts(world: World, name: str) -> list[str]:
    return [row["accountid"] for row in world.sales.rows("accounts") if row["name"] == name]


def _customers(world: World, name: str) -> list[str]:
    return [json.dumps(row) for row in world.bc.rows("customers") if row["displayName"] == name]
