"""`$metadata` (CSDL) and the service document, made from the field definitions (wire-protocols A1)."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import quoteattr

from daemon.sandbox.business_central.tables import CONTACTS_INFORMATION, EDM, TABLES, Field, Table

_NAMESPACE = "Microsoft.NAV"


def tables_of(api: str) -> list[Table]:
    """The entity sets of an API; every one has `companies`."""
    return [table for table in TABLES.values() if table.api == api or table.set_name == "companies"]


def service_document(root: str, api: str) -> dict[str, Any]:
    """The list of entity sets at the API root."""
    sets = [{"name": table.set_name, "kind": "EntitySet", "url": table.set_name} for table in tables_of(api)]
    return {"@odata.context": f"{root}/$metadata", "value": sets}


def metadata_xml(api: str) -> str:
    """The CSDL document of an API."""
    tables = tables_of(api)
    typed = [*tables, CONTACTS_INFORMATION] if any(table.parts for table in tables) else tables
    body = "".join(_entity_type(table, tables) for table in typed)
    body += "".join(_enum_type(table, field) for table in typed for field in table.fields.values() if field.members)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{_NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f"{body}{_container(tables)}</Schema></edmx:DataServices></edmx:Edmx>"
    )


def _entity_type(table: Table, tables: list[Table]) -> str:
    key = next(iter(table.fields))
    parts = "".join(
        f'<NavigationProperty Name="{part}" Type="Collection({_NAMESPACE}.{CONTACTS_INFORMATION.entity})" '
        'ContainsTarget="true"/>'
        for part in table.parts
    )
    if table.set_name == "companies":
        parts = "".join(
            f'<NavigationProperty Name="{other.set_name}" Type="Collection({_NAMESPACE}.{other.entity})" '
            'ContainsTarget="true"/>'
            for other in tables
            if other is not table
        )
    properties = "".join(_property(table, field) for field in table.fields.values())
    return f'<EntityType Name="{table.entity}"><Key><PropertyRef Name="{key}"/></Key>{properties}{parts}</EntityType>'


def enum_types(table: Table) -> frozenset[str]:
    """The qualified names of the enumeration types of a table's fields, which a filter may put before a member."""
    return frozenset(_type_of(table, field) for field in table.fields.values() if field.members)


def _type_of(table: Table, field: Field) -> str:
    if field.members:
        return f"{_NAMESPACE}.{_enum_name(table, field)}"
    return EDM[field.kind]


def _enum_name(table: Table, field: Field) -> str:
    return f"{table.entity}{field.name[0].upper()}{field.name[1:]}"


def _property(table: Table, field: Field) -> str:
    attributes = f"Name={quoteattr(field.name)} Type={quoteattr(_type_of(table, field))}"
    if field.name == next(iter(table.fields)):
        attributes += ' Nullable="false"'
    if field.length:
        attributes += f' MaxLength="{field.length}"'
    if field.kind == "decimal":
        attributes += ' Scale="Variable"'
    if not field.read_only:
        return f"<Property {attributes}/>"
    annotation = '<Annotation Term="Org.OData.Core.V1.Computed" Bool="true"/>'
    return f"<Property {attributes}>{annotation}</Property>"


def _enum_type(table: Table, field: Field) -> str:
    members = "".join(f'<Member Name="{name}" Value="{n}"/>' for n, name in enumerate(field.members))
    return f'<EnumType Name="{_enum_name(table, field)}">{members}</EnumType>'


def _container(tables: list[Table]) -> str:
    sets = "".join(
        f'<EntitySet Name="{table.set_name}" EntityType="{_NAMESPACE}.{table.entity}">{_bindings(table, tables)}'
        "</EntitySet>"
        for table in tables
    )
    return f'<EntityContainer Name="NAV">{sets}</EntityContainer>'


def _bindings(table: Table, tables: list[Table]) -> str:
    if table.set_name != "companies":
        return ""
    return "".join(
        f'<NavigationPropertyBinding Path="{other.set_name}" Target="{other.set_name}"/>'
        for other in tables
        if other is not table
    )
