"""`EntityDefinitions` and `$metadata`: what tables and columns there are (wire-protocols B4.1, D121)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import quoteattr

from daemon.sandbox.dataverse import privileges
from daemon.sandbox.dataverse.context import Reply, Request, Service, json_reply
from daemon.sandbox.dataverse.errors import DataverseError, bad_request, no_segment
from daemon.sandbox.dataverse.tables import OPTIONS, Column, Kind, Table
from daemon.sandbox.dataverse.values import edm_type
from daemon.sandbox.filters import FilterError, compile_filter

_CAPABILITIES = "Org.OData.Capabilities.V1.ChangeTracking"


def definitions(service: Service, request: Request, segments: Sequence[str]) -> Reply:
    """`EntityDefinitions`, one of them by LogicalName, its Attributes and Keys."""
    tables = service.store.tables.values()
    key = segments[0].removeprefix("EntityDefinitions")
    if not key:
        return _collection(request, "EntityDefinitions", [_definition(service, table) for table in tables])
    table = next(
        (table for table in tables if key in (f"(LogicalName='{table.logical}')", f"({_id(table.logical)})")), None
    )
    if table is None:
        raise DataverseError(404, "0x80060888", f"Could not find an entity with the specified key: {key}")
    if len(segments) == 1:
        return _single(request, "EntityDefinitions", _definition(service, table))
    kind, _, one = segments[1].partition("(")
    if kind == "Keys":
        return _collection(request, "Keys", _keys(service, table))
    if kind != "Attributes":
        raise no_segment(segments[1])
    found = [_attribute(service, table, column) for column in table.columns.values()]
    if one:
        name = one.removeprefix("LogicalName='").removesuffix("')")
        found = [attribute for attribute in found if attribute["LogicalName"] == name]
        if not found:
            raise DataverseError(404, "0x80060888", f"Could not find an attribute with the name: {name}")
        return _single(request, "Attributes", found[0])
    return _collection(request, "Attributes", _of_type(found, segments[2:]))


def _of_type(attributes: list[dict[str, Any]], cast: Sequence[str]) -> list[dict[str, Any]]:
    """`/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata` keeps the attributes of that type."""
    if not cast:
        return attributes
    return [attribute for attribute in attributes if attribute["@odata.type"] == f"#{cast[0]}"]


def _id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))


def _label(text: str) -> dict[str, Any]:
    label = {"Label": text, "LanguageCode": 1033, "IsManaged": True}
    return {"LocalizedLabels": [label], "UserLocalizedLabel": label}


def _definition(service: Service, table: Table) -> dict[str, Any]:
    return {
        "MetadataId": _id(table.logical),
        "LogicalName": table.logical,
        "SchemaName": table.schema,
        "DisplayName": _label(table.schema),
        "EntitySetName": table.entity_set,
        "LogicalCollectionName": table.entity_set,
        "PrimaryIdAttribute": table.primary_id,
        "PrimaryNameAttribute": table.primary_name,
        "ObjectTypeCode": table.type_code,
        "OwnershipType": "OrganizationOwned" if table.org_owned else "UserOwned",
        "IsCustomEntity": False,
        "IsPrivate": False,
        "Privileges": privileges.of_table(table),
        "ChangeTrackingEnabled": table.entity_set in service.settings.change_tracking,
    }


def _attribute(service: Service, table: Table, column: Column) -> dict[str, Any]:
    kind = "DateTime" if column.kind is Kind.DATE else str(column.kind)
    found: dict[str, Any] = {
        "@odata.type": f"#Microsoft.Dynamics.CRM.{kind}AttributeMetadata",
        "MetadataId": _id(f"{table.logical}.{column.name}"),
        "LogicalName": column.name,
        "SchemaName": column.name,
        "EntityLogicalName": table.logical,
        "AttributeOf": None,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": f"{kind}Type"},
        "DisplayName": _label(column.name),
        "RequiredLevel": {"Value": _required_level(column)},
        "IsPrimaryId": column.name == table.primary_id,
        "IsPrimaryName": column.name == table.primary_name,
        "IsValidForRead": True,
        "IsValidForCreate": not column.read_only and not column.update_only,
        "IsValidForUpdate": not column.read_only and not column.insert_only,
        "MaxLength": column.max_length or None,
        "Targets": [service.store.tables[target.entity_set].logical for target in column.targets] or None,
    }
    if column.kind in OPTIONS:
        options = [{"Value": value, "Label": _label(text)} for value, text in column.options.items()]
        found["OptionSet"] = {"Name": f"{table.logical}_{column.name}", "Options": options}
    return found


def _required_level(column: Column) -> str:
    """ApplicationRequired is for forms; the Web API enforces only SystemRequired (B2, D79)."""
    return "SystemRequired" if column.required else "ApplicationRequired" if column.form_required else "None"


def _keys(service: Service, table: Table) -> list[dict[str, Any]]:
    return [
        {
            "MetadataId": _id(f"{table.logical}.{'.'.join(key)}"),
            "LogicalName": "_".join(key),
            "SchemaName": "_".join(key),
            "EntityLogicalName": table.logical,
            "DisplayName": _label("_".join(key)),
            "KeyAttributes": list(key),
            "EntityKeyIndexStatus": "Active",
        }
        for key in service.settings.alternate_keys.get(table.entity_set, ())
    ]


def _query(request: Request) -> Mapping[str, str]:
    pairs = (pair.partition("=") for pair in request.query.split("&") if pair)
    return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}


def _no_property(name: str) -> DataverseError:
    return bad_request(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.Metadata'.")


def _selected(request: Request, item: Mapping[str, Any]) -> dict[str, Any]:
    select = _query(request).get("$select")
    names = [name.strip() for name in select.split(",")] if select else list(item)
    unknown = [name for name in names if name not in item]
    if unknown and "OptionSet" not in unknown:
        raise _no_property(unknown[0])
    kept = ("@odata.type", "MetadataId", "OptionSet" if "$expand" in _query(request) else "")
    return {name: value for name, value in item.items() if name in names or name in kept}


def _single(request: Request, name: str, item: Mapping[str, Any]) -> Reply:
    return json_reply(200, {"@odata.context": f"{request.base}/$metadata#{name}/$entity", **_selected(request, item)})


def _collection(request: Request, name: str, items: Sequence[Mapping[str, Any]]) -> Reply:
    text = _query(request).get("$filter")
    try:
        chosen = compile_filter(text, case_insensitive=False) if text else None
    except FilterError as error:
        raise bad_request(str(error), "0x80060888") from error
    unknown = chosen.fields - items[0].keys() if chosen and items else ()
    if unknown:
        raise _no_property(min(unknown))
    rows = [_selected(request, item) for item in items if chosen is None or chosen.matches(item)]
    return json_reply(200, {"@odata.context": f"{request.base}/$metadata#{name}", "value": rows})


def csdl(service: Service, request: Request) -> Reply:
    """`$metadata`: entity types with their properties and navigation properties, and the entity sets."""
    tables = service.store.tables
    types = "".join(_entity_type(tables, table) for table in tables.values())
    annotated = "annotations" in _query(request)
    sets = "".join(_entity_set(service, table, annotated=annotated) for table in tables.values())
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        '<Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        '<EntityType Name="crmbaseentity" Abstract="true" />'
        f'{types}<EntityContainer Name="System">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    )
    return Reply(200, {"Content-Type": "application/xml"}, text.encode())


def _entity_type(tables: Mapping[str, Table], table: Table) -> str:
    properties = "".join(_property(column) for column in table.columns.values())
    links = "".join(
        f'<NavigationProperty Name={quoteattr(name)} Type="mscrm.{tables[target.entity_set].logical}" Nullable="true">'
        f"<ReferentialConstraint Property={quoteattr(column.prop)} "
        f'ReferencedProperty="{tables[target.entity_set].primary_id}" /></NavigationProperty>'
        for name, (column, target) in table.binds.items()
    )
    key = f'<Key><PropertyRef Name="{table.key}" /></Key>'
    base = 'BaseType="mscrm.crmbaseentity"'
    return f'<EntityType Name="{table.logical}" {base}>{key}{properties}{links}</EntityType>'


def _property(column: Column) -> str:
    length = f' MaxLength="{column.max_length}"' if column.max_length else ""
    scale = f' Scale="{column.places}"' if column.places else ""
    return f'<Property Name="{column.prop}" Type="{edm_type(column.kind)}"{length}{scale} />'


def _entity_set(service: Service, table: Table, *, annotated: bool) -> str:
    links = "".join(
        f'<NavigationPropertyBinding Path="{name}" Target="{target.entity_set}" />'
        for name, (_, target) in table.binds.items()
    )
    if annotated:
        tracked = str(table.entity_set in service.settings.change_tracking).lower()
        record = f'<Record><PropertyValue Property="Supported" Bool="{tracked}" /></Record>'
        links += f'<Annotation Term="{_CAPABILITIES}">{record}</Annotation>'
    return (
        f'<EntitySet Name="{table.entity_set}" EntityType="Microsoft.Dynamics.CRM.{table.logical}">{links}</EntitySet>'
    )
