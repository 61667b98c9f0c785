"""Microsoft's own client for Python on the Sales simulator at the address given; prints what it found as JSON."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import requests
from azure.core.credentials import AccessToken
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models.filters import col
from PowerPlatform.Dataverse.models.upsert import UpsertItem

SERVER = sys.argv[1]
NOBODY = "11111111-2222-3333-4444-777777777777"


class Credential:
    """What azure-identity would do against the real token endpoint."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        form = {"grant_type": "client_credentials", "client_id": "coupled", "client_secret": "sandbox-secret"}
        answer = requests.post(f"{SERVER}/contoso/oauth2/v2.0/token", {**form, "scope": " ".join(scopes)}, timeout=10)
        body = answer.json()
        return AccessToken(body["access_token"], int(time.time()) + body["expires_in"])


def refusal(call: Callable[[], Any]) -> Any:
    try:
        return {"answered": call()}
    except HttpError as error:
        return [error.status_code, error.details.get("service_error_code")]


def records(client: DataverseClient) -> dict[str, Any]:
    found: dict[str, Any] = {}
    one = client.records.create("account", {"name": "Py", "accountnumber": "P-1"})
    several = client.records.create("account", [{"name": "Py1"}, {"name": "Py2"}])
    client.records.update("account", one, {"telephone1": "1", "customertypecode": "Customer"})
    client.records.update("account", several, [{"telephone1": "4"}, {"telephone1": "5"}])
    read = [client.records.retrieve("account", key, select=["telephone1"]) for key in (one, *several)]
    found["telephones"] = [row["telephone1"] for row in read if row]
    found["label"] = client.records.retrieve("account", one, select=["customertypecode"])["customertypecode"]
    client.records.upsert("account", [UpsertItem({"accountnumber": "UP'9"}, {"name": "Up9"})])
    pair = [UpsertItem({"accountnumber": number}, {"name": number}) for number in ("UP'9", "UP10")]
    client.records.upsert("account", pair)
    rows = client.records.list("account", select=["name", "accountnumber"], filter="startswith(accountnumber,'UP')")
    found["upserted"] = sorted((row["accountnumber"], row["name"]) for row in rows)
    bound = {"lastname": "Py", "parentcustomerid_account@odata.bind": f"/accounts({one})"}
    contact = client.records.retrieve("contact", client.records.create("contact", bound))
    found["bound"] = contact["_parentcustomerid_value"] == one
    pages = [len(list(page)) for page in client.records.list_pages("account", select=["name"], page_size=7)]
    found["pages"] = [set(pages[:-1]), sum(pages) == len(list(client.records.list("account", select=["name"])))]
    found["folded"] = [row["name"] for row in client.query.builder("account").where(col("name") == "PY").execute()]
    client.records.delete("account", several[0])
    found["missing"] = client.records.retrieve("account", several[0])
    found["missing_update"] = refusal(lambda: client.records.update("account", NOBODY, {"name": "No"}))
    found["misspelt"] = refusal(lambda: client.records.create("account", {"nam": "No"}))
    found["sql"] = refusal(lambda: client.query.sql("SELECT name FROM account"))
    return found


def tables(client: DataverseClient) -> dict[str, Any]:
    table = client.tables.get("account")
    (key,) = client.tables.get_alternate_keys("account")
    return {
        "listed": sorted(row["LogicalName"] for row in client.tables.list())[:2],
        "table": [table.logical_name, table.entity_set_name, table.primary_id_attribute],
        "key": [key.schema_name, key.key_attributes, key.status],
        "columns": sorted(row["name"] for row in client.query.sql_columns("account"))[:2],
    }


def batches(client: DataverseClient) -> dict[str, Any]:
    batch = client.batch.new()
    with batch.changeset() as change_set:
        made = change_set.records.create("account", {"name": "Set"})
        change_set.records.create("contact", {"lastname": "Of", "parentcustomerid_account@odata.bind": made})
        change_set.records.update("account", made, {"telephone1": "7"})
    found: dict[str, Any] = {"set": [part.status_code for part in batch.execute().responses]}
    rows = client.records.list("account", select=["telephone1"], filter="name eq 'Set'")
    found["stored"] = [row["telephone1"] for row in rows]
    undone = client.batch.new()
    with undone.changeset() as change_set:
        change_set.records.create("account", {"name": "Undone"})
        change_set.records.delete("account", NOBODY)
    found["undone"] = [part.error_code for part in undone.execute(continue_on_error=True).responses]
    found["left"] = len(list(client.records.list("account", select=["name"], filter="name eq 'Undone'")))
    for name, go_on in (("stopped", False), ("continued", True)):
        several = client.batch.new()
        several.records.create("account", {"name": "B1"})
        several.records.delete("account", NOBODY)
        several.records.create("account", {"name": name})
        made = refusal(lambda several=several, go_on=go_on: several.execute(continue_on_error=go_on))
        found[name] = [part.status_code for part in made["answered"].responses] if go_on else made
        rows = client.records.list("account", select=["name"], filter=f"name eq '{name}'")
        found[name].append(len(list(rows)))
    return found


with DataverseClient(SERVER, Credential()) as dataverse:
    result = {part.__name__: part(dataverse) for part in (records, tables, batches)}
print(json.dumps(result, default=list))
