"""The demo's edits: a customer, a contact and a product on each side, and how each shows on the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from daemon.settings import Auth, Settings

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    title: str
    make: Callable[[], object]
    arrived: Callable[[], bool]


def sign_in(settings: Settings) -> tuple[httpx.Client, httpx.Client]:
    """A plain client for each API, as somebody else's: nothing of the daemon's own clients is in the way."""
    bc, sales = settings.business_central, settings.sales
    return _client(f"{bc.url}/api/v2.0/", bc.auth, bc.scope), _client(
        f"{sales.url}/api/data/v9.2/", sales.auth, sales.scope
    )


def _client(url: str, auth: Auth, scope: str) -> httpx.Client:
    form = {
        "grant_type": "client_credentials",
        "client_id": auth.client_id,
        "client_secret": auth.secret().get_secret_value(),
        "scope": scope,
    }
    token = httpx.post(auth.token_endpoint, data=form).raise_for_status().json()["access_token"]
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)


def edits(bc: httpx.Client, sales: httpx.Client) -> Iterator[Edit]:
    """Six edits of coupled records. A partner created in Sales by the full synchronisation has the BC record's id."""
    company = _rows(bc, "companies")[0]["id"]
    for entity_set, field, partner_set, partner_field in (
        ("customers", "addressLine1", "accounts", "address1_line1"),
        ("contacts", "jobTitle", "contacts", "jobtitle"),
        ("items", "displayName", "products", "name"),
    ):
        row = _coupled(bc, sales, f"companies({company})/{entity_set}", partner_set)
        path, partner = f"companies({company})/{entity_set}({row['id']})", f"{partner_set}({row['id']})"
        there, back = f"Edited in BC {row['number']}", f"Edited in Sales {row['number']}"
        title = f"{entity_set} {row['number']}.{field}"
        yield Edit(
            f"BC → Sales   {title}", _bc_edit(bc, path, field, there), _shows(sales, partner, partner_field, there)
        )
        yield Edit(
            f"Sales → BC   {title}", _sales_edit(sales, partner, partner_field, back), _shows(bc, path, field, back)
        )


def _coupled(bc: httpx.Client, sales: httpx.Client, entity_set: str, partner_set: str) -> Row:
    """The first BC record that has a partner in Sales."""
    for row in _rows(bc, entity_set):
        if sales.get(f"{partner_set}({row['id']})").status_code == 200:
            return row
    raise LookupError(f"no record of {entity_set} has a partner in Sales")


def _rows(client: httpx.Client, path: str) -> list[Row]:
    found: list[Row] = client.get(path).raise_for_status().json()["value"]
    return found


def _bc_edit(bc: httpx.Client, path: str, field: str, value: str) -> Callable[[], object]:
    return lambda: bc.patch(path, json={field: value}, headers={"If-Match": "*"}).raise_for_status()


def _sales_edit(sales: httpx.Client, path: str, field: str, value: str) -> Callable[[], object]:
    return lambda: sales.patch(path, json={field: value}, headers={"If-Match": "*"}).raise_for_status()


def _shows(client: httpx.Client, path: str, field: str, value: str) -> Callable[[], bool]:
    return lambda: client.get(path).raise_for_status().json().get(field) == value
