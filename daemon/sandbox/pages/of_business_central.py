"""Business Central's tables as the pages show them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from daemon.sandbox.business_central.relations import RELATIONS
from daemon.sandbox.business_central.rows import BY_MODIFIED
from daemon.sandbox.business_central.settings import BcSettings
from daemon.sandbox.business_central.store import Store
from daemon.sandbox.business_central.tables import TABLES, Field, Table, stored_in
from daemon.sandbox.identity import Identity
from daemon.sandbox.pages import model

CLIENT = "a person at the sandbox's pages"
_FIRST = ("number", "code", "displayName", "name", "currencyCode", "startingDate")
_THEN = ("email", "phoneNumber", "city", "companyName", "unitPrice", "exchangeRateAmount", "symbol")
_LAST = ("lastModifiedDateTime",)
_ESCAPED = re.compile(r"_x([0-9A-F]{4})_")


def side(settings: BcSettings, store: Store, identity: Identity) -> model.Side:
    """The company of the environment."""
    root = f"/v2.0/{settings.environment}/api"

    def rows(name: str) -> Iterator[model.Row]:
        held = store.rows(name)
        found = (held.get(key[-1]) for key in reversed(held.keys(BY_MODIFIED)))
        return (record.values for record in found if record is not None)

    return model.Side(
        title="Business Central",
        address=f"{root}/v2.0",
        tables={name: _table(table, root, settings.company_id) for name, table in TABLES.items()},
        rows=rows,
        count=lambda name: len(store.rows(name)),
        sign_in=lambda: identity.issue(CLIENT, settings.audience),
        told={},
    )


def _table(table: Table, root: str, company: str) -> model.Table:
    inside = "" if table.set_name == "companies" else f"companies({company})/"
    return model.Table(
        table.set_name,
        table.caption,
        f"{root}/{table.api}/{inside}{table.set_name}",
        "id",
        {name: _field(table, field) for name, field in table.fields.items()},
        tuple(name for name in (*_FIRST, *_THEN, *_LAST) if name in table.fields),
        table.verbs,
    )


def _field(table: Table, field: Field) -> model.Field:
    targets = [one.target for one in RELATIONS if (one.table, one.field) == (stored_in(table).set_name, field.name)]
    kinds: dict[str, model.Kind] = {"decimal": "number", "int": "number", "bool": "choice", "enum": "choice"}
    choices = (
        ((True, "Yes"), (False, "No")) if field.kind == "bool" else tuple((one, _plain(one)) for one in field.members)
    )
    return model.Field(
        field.name,
        kinds.get(field.kind, "text"),
        length=field.length,
        choices=choices,
        targets=tuple((target, "") for target in targets),
        on_create=not field.read_only,
        on_update=not field.read_only,
        required=field.name in table.mandatory,
        blank="" if field.kind in {"text", "code", "guid"} else None,
    )


def _plain(member: str) -> str:
    """A member's name without its escapes."""
    return _ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), member).strip() or "(blank)"
