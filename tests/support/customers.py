"""A world of customers and nothing else: two tables, where a test is about who works and not about what."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.support import forms
from tests.support.world import World

MAPPING = """mappings:
  - name: CUSTOMER
    bc: {table: customers, filter: "blocked eq '_x0020_'"}
    sales: {table: accounts, filter: "statecode eq 0 and customertypecode eq 3"}
    direction: both
    on_update_conflict: merge
    fields:
      - {bc: displayName, sales: name, max_length: 100}
      - {bc: addressLine2, sales: address1_line2, max_length: 50}
      - {bc: phoneNumber, sales: telephone1, max_length: 30}
      - {sales: customertypecode, constant: 3, direction: to_sales, on: insert}
"""
TABLES = frozenset({"bc:customers", "sales:accounts"})
# Of both sides, and the length of the shorter.
FIELDS = (("displayName", "name", 100), ("addressLine2", "address1_line2", 50), ("phoneNumber", "telephone1", 30))


def customers_only(world: World) -> None:
    file = world.folder / "mappings.yaml"
    file.write_text(MAPPING, encoding="utf-8")
    world.configure(mappings=file)


def unequal(world: World) -> list[str]:
    """What is on one side only, and names that are there twice."""
    customers = [row for row in world.bc.rows("customers") if row["blocked"] == "_x0020_"]
    accounts = world.sales.rows("accounts?$filter=statecode eq 0 and customertypecode eq 3")
    bc = Counter(tuple(forms.text(row[name], length) for name, _, length in FIELDS) for row in customers)
    sales = Counter(tuple(forms.text(row[name], length) for _, name, length in FIELDS) for row in accounts)
    found: list[Any] = [("Business Central", one) for one in bc - sales] + [("Sales", one) for one in sales - bc]
    twice = [name for name, number in Counter(row["displayName"] for row in customers).items() if number > 1]
    return [f"only in {side}: {one}" for side, one in found] + [f"twice: {name}" for name in twice]
