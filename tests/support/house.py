"""A small house on both sides: what records refer to, and nothing else; each test makes the records it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.stage import Stage

ANN = "00000000-0000-0000-0000-00000000a001"
TO_SALES, TO_BC = "to_sales", "to_bc"
# What customers refer to, before them.
CUSTOMERS = ("CURRENCY", "CUSTOMER")

BC: dict[str, Sequence[dict[str, Any]]] = {
    "currencies": [{"code": "USD", "displayName": "US-Dollar", "symbol": "$"}],
    "currencyExchangeRates": [
        {
            "currencyCode": "USD",
            "startingDate": "2026-01-01",
            "exchangeRateAmount": 100,
            "relationalCurrencyCode": "",
            "relationalExchangeRateAmount": 92.5,
        }
    ],
    "unitsOfMeasure": [{"code": "PCS", "displayName": "Piece"}],
}
SALES: dict[str, Sequence[dict[str, Any]]] = {
    "systemusers": [
        {
            "systemuserid": ANN,
            "firstname": "Ann",
            "lastname": "Beebe",
            "internalemailaddress": "ann@house.example",
            "islicensed": True,
            "isdisabled": False,
            "isintegrationuser": False,
        }
    ],
}


def customer(stage: Stage, name: str = "Adatum", **fields: Any) -> str:
    """A customer in Business Central that CUSTOMER is about; its id, which its account will have too."""
    return str(stage.bc.create("customers", displayName=name, **fields)["id"])


def account(stage: Stage, name: str = "Fabrikam", **fields: Any) -> str:
    """An account in Sales that CUSTOMER is about; its id."""
    return str(stage.sales.create("accounts", name=name, customertypecode=3, **fields)["accountid"])


async def pair(stage: Stage, name: str = "Adatum", **fields: Any) -> tuple[str, str]:
    """A customer and its account, coupled and equal; both paths. The daemon has seen all there is to see."""
    await stage.live()
    key = customer(stage, name, **fields)
    await stage.full_sync(*CUSTOMERS)
    await stage.live()
    return f"customers({key})", f"accounts({key})"


def names(stage: Stage) -> tuple[list[str], list[str]]:
    """Of all customers, and of all accounts."""
    bc = sorted(row["displayName"] for row in stage.bc.rows("customers"))
    return bc, sorted(row["name"] for row in stage.sales.rows("accounts"))
