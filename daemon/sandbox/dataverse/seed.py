"""The rows an organisation starts with: its own few, then the caller's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from daemon.sandbox.dataverse.body import TARGET
from daemon.sandbox.dataverse.context import Service
from daemon.sandbox.dataverse.errors import DataverseError
from daemon.sandbox.dataverse.tables import Table
from daemon.sandbox.dataverse.values import convert, iso
from daemon.sandbox.dataverse.write import create_base_uom, insert

Rows = Sequence[Mapping[str, Any]]
_PRIVATE = "_sandbox"
_CURRENCY_NAMES = {"EUR": ("Euro", "€"), "USD": ("US Dollar", "$"), "GBP": ("Pound Sterling", "£")}


def seed(service: Service, data: Mapping[str, Rows]) -> None:
    """Store the organisation's own rows and `data`; a seed the server would refuse raises `ValueError`."""
    unknown = set(data) - set(service.store.tables)
    if unknown:
        raise ValueError(f"unknown entity sets in the seed: {', '.join(sorted(unknown))}")
    own = _own_rows(service)
    with service.store.transaction():
        for entity_set, table in service.store.tables.items():
            given = list(data.get(entity_set, ()))
            for row in [*_without(own.get(entity_set, ()), given, table), *given]:
                _insert_named(service, table, row)
            if entity_set == "uomschedules":
                _create_base_uoms(service, data.get("uoms", ()))
        _check_links(service)


def _create_base_uoms(service: Service, seeded: Rows) -> None:
    """Each schedule's base unit, unless the seed brings that itself."""
    present = {str(row.get("_uomscheduleid_value")).lower() for row in seeded if row.get("isschedulebaseuom")}
    for schedule_id, schedule in service.store.data["uomschedules"].rows.items():
        if schedule_id not in present:
            create_base_uom(service, schedule)


def _without(own: Rows, given: Rows, table: Table) -> Rows:
    """The organisation's own rows, less those that the seed brings itself."""
    ids = {row.get(table.primary_id) for row in given}
    codes = {row.get("isocurrencycode") for row in given} - {None}
    return [row for row in own if row[table.primary_id] not in ids and row.get("isocurrencycode") not in codes]


def _own_rows(service: Service) -> Mapping[str, Rows]:
    settings = service.settings
    code = settings.base_currency
    name, symbol = _CURRENCY_NAMES.get(code, (code, code))
    user = {
        "systemuserid": settings.application_user_id,
        "firstname": "#",
        "lastname": next(iter(settings.clients), "application"),
        "applicationid": settings.application_user_id,
        "islicensed": False,
        "isintegrationuser": settings.application_user_is_integration,
        "accessmode": 4,
        "_businessunitid_value": settings.business_unit_id,
    }
    currency = {
        "transactioncurrencyid": settings.base_currency_id,
        "currencyname": name,
        "isocurrencycode": code,
        "currencysymbol": symbol,
        "currencyprecision": 2,
        "exchangerate": 1,
    }
    return {
        "organizations": [{"organizationid": settings.organisation_id, "name": settings.organisation}],
        "businessunits": [{"businessunitid": settings.business_unit_id, "name": settings.organisation}],
        "systemusers": [user],
        "transactioncurrencies": [currency],
    }


def _insert_named(service: Service, table: Table, row: Mapping[str, Any]) -> None:
    try:
        _insert(service, table, row)
    except DataverseError as error:
        raise ValueError(f"the seed of {table.entity_set} has a row that cannot be: {error.message}: {row}") from error


def _insert(service: Service, table: Table, given: Mapping[str, Any]) -> None:
    row = {name: _value(table, name, value) for name, value in given.items() if not name.startswith(_PRIVATE)}
    row.setdefault(table.primary_id, str(service.new_id()))
    if row.get("fullname") and not row.get("firstname") and not row.get("lastname"):
        row["firstname"], _, row["lastname"] = str(row["fullname"]).rpartition(" ")
    moment = iso(service.now())
    row["createdon"] = row.get("createdon") or row.get("modifiedon") or moment
    row["modifiedon"] = row.get("modifiedon") or row["createdon"]
    for column in table.lookups:
        if row.get(column.prop) is not None:
            row[column.prop + TARGET] = _target(service, table, column.prop, row[column.prop])
    for prop in ("_createdby_value", "_modifiedby_value", "_ownerid_value"):
        if prop in table.columns and row.get(prop) is None:
            row[prop] = service.settings.application_user_id
    if "_owningbusinessunit_value" in table.columns:
        row["_owningbusinessunit_value"] = service.settings.business_unit_id
    insert(service, table, row)


def _value(table: Table, name: str, value: Any) -> Any:
    column = table.columns.get(name)
    if column is None:
        raise ValueError(f"the seed of {table.entity_set} has an unknown column: {name}")
    if isinstance(value, datetime):
        value = iso(value)
    return convert(table, column, value, empty_is_null=True)


def _target(service: Service, table: Table, prop: str, row_id: str) -> str:
    """The set a seeded lookup points to; of several, the one that has the row."""
    targets = [target.entity_set for target in table.columns[prop].targets]
    having = (entity_set for entity_set in targets if row_id in service.store.data[entity_set].rows)
    return next(having, targets[-1])


def _check_links(service: Service) -> None:
    """Every seeded lookup must lead somewhere: an account may name a contact that is seeded after it."""
    for data in service.store.data.values():
        for row_id, row in data.rows.items():
            for column in data.table.lookups:
                target = row.get(column.prop)
                if target is not None and not _leads(service, row, column.prop, target, data.table):
                    raise ValueError(f"{data.table.entity_set}({row_id}).{column.prop} leads to no row: {target}")


def _leads(service: Service, row: Mapping[str, Any], prop: str, target: str, table: Table) -> bool:
    chosen = row.get(prop + TARGET) or table.columns[prop].targets[0].entity_set
    return target in service.store.data[chosen].rows
