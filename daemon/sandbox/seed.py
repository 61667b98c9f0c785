"""The data both simulators start with: two systems that have lived apart.

Promised: the same arguments give the same rows, ids included; every reference leads to a row of the same side; every
record that the standard mappings let through can get exactly one partner (no customer, item, currency or unit of one
side is also on the other, except the currency USD, the unit KG and the salespeople, which are coupled, not created). Of
the vendors, which no standard mapping is about, one is on both sides.

Rows carry the real field names of either API. A key that begins with `_` and is no Dataverse lookup is for the
simulator only: `_contactNumber` of a BC customer names its company contact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daemon.sandbox.seed_business_central import BusinessCentral
from daemon.sandbox.seed_firms import Maker
from daemon.sandbox.seed_sales import Sales


@dataclass(frozen=True)
class Seed:
    """Rows by entity set: `bc` of Business Central, `sales` of Dataverse."""

    bc: dict[str, list[dict[str, Any]]]
    sales: dict[str, list[dict[str, Any]]]


def of_business_central(records: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Business Central alone: so many customers, as many items, half as many again contacts; a few of the rest."""
    bc = BusinessCentral(Maker(seed))
    bc.tables()
    for index in range(records):
        bc.customer(index, people=index % 2)
    for index in range(records):
        bc.item(index)
    for index in range(_few(records)):
        bc.resource(index)
        bc.vendor(index)
    return bc.rows


def of_sales(records: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Sales alone: so many accounts, as many contacts and products."""
    sales = Sales(Maker(seed))
    sales.tables()
    for index in range(records):
        sales.account(index, people=1)
    sales.products(records)
    return sales.rows


def _few(records: int) -> int:
    """How many of what a company has fewer of."""
    return max(1, records // 10)


def seed(customers: int = 100, seed: int = 1) -> Seed:
    """Both sides' rows: `customers` customers in BC, a third as many further accounts in Sales."""
    make = Maker(seed)
    bc, sales = BusinessCentral(make), Sales(make)
    bc.tables()
    sales.tables()
    for index in range(customers):
        bc.customer(index)
    for index in range(customers // 3):
        sales.account(index)
    for index in range(customers // 2):
        bc.item(index)
    for index in range(customers // 8):
        bc.resource(index)
    sales.products()
    bc.out_of_filter()
    sales.out_of_filter()
    known = next(row["name"] for row in sales.rows["accounts"] if row["customertypecode"] == 11)
    for index in range(4):
        bc.vendor(index, known.upper()[:100] if index == 3 else "")
    return Seed(bc.rows, sales.rows)
