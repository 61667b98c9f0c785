"""The pages: all tables, a table's records, and one record's form. Rendered here; they need no script.

What a person sends goes to the simulator's own API, with the etag the form was made with, and only the fields that
were changed; what the service refuses stands above the form, which keeps what was typed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, wraps
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from daemon.sandbox.pages.guards import HEADERS, objection
from daemon.sandbox.pages.model import Field, Row, Side, Table
from daemon.sandbox.pages.service import Asking, Refused
from daemon.sandbox.pages.values import as_text, body_of, changed, label_of, text_of

BASE = "/_sandbox/records"
_HERE = Path(__file__).parent
_PAGE = 50
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_ID = re.compile(r"[0-9a-fA-F-]{36}")
_DONE = {"added": "Added.", "changed": "Changed.", "deleted": "Deleted.", "nothing": "Nothing was changed."}
_Handler = Callable[["Pages", Request], Awaitable[Response]]


def _guarded(handler: _Handler) -> _Handler:
    """Refuses foreign requests; what the service refuses outside a form becomes a page of its own."""

    @wraps(handler)
    async def guarded(pages: Pages, request: Request) -> Response:
        if problem := objection(request):
            return pages.problem(403, problem)
        try:
            return await handler(pages, request)
        except Refused as refused:
            return pages.problem(refused.status, refused.text, refused.code)

    return guarded


class Pages:
    """The pages of one side."""

    def __init__(self, side: Side) -> None:
        self._side = side

    def routes(self) -> list[Route]:
        """Everything but the front page, which shares its address with the simulator's own."""
        both = ["GET", "POST"]
        return [
            Route("/_sandbox/pages.css", _stylesheet),
            Route(f"{BASE}/{{table}}", self.records),
            Route(f"{BASE}/{{table}}/new", self.new, methods=both),
            Route(f"{BASE}/{{table}}/{{key}}", self.record, methods=both),
            Route(f"{BASE}/{{table}}/{{key}}/delete", self.delete, methods=both),
        ]

    @_guarded
    async def tables(self, request: Request) -> Response:
        """The front page."""
        return self._page("tables.html", counts={name: self._side.count(name) for name in self._side.tables})

    @_guarded
    async def records(self, request: Request) -> Response:
        """A table's records, last changed first; `search` is looked for in the columns shown and the id."""
        table, search = self._table(request), request.query_params.get("search", "").strip()
        number = int(text) if _NUMBER.fullmatch(text := request.query_params.get("page", "")) else 1
        start = (number - 1) * _PAGE
        found = list(islice(_matching(self._side, table, search), start, start + _PAGE + 1))
        return self._page(
            "records.html",
            table=table,
            search=search,
            number=number,
            first=start + 1,
            found=[(str(row[table.key]), _cells(table, row)) for row in found[:_PAGE]],
            earlier=_link(search, number - 1) if number > 1 else "",
            further=_link(search, number + 1) if len(found) > _PAGE else "",
            total=self._side.count(table.name),
            done=_DONE.get(request.query_params.get("done", ""), ""),
        )

    @_guarded
    async def new(self, request: Request) -> Response:
        """A form for a new record; blank fields are left to the service."""
        table = self._table(request)
        fields = [field for field in table.fields.values() if field.on_create]
        if request.method == "GET":
            return self._form(table, fields, dict.fromkeys((field.name for field in fields), ""))
        blank = dict.fromkeys((field.name for field in fields), "")
        typed = await _typed(request)
        try:
            made = await self._asking(request).create(table, body_of(table, changed(blank, typed)))
        except Refused as refused:
            return self._form(table, fields, {**blank, **typed}, refused=refused)
        return _to(f"/{table.name}/{made[table.key]}?done=added")

    @_guarded
    async def record(self, request: Request) -> Response:
        """A record's form."""
        table, key, asking = self._table(request), _key(request), self._asking(request)
        record = await asking.read(table, key)
        fields = [field for field in table.fields.values() if field.on_update and "PATCH" in table.verbs]
        before = {field.name: text_of(self._side, field, record) for field in fields}
        if request.method == "GET":
            done = _DONE.get(request.query_params.get("done", ""), "")
            return self._form(table, fields, before, record=record, done=done)
        typed = await _typed(request)
        changes = changed(before, typed)
        try:
            if changes:
                await asking.change(table, key, typed.get("@etag", ""), body_of(table, changes))
        except Refused as refused:
            kept = {**record, "@odata.etag": typed.get("@etag", "")}
            return self._form(table, fields, {**before, **typed}, record=kept, refused=refused)
        return _to(f"/{table.name}/{key}?done={'changed' if changes else 'nothing'}")

    @_guarded
    async def delete(self, request: Request) -> Response:
        """Asks whether to delete a record, and does."""
        table, key, asking = self._table(request), _key(request), self._asking(request)
        if request.method == "POST":
            await asking.delete(table, key, (await _typed(request)).get("@etag", ""))
            return _to(f"/{table.name}?done=deleted")
        record = await asking.read(table, key)
        name = label_of(table.fields[table.columns[0]], record)
        return self._page("delete.html", table=table, key=key, name=name or key, etag=record["@odata.etag"])

    def problem(self, status: int, text: str, code: str = "") -> Response:
        """A page that only says why there is none."""
        return self._page("problem.html", status, text=text, code=code, status=status)

    def _table(self, request: Request) -> Table:
        table = self._side.tables.get(request.path_params["table"])
        if table is None:
            raise Refused(404, "There is no such table.")
        return table

    def _asking(self, request: Request) -> Asking:
        return Asking(self._side, request.app, str(request.base_url))

    def _form(
        self,
        table: Table,
        fields: list[Field],
        texts: Mapping[str, str],
        *,
        record: Row | None = None,
        refused: Refused | None = None,
        done: str = "",
    ) -> Response:
        titled = table.fields[table.columns[0]]
        return self._page(
            "record.html",
            refused.status if refused else 200,
            table=table,
            fields=fields,
            texts=texts,
            key="" if record is None else str(record[table.key]),
            name="" if record is None else label_of(titled, record),
            etag="" if record is None else record.get("@odata.etag", ""),
            shown=[] if record is None else _shown(table, fields, record),
            suggestions={field.name: self._side.suggestions(field) for field in fields if field.targets},
            refused=refused,
            done=done,
        )

    def _page(self, template: str, answer: int = 200, **values: Any) -> Response:
        text = _templates().get_template(template).render(side=self._side, base=BASE, **values)
        return HTMLResponse(text, answer, HEADERS)


