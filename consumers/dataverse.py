"""Writing to Sales, and looking things up there (wire-protocols B3, B5)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx
import orjson

from consumers import multipart
from consumers.odata import JSON, Watch, answer, call, deliver, direct, heed, unanswered, unwatched
from consumers.sizes import Size
from consumers.together import get_together, in_multipart
from schemas import dataverse, rows
from schemas.canonical import canonical
from schemas.mapping import ChildReference, Table, TableMapping
from schemas.odata import Row, any_of, document, query
from schemas.side import Side
from schemas.write import Answer, Write

_REPRESENTATION = "return=representation"


class DataverseTarget:
    """Creates under ids we chose (`If-None-Match: *`, promise 2), changes and deletes only what is still at the
    known version.

    `parallel` requests are made ready at once; how many of them run, the governor decides (promise 9).
    """

    def __init__(
        self, client: httpx.AsyncClient, batch_size: int = 100, parallel: int = 48, watch: Watch = unwatched
    ) -> None:
        self._client, self._batch_size, self._parallel = client, min(batch_size, 1000), parallel
        self._sizes: dict[str, Size] = {}
        self._watched = watch(Side.SALES, self._send)

    async def write(self, writes: Sequence[Write]) -> Sequence[Answer]:
        return await deliver(
            Side.SALES,
            writes,
            self._watched,
            group=lambda write: write.mapping.sales.name,
            size=lambda table: self._sizes.setdefault(table, Size(self._batch_size)),
            parallel=self._parallel,
        )

    async def _send(self, writes: Sequence[Write]) -> Sequence[Answer]:
        if len(writes) == 1:
            method, url, body, headers = _request(writes[0])
            return [await direct(self._client, method, url, body, headers)]
        boundary = f"batch_{uuid4()}"
        headers = {"Content-Type": f"multipart/mixed; boundary={boundary}", "Prefer": "odata.continue-on-error"}
        content = multipart.encode([self._part(write) for write in writes], boundary)
        url = f"{dataverse.API_ROOT}/$batch"
        response = await call(self._client, "POST", url, content=content, headers=headers, parts=len(writes))
        return _answers(response, len(writes))

    def _part(self, write: Write) -> multipart.Request:
        method, url, body, headers = _request(write)
        target = self._client.base_url.raw_path.decode() + url
        if body is None:
            return multipart.Request(method, target, {**headers, "Accept": JSON}, b"")
        return multipart.Request(method, target, {**headers, "Content-Type": JSON, "Accept": JSON}, orjson.dumps(body))

    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]:
        found = await self.find(mapping, mapping.sales.id, ids)
        return {rows.record_id(mapping.sales, row): row for row in found}

    async def find(
        self, mapping: TableMapping, field: str, values: Sequence[Any], *, ignore_case: bool = False
    ) -> Sequence[Row]:
        """Dataverse compares text without case, so rows that differ in case are found too (B3)."""
        table = mapping.sales
        column = dataverse.column(mapping, field)
        columns = dict.fromkeys([*rows.select(Side.SALES, table.name, (mapping,)), column])
        urls = [
            dataverse.path(table.name) + query(select=",".join(columns), filter=text)
            for text in any_of(column, values, table.id)
        ]
        return await self._together(urls)

    async def references(self, table: Table, ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for reference in table.references:
            parent = f"_{reference.parent}_value"
            for child in await self._children(reference, parent, ids):
                if child.get(parent) and child.get(reference.field) and reference.where.matches(child):
                    names = found.setdefault(str(child[parent]).lower(), {})
                    names.setdefault(reference.name, str(canonical(child[reference.field])))
        return found

    async def _children(self, reference: ChildReference, parent: str, ids: Sequence[str]) -> Sequence[Row]:
        columns = dict.fromkeys([reference.field, parent, *sorted(reference.where.fields)])
        urls = [
            dataverse.path(reference.child) + query(select=",".join(columns), filter=text)
            for text in any_of(parent, ids)
        ]
        return await self._together(urls)

    async def _together(self, urls: Sequence[str]) -> list[Row]:
        return await get_together(self._client, urls, in_multipart(self._client), self._parallel)


def _request(write: Write) -> tuple[str, str, dict[str, Any] | None, dict[str, str]]:
    """Method, url, body, headers."""
    mapping = write.mapping
    url = f"{dataverse.path(mapping.sales.name)}({write.id})"
    if write.deletes:
        return "DELETE", url, None, {"If-Match": str(write.version)}
    columns = rows.select(Side.SALES, mapping.sales.name, (mapping,))
    condition = {"If-None-Match": "*"} if write.version is None else {"If-Match": write.version}
    body = rows.body(mapping, Side.SALES, write.fields, write.blanks)
    return "PATCH", url + query(select=",".join(columns)), body, {**condition, "Prefer": _REPRESENTATION}


def _answers(response: httpx.Response, count: int) -> Sequence[Answer]:
    """One answer per part, in order (B5). ApiError if the batch failed as a whole."""
    parts = multipart.decode(response.headers.get("Content-Type", ""), response.content)
    if not parts:
        document(response.status_code, response.content)
        raise unanswered()
    for part in parts:
        heed(response, part.status, part.headers)
    found = [answer(part.status, part.body) if part.status else unanswered() for part in parts[:count]]
    return found + [unanswered() for _ in range(count - len(found))]
