"""One call in, one answer out: verbs, preconditions, answers (wire-protocols A1, A3, A5).

`Service.handle` knows nothing of HTTP servers; an HTTP request and a part of a `$batch` come to it alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson

from daemon.sandbox.business_central import read, rules
from daemon.sandbox.business_central.contacts import contacts_information
from daemon.sandbox.business_central.errors import PRODUCT, ApiError, bad_request, no_property
from daemon.sandbox.business_central.fields import decode_body
from daemon.sandbox.business_central.metadata import metadata_xml, service_document
from daemon.sandbox.business_central.paths import Target, company_of, resolve
from daemon.sandbox.business_central.query import Query, parse_query
from daemon.sandbox.business_central.rows import Record, Rows
from daemon.sandbox.business_central.store import Store
from daemon.sandbox.business_central.tables import CONTACTS_INFORMATION, stored_in

_UNTYPED = "The request has a body and no content type header, which is required to read it."
JSON = "application/json; odata.metadata=minimal; odata.streaming=true"


@dataclass(frozen=True)
class Call:
    """A request to one API: `root` is its absolute URL, `path` what follows it; header names are lower-case."""

    method: str
    root: str
    api: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any = b""

    def json(self, untyped_status: int = 400) -> Any:
        """The body as JSON; in a JSON batch it is that already. A body that is not said to be JSON is refused."""
        kind = self.headers.get("content-type", "").split(";")[0].strip().lower()
        if not isinstance(self.body, bytes) and kind in ("", "application/json"):
            return self.body
        if not kind:
            raise ApiError(untyped_status, "BadRequest", _UNTYPED)
        if kind != "application/json":
            raise ApiError(415, "BadRequest", "The request body must be application/json.")
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise bad_request(f"The request body is not valid JSON: {error}") from error

    @property
    def wants_metadata(self) -> bool:
        """Whether contexts and etags are asked for (`odata.metadata=none` leaves them out)."""
        return "metadata=none" not in self.headers.get("accept", "")


@dataclass(frozen=True)
class Answer:
    """A status with a JSON document, text, or nothing."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON


