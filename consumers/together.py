"""Many queries of Business Central in one request: twenty round trips of a full synchronisation become one."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import httpx
import orjson

from consumers.odata import JSON, call, get_all, heed
from schemas.errors import ApiError
from schemas.odata import Row, document

# Of the 100 that a batch may have (A5): with 50 records each this is 2,000 records in one answer.
_PARTS = 40
_WORTH_IT = 5
_NEXT = "@odata.nextLink"


async def get_together(client: httpx.AsyncClient, root: str, urls: Sequence[str], parallel: int) -> list[Row]:
    """As `get_all`, for urls below one API's `root`. What a batch does not answer whole is asked again by itself."""
    if len(urls) < _WORTH_IT:
        return await get_all(client, urls, parallel)
    batches = [urls[start : start + _PARTS] for start in range(0, len(urls), _PARTS)]
    found = [await _batch(client, root, batch, parallel) for batch in batches]
    return list(chain.from_iterable(found))


async def _batch(client: httpx.AsyncClient, root: str, urls: Sequence[str], parallel: int) -> list[Row]:
    requests = [
        {"id": str(number), "method": "GET", "url": url.removeprefix(f"{root}/"), "headers": {"Accept": JSON}}
        for number, url in enumerate(urls)
    ]
    content, headers = orjson.dumps({"requests": requests}), {"Content-Type": JSON}
    try:
        # It changes nothing, so the governor may repeat it as it repeats any other read.
        answered = _answers(
            await call(
                client, "POST", f"{root}/$batch", content=content, headers=headers, parts=len(urls), operation="read"
            )
        )
    except ApiError as error:
        if error.transient:
            raise
        answered = {}
    whole = [answered[str(number)] for number in range(len(urls)) if str(number) in answered]
    left = [url for number, url in enumerate(urls) if str(number) not in answered]
    return [*chain.from_iterable(whole), *await get_all(client, left, parallel)]


def _answers(response: httpx.Response) -> dict[str, list[Row]]:
    """The rows by the id of their part; a part that failed, or is only a first page, is left out."""
    found: dict[str, list[Row]] = {}
    parts = document(response.status_code, response.content).get("responses")
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, dict):
            continue
        status, body = part.get("status"), part.get("body")
        if status == 200 and isinstance(body, dict) and _NEXT not in body and _is_rows(body.get("value")):
            found[str(part.get("id"))] = body["value"]
        elif isinstance(status, int):
            heed(response, status, _headers(part))
    return found


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _headers(part: Mapping[str, Any]) -> dict[str, str]:
    headers = part.get("headers")
    return {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
