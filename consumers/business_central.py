"""Writing to Business Central, and looking things up there (wire-protocols A3, A5)."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import orjson

from consumers.odata import JSON, Watch, answer, call, deliver, direct, get_all, heed, unanswered, unwatched
from consumers.sizes import Size
from consumers.together import get_together, in_json
from schemas import business_central as bc
from schemas import rows
from schemas.canonical import as_code, is_code
from schemas.mapping import Table, TableMapping
from schemas.odata import Row, any_of, document, query
from schemas.side import Side
from schemas.write import Answer, Write

_LARGEST_BATCH = 100
# A batch may run 8 minutes before BC cuts it off, and what it created by then we must find by looking (A6): where no
# number of ours makes BC refuse a second one, little is at stake at once.
_LARGEST_BLIND_BATCH = 20
# API, entity set, and whether BC chooses the number.
_Group = tuple[str, str, bool]


class BusinessCentralTarget:
    """Creates with POST (the service chooses the id), changes and deletes only what is still at the known version."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        company_id: str,
        batch_size: int = _LARGEST_BATCH,
        parallel: int = 5,
        watch: Watch = unwatched,
    ) -> None:
        self._client, self._company = client, company_id
        self._batch_size, self._parallel = min(batch_size, _LARGEST_BATCH), parallel
        self._sizes: dict[_Group, Size] = {}
        self._watched = watch(Side.BC, self._send)

    async def write(self, writes: Sequence[Write]) -> Sequence[Answer]:
        return await deliver(
            Side.BC,
            writes,
            self._watched,
            group=lambda write: (write.mapping.bc.api, write.mapping.bc.name, _is_blind(write)),
            size=self._size,
            parallel=self._parallel,
        )

    def _size(self, group: _Group) -> Size:
        *_, blind = group
        most = min(self._batch_size, _LARGEST_BLIND_BATCH) if blind else self._batch_size
        return self._sizes.setdefault(group, Size(most, blind=blind))

    async def _send(self, writes: Sequence[Write]) -> Sequence[Answer]:
        root = bc.api_root(writes[0].mapping.bc.api)
        if len(writes) == 1:
            method, url, headers, body = self._request(writes[0])
            return [await direct(self._client, method, f"{root}/{url}", body, headers)]
        # No `Isolation` header: each part stands alone, and a reverted one does not claim success (A5).
        parts = [self._part(number, write) for number, write in enumerate(writes)]
        content = orjson.dumps({"requests": parts})
        headers = {"Content-Type": JSON}
        response = await call(
            self._client, "POST", f"{root}/$batch", content=content, headers=headers, parts=len(writes)
        )
        return _answers(response, len(writes))

    def _part(self, number: int, write: Write) -> dict[str, Any]:
        method, url, headers, body = self._request(write)
        part = {"id": str(number), "method": method, "url": url, "headers": headers}
        return part if body is None else {**part, "headers": {**headers, "Content-Type": JSON}, "body": body}

    def _request(self, write: Write) -> tuple[str, str, dict[str, str], dict[str, Any] | None]:
        """Method, url below the API's root, headers, body."""
        url = f"companies({self._company})/{write.mapping.bc.name}"
        if write.deletes:
            return "DELETE", f"{url}({write.id})", {"If-Match": str(write.version)}, None
        body = rows.body(write.mapping, Side.BC, write.fields, write.blanks)
        if write.version is None:
            return "POST", url, {}, body
        return "PATCH", f"{url}({write.id})", {"If-Match": write.version}, body

    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]:
        found = await self.find(mapping, mapping.bc.id, ids)
        return {rows.record_id(mapping.bc, row): row for row in found}

    async def find(
        self, mapping: TableMapping, field: str, values: Sequence[Any], *, ignore_case: bool = False
    ) -> Sequence[Row]:
        """BC compares text to the letter; codes are stored upper-case, so they are sought so (A2).

        To ignore case of other text the whole table is read: BC's `tolower` is not dependable (A3).
        """
        table = mapping.bc
        wanted = [as_code(value) for value in values] if is_code(field) else values
        columns = dict.fromkeys([*rows.select(Side.BC, table.name, (mapping,)), field])
        real = [name for name in columns if name not in bc.CURRENCY_FIELDS]
        if not ignore_case or is_code(field):
            return await self._where(table, real, field, wanted)
        url = bc.path(table, self._company) + query(select=",".join(real), expand=bc.expand(table))
        folded = {str(value).casefold() for value in values}
        every = await get_all(self._client, [url], self._parallel)
        return [row for row in every if str(row.get(field, "")).strip().casefold() in folded]

    async def references(self, table: Table, ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        columns = list(dict.fromkeys(name for name in (table.id, table.key) if name))
        found = await self._where(table, columns, table.id, ids)
        return {rows.record_id(table, row): bc.references(table, row) for row in found}

    async def _where(self, table: Table, columns: Sequence[str], field: str, values: Sequence[Any]) -> list[Row]:
        """`or` joins conditions on one field only, which is all BC takes (A3)."""
        urls = [
            bc.path(table, self._company) + query(select=",".join(columns), expand=bc.expand(table), filter=text)
            for text in any_of(field, values, table.id)
        ]
        return await get_together(self._client, urls, in_json(self._client, bc.api_root(table.api)), self._parallel)


def _is_blind(write: Write) -> bool:
    """Does it create a record whose number or code BC chooses?"""
    return write.version is None and not write.fields.get(write.mapping.bc.key)


def _answers(response: httpx.Response, count: int) -> Sequence[Answer]:
    """One answer per part, found by its id (A5). ApiError if the batch failed as a whole."""
    found: dict[str, Answer] = {}
    parts = document(response.status_code, response.content).get("responses")
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, dict) or not isinstance(part.get("status"), int):
            continue
        headers = part.get("headers")
        named = headers.items() if isinstance(headers, dict) else ()
        heed(response, part["status"], {str(name): str(value) for name, value in named})
        found[str(part.get("id"))] = answer(part["status"], _bytes(part.get("body")))
    return [found.get(str(number)) or unanswered() for number in range(count)]


def _bytes(body: Any) -> bytes:
    """A part's body is JSON already; some servers put it there as text."""
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else orjson.dumps(body)
