"""Security roles: what each request needs and the application user holds, and how both are told (wire-protocols B1)."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from daemon.sandbox.dataverse.context import Reply, Request, Service, json_reply
from daemon.sandbox.dataverse.errors import no_privilege
from daemon.sandbox.dataverse.tables import Table

FUNCTION = "Microsoft.Dynamics.CRM.RetrieveUserPrivileges"
_VERBS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")


def allow(service: Service, request: Request, table: Table, verb: str) -> None:
    """403 when the organisation's settings withhold this privilege from the caller."""
    name = _name(table, verb)
    if name in service.settings.missing_privileges:
        raise no_privilege(name, request.caller)


def of_table(table: Table) -> list[dict[str, Any]]:
    """`Privileges` of an entity definition."""
    return [
        {"Name": _name(table, verb), "PrivilegeId": _id(_name(table, verb)), "PrivilegeType": verb} for verb in _VERBS
    ]


def held(service: Service, request: Request) -> Reply:
    """The answer of RetrieveUserPrivileges: what the roles of the user grant, each with how far it reaches."""
    names = [_name(table, verb) for table in service.store.tables.values() for verb in _VERBS]
    own = {f"prvRead{service.store.tables[name].schema}" for name in service.settings.without_org_read}
    roles = [
        {
            "Depth": "Basic" if name in own else "Global",
            "PrivilegeId": _id(name),
            "BusinessUnitId": service.settings.business_unit_id,
            "PrivilegeName": name,
        }
        for name in names
        if name not in service.settings.missing_privileges
    ]
    context = f"{request.base}/$metadata#Microsoft.Dynamics.CRM.RetrieveUserPrivilegesResponse"
    return json_reply(200, {"@odata.context": context, "RolePrivileges": roles})


def _name(table: Table, verb: str) -> str:
    return f"prv{verb}{table.schema}"


def _id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))
