"""`odatapy` on the Business Central simulator at the address given; prints what it found as JSON."""

import datetime
import json
import sys
import uuid
from collections.abc import Callable
from typing import Any

from odatapy.client import (
    EdmEnabledODataClient,
    Field,
    HttpxTransport,
    OAuth2ClientCredentialsAuth,
    ODataClientError,
    URIBuilder,
)
from odatapy.client.filters import EnumValue

SERVER = sys.argv[1]
COMPANY = uuid.UUID("c0a6b5b5-8a3c-4c1e-9d8e-0c0c0c0c0c01")
NOBODY = uuid.UUID(int=7)
SCOPE = "https://api.businesscentral.dynamics.com/.default"

auth = OAuth2ClientCredentialsAuth(f"{SERVER}/contoso/oauth2/v2.0/token", "coupled", "sandbox-secret", SCOPE)
client = EdmEnabledODataClient(f"{SERVER}/v2.0/sandbox/api/v2.0", HttpxTransport(auth=auth))


def customers() -> URIBuilder:
    return client.entity_uri("companies", COMPANY).append_navigation_segment("customers")


def fields(entity: Any) -> dict[str, Any]:
    return {prop.name: prop.value for prop in entity.properties}


def numbers(uri: URIBuilder) -> list[str]:
    return [fields(row)["number"] for row in client.get_entity_set(uri)]


def refusal(call: Callable[[], Any]) -> Any:
    try:
        return {"answered": str(call())}
    except ODataClientError as error:
        return [error.status_code, json.loads(error.response.content)["error"]["code"]]


def metadata() -> dict[str, Any]:
    made = client.get_entity_set(customers().top(1))
    types = {prop.name: str(prop.type) for prop in next(iter(made)).properties}
    return {
        "sets": sorted(entry.name for entry in client.get_service_document().entries)[:3],
        "types": {name: types[name] for name in ("id", "number", "type", "creditLimit", "lastModifiedDateTime")},
        "company": [fields(row)["name"] for row in client.get_entity_set(client.entity_set_uri("companies"))],
    }


def reading() -> dict[str, Any]:
    since = Field("lastModifiedDateTime").gt(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
    person = Field("type").eq(EnumValue("Microsoft.NAV.customerType", "Person"))
    counted = client.get_entity_set(customers().filter(since).count().top(3))
    contains = customers().filter(Field("displayName").contains("a"))
    apart = Field("displayName").eq("a") | Field("number").eq("b")
    return {
        "pages": [len(list(page)) for page in client.iter_pages(customers().select("id"), max_page_size=15)],
        "count": client.get_count(customers().append_count_segment()),
        "counted": [counted.count, len(list(counted))],
        "persons": numbers(customers().filter(person)) == numbers(customers().filter("type eq 'Person'")),
        "contains": refusal(lambda: client.get_entity_set(contains)),
        "newer": len(numbers(contains.copy().custom("$schemaversion", "2.1"))) > 0,
        "apart": refusal(lambda: client.get_entity_set(customers().filter(apart))),
        "set": refusal(lambda: client.get_entity_set(client.entity_uri("companies", COMPANY).append_segment("none"))),
    }


def writing() -> dict[str, Any]:
    made = client.create_entity(customers(), {"displayName": "Öd & 'ata'", "number": " od1 ", "type": "Person"})
    at = customers().append_key_segment(fields(made)["id"])
    changed = client.update_entity(at, {"displayName": "Changed"}, etag=made.etag)
    found: dict[str, Any] = {
        "made": [fields(made)[name] for name in ("number", "displayName", "blocked")],
        "address": made.id == str(at),
        "changed": [changed.status_code, fields(changed.entity)["displayName"], changed.entity.etag != made.etag],
        "by_name": numbers(customers().filter(Field("displayName").eq("Changed"))),
        "stale": refusal(lambda: client.update_entity(at, {"displayName": "No"}, etag=made.etag)),
        "no_etag": refusal(lambda: client.update_entity(at, {"displayName": "No"})),
        "nobody": refusal(lambda: client.get_entity(customers().append_key_segment(NOBODY))),
        "taken": refusal(lambda: client.create_entity(customers(), {"displayName": "No", "number": "OD1"})),
        "stale_delete": refusal(lambda: client.delete_entity(at, etag=made.etag)),
    }
    found["deleted"] = client.delete_entity(at, etag=changed.entity.etag).status_code
    found["gone"] = refusal(lambda: client.get_entity(at))
    return found


def sent(form: str, sizes: list[int]) -> list[int]:
    batch = client.batch(format=form)
    batch.add_retrieve(customers().top(1))
    for size in sizes:
        change_set = batch.add_changeset()
        for number in range(size):
            change_set.create(customers(), {"displayName": f"Of {size}: {number}"})
    return [part.status_code for part in client.execute_batch(batch)]


def batches() -> dict[str, Any]:
    return {
        "json": sent("json", [1]),
        "multipart": sent("multipart", [1, 1]),
        "sets_of_two": refusal(lambda: sent("multipart", [2])),
    }


print(json.dumps({part.__name__: part() for part in (metadata, reading, writing, batches)}))