class Service:
    """Answers calls from the store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._settings = store.settings

    def handle(self, call: Call) -> Answer:
        """Answer one call in its own transaction; errors become answers."""
        try:
            self.store.modified_at = _modified_at(call)
            with self.store.transaction():
                return self._dispatch(call)
        except ApiError as error:
            return Answer(error.status, error.body(), error.headers, "application/json")
        finally:
            self.store.modified_at = None

    def _dispatch(self, call: Call) -> Answer:
        path = call.path.strip("/")
        if path in ("", "$metadata") and call.method == "GET":
            if path == "":
                return Answer(200, service_document(call.root, call.api))
            return Answer(200, metadata_xml(call.api), media_type="application/xml")
        company = company_of(dict(parse_qsl(call.query)), call.headers)
        target = resolve(call.api, path, company, self._settings)
        verbs = {"GET", "POST"} if target.record_id is None else {"GET", "PATCH", "DELETE"}
        if call.method not in ({"GET"} if target.part else verbs & target.table.verbs):
            raise self._not_allowed(call.method, target)
        if call.method != "GET" and call.headers.get("data-access-intent", "").lower() == "readonly":
            raise bad_request("A write is not allowed with Data-Access-Intent ReadOnly.", "BadRequest_InvalidOperation")
        handlers = {"GET": self._get, "POST": self._post, "PATCH": self._patch, "DELETE": self._delete}
        return handlers[call.method](call, target)

    def _not_allowed(self, method: str, target: Target) -> ApiError:
        kind = "Collection" if target.record_id is None else "Entity"
        text = (
            f"'{method}' requests for '{target.part or target.table.set_name}' of EdmType '{kind}' are not allowed "
            f"within {PRODUCT} OData web services."
        )
        return ApiError(self._settings.method_not_allowed_status, "BadRequest_MethodNotAllowed", text)

    def _get(self, call: Call, target: Target) -> Answer:
        """D8–D27, D58: a set, its count, a row, or a row's part."""
        rows = self._rows(call, target)
        if target.part == "contactsInformation":
            return self._part(call, target, read.find(rows, target.record_id or ""))
        query = parse_query(target.table, call.query, call.headers.get("prefer", ""), self._settings)
        if target.part == "$count":
            return Answer(200, str(read.count(rows, query)), media_type="text/plain")
        if target.record_id is not None:
            return Answer(200, self._shown(call, target, read.find(rows, target.record_id), query))
        shape = read.shaper(self.store, query, annotated=call.wants_metadata)
        page = read.read_page(rows, query, f"{call.root}/{target.url}", shape)
        context = {"@odata.context": f"{call.root}/$metadata#{target.url}"} if call.wants_metadata else {}
        return Answer(200, context | page)

    def _rows(self, call: Call, target: Target) -> Rows:
        read_only = call.headers.get("data-access-intent", "").lower() == "readonly"
        name = target.table.set_name
        return self.store.replica_rows(name) if read_only else self.store.rows(name)

    def _part(self, call: Call, target: Target, record: Record) -> Answer:
        found = contacts_information(self.store, record)
        names = [name for name in dict(parse_qsl(call.query)).get("$select", "").split(",") if name]
        for name in names:
            if name not in CONTACTS_INFORMATION.fields:
                raise no_property(name, CONTACTS_INFORMATION.entity)
        shown = [{name: row[name] for name in ["@odata.etag", *names]} for row in found] if names else found
        context = f"{call.root}/$metadata#{target.url}({record.id})/{target.part}"
        return Answer(200, {"@odata.context": context, "value": shown})

    def _shown(self, call: Call, target: Target, record: Record, query: Query | None = None) -> dict[str, Any]:
        """One entity with its context."""
        query = query or parse_query(target.table, "", "", self._settings)
        entity = read.shaper(self.store, query, annotated=call.wants_metadata)(record)
        context = {"@odata.context": f"{call.root}/$metadata#{target.url}/$entity"} if call.wants_metadata else {}
        return context | entity

    def _post(self, call: Call, target: Target) -> Answer:
        """D28–D37, D49, D50: create."""
        changes = decode_body(target.table, self._body(call), self._settings, creating=True)
        record = rules.create(self.store, stored_in(target.table), changes)
        headers = {"Location": f"{call.root}/{target.url}({record.id})"}
        return self._written(call, target, record, 201, headers)

    def _patch(self, call: Call, target: Target) -> Answer:
        """D38–D45: change; `If-Match` is checked for its form first, then the row is looked up."""
        if_match = call.headers.get("if-match")
        rules.check_form(if_match, needed=True)
        record = read.find(self.store.rows(target.table.set_name), target.record_id or "")
        rules.check_current(self.store, record, if_match)
        changes = decode_body(target.table, self._body(call), self._settings, creating=False)
        return self._written(call, target, rules.modify(self.store, stored_in(target.table), record, changes), 200, {})

    def _body(self, call: Call) -> Any:
        return call.json(self._settings.untyped_body_status)

    def _written(self, call: Call, target: Target, record: Record, status: int, headers: Mapping[str, str]) -> Answer:
        """The representation after a write, or nothing where `Prefer` asks for none (D29)."""
        prefer = call.headers.get("prefer", "").lower()
        if "return-no-content" in prefer or "return=minimal" in prefer:
            return Answer(204, headers=headers)
        return Answer(status, self._shown(call, target, record), headers)

    def _delete(self, call: Call, target: Target) -> Answer:
        """D46, D47: delete."""
        if_match = call.headers.get("if-match")
        rules.check_form(if_match, needed=self._settings.delete_needs_if_match)
        record = read.find(self.store.rows(target.table.set_name), target.record_id or "")
        rules.check_current(self.store, record, if_match)
        rules.remove(self.store, stored_in(target.table), record)
        return Answer(204)


def _modified_at(call: Call) -> datetime | None:
    """The sandbox's own header that dates a write back, as a long transaction does (A4.2, D5 123)."""
    text = call.headers.get("x-sandbox-modified-at")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise bad_request("x-sandbox-modified-at must be a date-time with an offset.")
    return moment
