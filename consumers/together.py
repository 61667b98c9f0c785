"""Many queries in one request: twenty round trips of a full synchronisation become one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import chain
from typing import Any
from uuid import uuid4

import httpx
import orjson

from consumers import multipart
from consumers.odata import JSON, call, get_all, heed
from consumers.sizes import batched, for_its_size
from schemas import dataverse
from schemas.errors import ApiError
from schemas.odata import Row, document, loads

# Business Central takes 100 in a batch (A5): with 50 records each this is 2,000 records in one answer.
_PARTS = 40
_WORTH_IT = 5
_NEXT = "@odata.nextLink"
# The rows of these queries by the place of the query; those that a batch does not answer whole are left out.
Ask = Callable[[Sequence[str]], Awaitable[Mapping[int, list[Row]]]]


async def get_together(client: httpx.AsyncClient, urls: Sequence[str], ask: Ask, parallel: int) -> list[Row]:
    """As `get_all`, in batches. What a batch does not answer whole is asked again by itself; one that fails as a whole,
    in halves.
    """
    found = [await _batch(client, batch, ask, parallel) for batch in batched(urls, _PARTS)]
    return list(chain.from_iterable(found))


async def _batch(client: httpx.AsyncClient, urls: Sequence[str], ask: Ask, parallel: int) -> list[Row]:
    if len(urls) < _WORTH_IT:
        return await get_all(client, urls, parallel)
    try:
        answered = await ask(urls)
    except ApiError as error:
        if not for_its_size(error):
            raise
        halves = batched(urls, -(-len(urls) // 2))
        return [row for half in halves for row in await _batch(client, half, ask, parallel)]
    left = [url for number, url in enumerate(urls) if number not in answered]
    return [*chain.from_iterable(answered.values()), *await get_all(client, left, parallel)]


def in_json(client: httpx.AsyncClient, root: str) -> Ask:
    """As Business Central takes them (A5): urls below one API's `root`, each part found by its id."""

    async def ask(urls: Sequence[str]) -> Mapping[int, list[Row]]:
        requests = [
            {"id": str(number), "method": "GET", "url": url.removeprefix(f"{root}/"), "headers": {"Accept": JSON}}
            for number, url in enumerate(urls)
        ]
        headers = {"Content-Type": JSON}
        return _json(await _asked(client, f"{root}/$batch", orjson.dumps({"requests": requests}), headers, len(urls)))

    return ask


def in_multipart(client: httpx.AsyncClient) -> Ask:
    """As Dataverse takes them (B5): the parts of the answer are in the order of the queries."""

    async def ask(urls: Sequence[str]) -> Mapping[int, list[Row]]:
        boundary, root = f"batch_{uuid4()}", client.base_url.raw_path.decode()
        content = multipart.encode(
            [multipart.Request("GET", root + url, {"Accept": JSON}, b"") for url in urls], boundary
        )
        headers = {"Content-Type": f"multipart/mixed; boundary={boundary}", "Prefer": "odata.continue-on-error"}
        return _parts(await _asked(client, f"{dataverse.API_ROOT}/$batch", content, headers, len(urls)))

    return ask


async def _asked(
    client: httpx.AsyncClient, url: str, content: bytes, headers: Mapping[str, str], parts: int
) -> httpx.Response:
    """It changes nothing, so the governor may repeat it as it repeats any other read."""
    return await call(client, "POST", url, content=content, headers=headers, parts=parts, operation="read")


def _json(response: httpx.Response) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    parts = document(response.status_code, response.content).get("responses")
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, dict) or not isinstance(part.get("status"), int):
            continue
        rows, number = _whole(part["status"], part.get("body")), str(part.get("id"))
        if rows is None:
            heed(response, part["status"], _headers(part))
        elif number.isdecimal():
            found[int(number)] = rows
    return found


def _parts(response: httpx.Response) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    parts = multipart.decode(response.headers.get("Content-Type", ""), response.content)
    if not parts:
        document(response.status_code, response.content)
    for number, part in enumerate(parts):
        rows = _whole(part.status, _loaded(part.body))
        if rows is None:
            heed(response, part.status, part.headers)
        else:
            found[number] = rows
    return found


def _whole(status: int, body: Any) -> list[Row] | None:
    """The rows of a part; None if it failed, or is only a first page."""
    if status != 200 or not isinstance(body, dict) or _NEXT in body:
        return None
    rows = body.get("value")
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else None


def _loaded(body: bytes) -> Any:
    try:
        return loads(body)
    except orjson.JSONDecodeError:
        return None


def _headers(part: Mapping[str, Any]) -> dict[str, str]:
    headers = part.get("headers")
    return {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
