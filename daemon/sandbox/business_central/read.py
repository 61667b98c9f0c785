"""Reading collections and entities (wire-protocols A3, D11–D27)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from daemon.sandbox.business_central.contacts import contacts_information
from daemon.sandbox.business_central.errors import bad_request, no_record
from daemon.sandbox.business_central.hints import candidates
from daemon.sandbox.business_central.query import Query, make_token
from daemon.sandbox.business_central.rows import Record, Rows
from daemon.sandbox.business_central.store import Store

Shape = Callable[[Record], dict[str, Any]]


def shaper(store: Store, query: Query, *, annotated: bool = True) -> Shape:
    """How a record is shown: `$select`, `$expand`, and the etag unless metadata is off (D16)."""
    names = query.shown

    def shape(record: Record) -> dict[str, Any]:
        shown: dict[str, Any] = {"@odata.etag": record.etag} if annotated else {}
        shown.update({name: record.values[name] for name in names})
        if "contactsInformation" in query.expand:
            shown["contactsInformation"] = contacts_information(store, record)
        return shown

    return shape


def read_page(rows: Rows, query: Query, url: str, shape: Shape) -> dict[str, Any]:
    """One page of a collection: `value`, `@odata.count` if asked for, and a nextLink if the set goes on.

    A `$top` within the page limit suppresses the link; a larger one goes on with what remains of it (D24).
    """
    page: dict[str, Any] = {}
    keys = candidates(rows, query.order, query.filter.text if query.filter else None)
    if query.count:
        page["@odata.count"] = len(keys) if query.filter is None else sum(1 for _ in _matching(rows, keys, 0, query))
    start = _after(keys, query)
    wanted = query.page_size if query.top is None else min(query.top, query.page_size)
    skip = min(query.skip, len(keys))
    found = list(islice(_matching(rows, keys, start, query), skip, skip + wanted + 1))
    page["value"] = [shape(record) for record in found[:wanted]]
    remaining = None if query.top is None else query.top - wanted
    if len(found) > wanted > 0 and remaining != 0:
        page["@odata.nextLink"] = _next_link(url, query, found[wanted - 1], remaining)
    return page


def _after(keys: list[Any], query: Query) -> int:
    """Where the page begins: behind the row that the skip token names, whether it still exists or not (D25)."""
    if query.after is None:
        return 0
    try:
        return bisect_right(keys, query.order.from_values(*query.after))
    except TypeError as error:
        raise bad_request("The value of the '$skiptoken' query option is not valid.") from error


def count(rows: Rows, query: Query) -> int:
    """The number that `/$count` answers."""
    keys = candidates(rows, query.order, query.filter.text if query.filter else None)
    return len(keys) if query.filter is None else sum(1 for _ in _matching(rows, keys, 0, query))


def _matching(rows: Rows, keys: list[Any], start: int, query: Query) -> Iterator[Record]:
    matches = query.filter.matches if query.filter else None
    for at in range(start, len(keys)):
        record = rows.get(keys[at][-1])
        if record is not None and (matches is None or matches(record.values)):
            yield record


def _next_link(url: str, query: Query, last: Record, remaining: int | None) -> str:
    """The same request from after the last row, with `aid=FIN` as the server adds it (A3)."""
    left_out = {"$skiptoken", "$skip", "$top", "aid"}
    options = {name: value for name, value in query.options.items() if name not in left_out}
    if remaining is not None:
        options["$top"] = str(remaining)
    values = [query.order.value(last, name) for name, _ in query.order.fields]
    options |= {"aid": "FIN", "$skiptoken": make_token(values, last.id)}
    return f"{url}?{urlencode(options, safe='$,~', quote_via=quote)}"


def find(rows: Rows, record_id: str) -> Record:
    """The record with this id, or the service's 404 (D13)."""
    record = rows.get(record_id)
    if record is None:
        raise no_record(rows.table.caption, record_id)
    return record
