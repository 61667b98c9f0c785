"""`dynamics-client` on the Sales simulator at the address given; prints what it found as JSON."""

import json
import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any

warnings.simplefilter("ignore")
from dynamics.client import DynamicsClient  # noqa: E402

logging.disable(logging.CRITICAL)
SERVER = sys.argv[1]


def client(table: str = "accounts", **given: str) -> DynamicsClient:
    wanted = {"client_id": "coupled", "client_secret": "sandbox-secret", "scope": f"{SERVER}/.default", **given}
    token = f"{SERVER}/contoso/oauth2/v2.0/token"
    made = DynamicsClient(f"{SERVER}/api/data/v9.2", token, cache_token=False, **wanted)
    made.table = table
    return made


def refusal(call: Callable[[], Any]) -> list[str]:
    try:
        return ["answered", str(call())]
    except Exception as error:  # the client's and its OAuth library's
        return [type(error).__name__, str(error)]


found: dict[str, Any] = {}
paged = client()
paged.select, paged.pagesize, paged.order_by, paged.count = ["name"], 7, {"name": "asc"}, True
first = paged.get()
found["page"] = [len(first.data), first.next_link is not None]
found["two"] = len(paged.get(pagination_rules={"pages": 1}).data)
found["all"] = len(paged.get(pagination_rules={"pages": -1}).data) == first.count

written = client()
written.select = ["name"]
made = written.post({"name": "Dc"}).data
written.row_id = made["accountid"]
found["patched"] = written.patch({"name": "Dc2"}).data["name"]
found["read"] = [row["name"] for row in written.get().data]
found["duplicate"] = refusal(lambda: client().post({"accountid": made["accountid"], "name": "No"}))
found["misspelt"] = refusal(lambda: client().post({"Name": "No"}))
written.delete()
found["gone"] = refusal(written.get)
found["whoami"] = sorted(name for name in client().functions.whoami().data[0] if not name.startswith("@"))
for name, given in (
    ("secret", {"client_secret": "wrong"}),
    ("client", {"client_id": "nobody"}),
    ("scope", {"scope": "https://elsewhere.example/.default"}),
):
    found[name] = refusal(client(**given).get)
print(json.dumps(found))
