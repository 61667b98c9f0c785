"""Vendors and accounts by the example of docs/mappings.md alone, word for word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from schemas.mapping_file import parse, standard_text
from tests.support import forms
from tests.support.examples import mappings_file
from tests.support.world import World

HEADING = "A whole example: vendors and accounts"
TABLES = frozenset({"bc:currencies", "bc:vendors", "sales:accounts"})
LOCAL_CURRENCY = "EUR"
Form = tuple[Any, ...]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("vendors")
    (folder / "my-mappings.yaml").write_text(mappings_file(HEADING), encoding="utf-8")
    with World(folder, customers=3) as made:
        made.configure(mappings="my-mappings.yaml")
        with made.daemon():
            yield made


@pytest.fixture(scope="module")
def synced(world: World) -> World:
    """Before and after are kept apart: the two sides lived apart until now."""
    assert vendors(world) != accounts(world)
    outcome = world.full_sync("restore")
    assert outcome["state"] == "done", outcome["error"]
    assert [job["failed"] + job["conflict"] for job in outcome["jobs"]] == [0] * len(outcome["jobs"])
    return world


def vendors(world: World) -> list[Form]:
    """The unblocked vendors, in the form that both sides must agree on."""
    rows = [row for row in world.bc.rows("vendors") if row["blocked"] == "_x0020_"]
    own = ["displayName", "addressLine1", "city", "phoneNumber", "email", "website"]
    limits = (100, 100, 30, 30, 80, 200)
    return sorted(
        (
            *(forms.text(row[name], limit) for name, limit in zip(own, limits, strict=True)),
            forms.code(row["postalCode"], 20),
            forms.code(row["country"], 10),
            row["currencyCode"],
        )
        for row in rows
    )


def accounts(world: World) -> list[Form]:
    rows = [row for row in world.sales.rows("accounts") if row["statecode"] == 0 and row["customertypecode"] == 11]
    codes = {row["transactioncurrencyid"]: row["isocurrencycode"] for row in world.sales.rows("transactioncurrencies")}
    own = ["name", "address1_line1", "address1_city", "telephone1", "emailaddress1", "websiteurl"]
    limits = (100, 100, 30, 30, 80, 200)
    return sorted(
        (
            *(forms.text(row[name], limit) for name, limit in zip(own, limits, strict=True)),
            forms.code(row["address1_postalcode"], 20),
            forms.code(row["address1_country"], 10),
            codes[row["_transactioncurrencyid_value"]],
        )
        for row in rows
    )


def test_every_vendor_has_one_account_and_every_vendor_account_one_vendor(synced: World) -> None:
    assert len(vendors(synced)) == 5  # three of each side, of which one is the same on both
    assert vendors(synced) == accounts(synced)
    names = [row[0].casefold() for row in vendors(synced)]
    assert len(set(names)) == len(names)


def test_what_is_out_of_the_filters_stays_alone(synced: World) -> None:
    blocked = [row["displayName"] for row in synced.bc.rows("vendors") if row["blocked"] != "_x0020_"]
    assert blocked
    assert not {row["name"] for row in synced.sales.rows("accounts")} & set(blocked)
    prospects = {row["name"] for row in synced.sales.rows("accounts") if row["customertypecode"] == 3}
    assert not {row["displayName"] for row in synced.bc.rows("vendors")} & prospects


def test_edits_arrive_both_ways_and_both_sides_end_equal(synced: World) -> None:
    there = {row["accountid"] for row in synced.sales.rows("accounts")}
    vendor = next(row["id"] for row in synced.bc.rows("vendors") if row["id"] in there)  # has its account's id
    synced.bc.edit(f"vendors({vendor})", city="Aalborg")
    synced.shows(synced.sales, f"accounts({vendor})", address1_city="Aalborg")
    synced.sales.edit(f"accounts({vendor})", telephone1="+45 1")
    synced.shows(synced.bc, f"vendors({vendor})", phoneNumber="+45 1")
    synced.quiet(tables=TABLES)
    assert vendors(synced) == accounts(synced)


def test_the_vendor_mapping_goes_behind_the_standard_ones() -> None:
    """As its text says: one's own file is the standard one with the VENDOR mapping after it."""
    vendor = mappings_file(HEADING).partition("  - name: VENDOR\n")
    both = standard_text() + "\n" + "".join(vendor[1:])
    assert [mapping.name for mapping in parse(both).all][-2:] == ["ITEM-PRODUCT", "VENDOR"]