def _key(request: Request) -> str:
    key = str(request.path_params["key"])
    if not _ID.fullmatch(key):
        raise Refused(404, "There is no such record.")
    return key


@cache
def _templates() -> Environment:
    """One for all simulators of the process: a template is compiled once."""
    loader = FileSystemLoader(_HERE / "templates")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["as_text"] = as_text
    return made


async def _stylesheet(request: Request) -> Response:
    return FileResponse(_HERE / "pages.css", headers={"Cache-Control": "no-cache"})


async def _typed(request: Request) -> dict[str, str]:
    """The texts of a form."""
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _to(path: str) -> Response:
    return RedirectResponse(BASE + path, 303, HEADERS)


def _link(search: str, number: int) -> str:
    return "?" + urlencode({**({"search": search} if search else {}), "page": number})


def _matching(side: Side, table: Table, search: str) -> Any:
    if not search:
        return side.rows(table.name)
    wanted, columns = search.casefold(), (*table.columns, table.key)
    return (row for row in side.rows(table.name) if any(wanted in str(row.get(name)).casefold() for name in columns))


def _cells(table: Table, row: Row) -> list[str]:
    return [label_of(table.fields[name], row) for name in table.columns]


def _shown(table: Table, fields: list[Field], record: Row) -> list[tuple[str, str]]:
    """What the record holds beside the form."""
    editable = {field.name for field in fields}
    return [(name, label_of(field, record)) for name, field in table.fields.items() if name not in editable]
