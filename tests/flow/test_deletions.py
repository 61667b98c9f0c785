"""Records deleted on either side while the daemon runs: found, and followed as the mapping says."""

from __future__ import annotations

from pathlib import Path

from schemas.mapping_file import standard_text
from tests.support.waiting import wait_until
from tests.support.world import World

RESTORE = ("    direction: both\n", "    direction: both\n    on_delete: restore\n")
DELETE = ("    direction: both\n", "    direction: both\n    on_delete: delete\n")


def changed(folder: Path, name: str, customers: tuple[str, str], contacts: tuple[str, str]) -> Path:
    """The standard mappings with a policy for customers and one for contacts, the first two that go both ways."""
    head, customer, rest = standard_text().partition("  - name: CUSTOMER\n")
    middle, contact, tail = rest.partition("  - name: CONTACTS\n")
    assert customers[0] in middle
    assert contacts[0] in tail
    text = head + customer + middle.replace(*customers, 1) + contact + tail.replace(*contacts, 1)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_deletions_on_both_sides_are_found_and_followed(tmp_path: Path) -> None:
    with World(tmp_path, customers=4) as world:
        world.configure(mappings=changed(tmp_path, "mappings.yaml", RESTORE, DELETE), deletions=0.05)
        key = world.bc.create("customers", displayName="Lost & Found GmbH", email="lost@found.example")["id"]
        with world.daemon():
            assert world.full_sync()["state"] == "done"
            people = [world.pair(number, "contacts", "contacts") for number in range(2)]
            world.bc.delete(people[0][0])
            world.sales.delete(people[1][1])
            bc, sales = f"customers({key})", f"accounts({key})"
            world.bc.edit(bc, city="Restored")
            world.shows(world.sales, sales, address1_city="Restored")
            world.sales.delete(sales)
            wait_until(lambda: world.sales.http.get(sales).status_code == 200, 30, "the account's return")
            world.shows(world.sales, sales, address1_city="Restored")
            world.bc.delete(bc)

            def restored() -> bool:
                found = [row for row in world.bc.rows("customers") if row["displayName"] == "Lost & Found GmbH"]
                return [row["city"] for row in found] == ["Restored"] and found[0]["id"] != key

            wait_until(restored, 30, "the customer's return")
            for side, path in ((world.sales, people[0][1]), (world.bc, people[1][0])):
                wait_until(lambda side=side, path=path: side.http.get(path).status_code == 404, 30, f"{path} to go")
            world.quiet()
            assert world.cli("errors") == []
