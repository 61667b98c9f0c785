"""The platform's own logic per table: defaults, states, computed columns, and what it refuses (B2, D79, D118, D119)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from daemon.sandbox.dataverse import price_lists
from daemon.sandbox.dataverse.context import Service
from daemon.sandbox.dataverse.errors import bad_request, duplicate_record
from daemon.sandbox.dataverse.store import fold
from daemon.sandbox.dataverse.tables import Table

_BAD_STATE = "0x80048408"
_FAMILY = 2
_ISO_CODE = re.compile(r"[A-Za-z]{3}")


def fill(service: Service, table: Table, row: dict[str, Any]) -> None:
    """Give a new row what the platform gives it: defaults, state, currency, base unit."""
    for column in table.defaults:
        if row.get(column.prop) is None:
            row[column.prop] = _start(service, table, column.name, column.default, row)
    if table.logical == "uom":
        _fill_uom(service, row)
    elif table.logical == "pricelevel":
        price_lists.fill_list(service, row)
    elif table.logical == "productpricelevel":
        price_lists.fill_item(service, row)
    currency = table.columns.get("_transactioncurrencyid_value")
    if currency is not None and row.get(currency.prop) is None and _has_money(table, row):
        row[currency.prop] = service.settings.base_currency_id


def _start(service: Service, table: Table, name: str, default: object, row: Mapping[str, Any]) -> object:
    active = table.logical == "product" and service.settings.products_start_active
    if name == "statecode":
        return 0 if active else default
    if name == "statuscode":
        return _first_status(table, row["statecode"])
    return default


def _has_money(table: Table, row: Mapping[str, Any]) -> bool:
    return any(row.get(column.prop) is not None for column in table.amounts)


def _fill_uom(service: Service, row: dict[str, Any]) -> None:
    row["quantity"] = row.get("quantity") or Decimal("1.00000")
    row.setdefault("isschedulebaseuom", False)
    if row.get("_baseuom_value") is None and not row["isschedulebaseuom"]:
        uoms = service.store.data["uoms"]
        members = uoms.links["_uomscheduleid_value"].get(row.get("_uomscheduleid_value") or "", {})
        bases = (member for member in members if uoms.rows[member]["isschedulebaseuom"])
        row["_baseuom_value"] = next(bases, None)


def settle_state(table: Table, changes: dict[str, Any], before: Mapping[str, Any]) -> None:
    """Complete a change of state: a state brings its first status; a status must belong to the state."""
    if "statecode" not in table.columns:
        return
    state = changes.get("statecode", before.get("statecode"))
    if changes.get("statecode") is not None and "statuscode" not in changes:
        changes["statuscode"] = _first_status(table, state)
    status = changes.get("statuscode")
    if status is not None and table.columns["statuscode"].states[status] != state:
        message = f"{status} is not a valid status code for state code {state} on {table.logical}."
        raise bad_request(message, _BAD_STATE)


def _first_status(table: Table, state: Any) -> int:
    states = table.columns["statuscode"].states
    return next(status for status, owner in states.items() if owner == state)


def check(service: Service, table: Table, row: Mapping[str, Any]) -> None:
    """Refuse a row that the server itself would not store."""
    for column in table.columns.values():
        if column.required and row.get(column.prop) is None:
            message = f"Attribute '{column.name}' of entity '{table.logical}' is required and cannot be null."
            raise bad_request(message, service.settings.required_missing_code)
    if table.logical == "product":
        _check_product(service, row)
    elif table.logical == "transactioncurrency" and not _ISO_CODE.fullmatch(row["isocurrencycode"]):
        raise bad_request("The ISO currency code is not valid: three letters are expected.", "0x80048cd0")
    elif table.logical == "uom":
        _check_uom(service, row)
    elif table.logical == "pricelevel":
        price_lists.check_list(row)
    elif table.logical == "productpricelevel":
        price_lists.check_item(service, row)


def _check_product(service: Service, row: Mapping[str, Any]) -> None:
    uom, schedule = row.get("_defaultuomid_value"), row.get("_defaultuomscheduleid_value")
    code = service.settings.required_missing_code
    if row.get("name") is None:
        raise bad_request("Attribute 'name' of entity 'product' is required and cannot be null.", code)
    if row.get("productstructure") == _FAMILY:
        return
    if schedule is None:
        raise bad_request("The unit schedule id is missing.", "0x80043b03")
    if uom is None:
        raise bad_request("The default unit is missing.", "0x80043b04")
    unit = service.store.data["uoms"].rows.get(uom)
    if unit is None or unit["_uomscheduleid_value"] != schedule:
        raise bad_request("The unit does not exist in the specified unit schedule.", "0x80043b05")


def _check_uom(service: Service, row: Mapping[str, Any]) -> None:
    uoms = service.store.data["uoms"]
    members = uoms.links["_uomscheduleid_value"].get(row["_uomscheduleid_value"], {})
    own = row.get("uomid")
    if any(fold(uoms.rows[member]["name"]) == fold(row["name"]) for member in members if member != own):
        raise duplicate_record()
    base = row.get("_baseuom_value")
    if base is not None and base not in members:
        raise bad_request(
            "The base unit does not belong to the schedule that is associated with this unit.", "0x80043b0d"
        )


def compute(table: Table, row: dict[str, Any]) -> None:
    """The columns that follow from others: full name, composite address, a contact's account."""
    if "fullname" in table.columns:
        row["fullname"] = " ".join(part for part in (row.get("firstname"), row.get("lastname")) if part) or None
    if "address1_composite" in table.columns:
        row["address1_composite"] = _composite(row)
    if table.logical == "contact":
        is_account = row.get("_parentcustomerid_value~target") == "accounts"
        row["_accountid_value"] = row.get("_parentcustomerid_value") if is_account else None
    if table.logical == "systemuser":
        row["ownerid"] = row["systemuserid"]


def _composite(row: Mapping[str, Any]) -> str | None:
    def part(name: str) -> str:
        return row.get(f"address1_{name}") or ""

    region = " ".join(filter(None, (part("stateorprovince"), part("postalcode"))))
    town = ", ".join(filter(None, (part("city"), region)))
    lines = (part("line1"), part("line2"), part("line3"), town, part("country"))
    return "\r\n".join(filter(None, lines)) or None
