"""All records of both simulators that the standard mappings let through, as a third party reads them."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

from tests.support.simulators import Side

Record = dict[str, Any]


class Both(Protocol):
    """Both sides; `resources` is the address of the custom API page."""

    bc: Side
    sales: Side

    @property
    def resources(self) -> str: ...


class Records:
    """Both sides at one moment: every table is read when first asked for, and then kept."""

    def __init__(self, simulators: Both) -> None:
        self._bc, self._sales = simulators.bc, simulators.sales
        self._resources = simulators.resources

    @cached_property
    def bc_customers(self) -> list[Record]:
        rows = self._bc.rows("customers?$expand=contactsInformation")
        return [row for row in rows if row["blocked"] == "_x0020_"]

    @cached_property
    def bc_contacts(self) -> list[Record]:
        rows = self._bc.rows("contacts")
        return [row for row in rows if row["type"] == "Person" and row["companyNumber"]]

    @cached_property
    def items(self) -> list[Record]:
        return [row for row in self._bc.rows("items") if not row["blocked"]]

    @cached_property
    def resources(self) -> list[Record]:
        return [row for row in self._bc.rows(self._resources) if not row["blocked"]]

    @cached_property
    def bc_currencies(self) -> list[Record]:
        return self._bc.rows("currencies")

    @cached_property
    def rates(self) -> list[Record]:
        return self._bc.rows("currencyExchangeRates")

    @cached_property
    def units(self) -> list[Record]:
        return self._bc.rows("unitsOfMeasure")

    @cached_property
    def salespeople(self) -> list[Record]:
        return self._bc.rows("salespeoplePurchasers")

    @cached_property
    def accounts(self) -> list[Record]:
        rows = self._sales.rows("accounts")
        return [row for row in rows if row["statecode"] == 0 and row["customertypecode"] == 3]

    @cached_property
    def sales_contacts(self) -> list[Record]:
        rows = self._sales.rows("contacts")
        return [row for row in rows if row["statecode"] == 0 and row["_parentcustomerid_value"]]

    @cached_property
    def products(self) -> list[Record]:
        rows = self._sales.rows("products")
        return [row for row in rows if row["statecode"] == 0 and row["producttypecode"] in (1, 3)]

    @cached_property
    def sales_currencies(self) -> list[Record]:
        return self._sales.rows("transactioncurrencies")

    @cached_property
    def schedules(self) -> list[Record]:
        return self._sales.rows("uomschedules")

    @cached_property
    def users(self) -> list[Record]:
        rows = self._sales.rows("systemusers")
        return [row for row in rows if row["islicensed"] and not row["isdisabled"] and not row["isintegrationuser"]]

    def currency(self, key: str | None) -> str | None:
        return self._named(self.sales_currencies, "transactioncurrencyid", key, "isocurrencycode")

    def account(self, key: str) -> str | None:
        return self._named(self.accounts, "accountid", key, "name")

    def user(self, key: str) -> str | None:
        return self._named(self.users, "systemuserid", key, "internalemailaddress")

    def schedule(self, key: str) -> str | None:
        return self._named(self.schedules, "uomscheduleid", key, "name")

    def unit(self, key: str) -> str | None:
        return self._named(self._units, "uomid", key, "name")

    def salesperson(self, code: str) -> str | None:
        return self._named(self.salespeople, "code", code, "email")

    def company(self, number: str) -> str | None:
        """The name of the customer whose company contact has this number."""
        return next((row["displayName"] for row in self.bc_customers if number in _company_contacts(row)), None)

    @cached_property
    def _units(self) -> list[Record]:
        return self._sales.rows("uoms")

    @staticmethod
    def _named(rows: list[Record], key_field: str, key: str | None, field: str) -> str | None:
        return next((str(row[field]) for row in rows if row[key_field] == key), None)


def _company_contacts(customer: Record) -> list[str]:
    found = customer["contactsInformation"]
    return [contact["contactNumber"] for contact in found if contact["contactType"] == "Company"]
