"""A contact of an account that is no customer, and what it gets when the account becomes one (rows 93 and 94)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.waiting import wait_until
from tests.support.world import World


@pytest.fixture(scope="module")
def creating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose new records get partners live: a full synchronisation was answered with *keep*."""
    with World(tmp_path_factory.mktemp("owed"), customers=3) as world, world.daemon():
        outcome = world.full_sync("keep")
        assert outcome["state"] == "done", outcome["error"]
        yield world


def named(world: World, entity_set: str, name: str) -> list[dict[str, Any]]:
    return [row for row in world.bc.rows(entity_set) if row["displayName"] == name]


def test_the_company_follows_when_the_account_becomes_a_customer(creating: World) -> None:
    account = creating.sales.create("accounts", name="Wingtip", customertypecode=11)["accountid"]
    bind = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
    creating.sales.create("contacts", firstname="Ada", lastname="Outside", **bind)
    wait_until(lambda: bool(named(creating, "contacts", "Ada Outside")), 20, "the contact without company")
    (contact,) = named(creating, "contacts", "Ada Outside")
    assert contact["companyNumber"] == ""
    assert named(creating, "customers", "Wingtip") == []

    creating.sales.edit(f"accounts({account})", customertypecode=3)
    wait_until(lambda: bool(named(creating, "customers", "Wingtip")), 20, "the customer")
    wait_until(
        lambda: bool(named(creating, "contacts", "Ada Outside")[0]["companyNumber"]), 20, "its contact's company"
    )
    assert named(creating, "contacts", "Ada Outside")[0]["companyName"] == "Wingtip"
    creating.quiet()
    # One customer and one contact more than at the start, and equal on both sides.
    assert all("expected" in one for one in creating.differences())
    assert creating.cli("errors") == []
