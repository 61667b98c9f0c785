"""Change tracking: tracked initial loads, deltas, tokens (wire-protocols B4.1, D101–D110).

Promises: a delta link covers everything after the moment the *first* page of its predecessor was read, so a change that
arrives between two pages is in the next delta; upserts come first in order of version, then deletes, each row once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import quote

from daemon.sandbox.dataverse.context import Reply, Request, Service, json_reply
from daemon.sandbox.dataverse.cookie import seal
from daemon.sandbox.dataverse.errors import DataverseError, bad_request, no_privilege
from daemon.sandbox.dataverse.options import Options
from daemon.sandbox.dataverse.pages import page_of
from daemon.sandbox.dataverse.shape import Shape
from daemon.sandbox.dataverse.store import CHANGED, Row, TableData
from daemon.sandbox.dataverse.tables import Table

_TOKEN = re.compile(r"(\d+)!(\d{2}/\d{2}/\d{4} \d{2}:\d{2}:\d{2})")
_STAMP = "%m/%d/%Y %H:%M:%S"
_REFUSED = ("$filter", "$orderby", "$expand", "$top")
Change = tuple[int, str, Row | None]


def check_tracking(service: Service, request: Request, table: Table, options: Options) -> None:
    """Refuse options tracking lacks (D102), tables without it (D103), callers without the right (D110)."""
    for name in _REFUSED:
        if name in options.names:
            message = (
                f'The "${{{name.removeprefix("$")}}}" query parameter isn\'t supported when Change Tracking is enabled.'
            )
            raise bad_request(message, "0x80060888")
    settings = service.settings
    if table.entity_set in settings.without_org_read:
        raise no_privilege(f"prvRead{table.schema}", request.caller)
    if table.entity_set not in settings.change_tracking:
        message = f"Change tracking is not enabled for the entity {table.logical}."
        raise DataverseError(settings.untracked_table_status, "0x80072491", message)


def initial(
    service: Service, request: Request, shape: Shape, options: Options, state: dict[str, Any], size: int
) -> Reply:
    """One page of a tracked load; the first fixes the version that its delta link will start from."""
    data = service.store.data[shape.table.entity_set]
    start = int(state.get("start", service.store.version))
    page = page_of(service.store, data, options, state, size)
    body: dict[str, Any] = {"@odata.context": f"{request.base}/$metadata#{shape.fragment}"}
    onward = None if page.after is None else {**page.after, "start": start}
    body |= _link(service, request, shape.table, options, (onward, state, start))
    body["value"] = [shape.row(row) for row in page.rows]
    return _tracked(request, body)


def changes(
    service: Service, request: Request, shape: Shape, options: Options, state: dict[str, Any], size: int
) -> Reply:
    """One page of what changed since a token; the first fixes how far this delta reaches."""
    table = shape.table
    data = service.store.data[table.entity_set]
    since = state["since"] if state else parse_token(service, data, options.delta_token or "")
    until = int(state.get("until", service.store.version))
    entries = _from(_relevant(service, shape, data, since, until), tuple(state.get("done", (0, since))))
    found = list(islice(entries, size + 1))
    more = len(found) > size
    onward = {"since": since, "until": until, "done": _position(found[size - 1])} if more else None
    body: dict[str, Any] = {"@odata.context": f"{request.base}/$metadata#{shape.fragment}/$delta"}
    body |= _link(service, request, table, options, (onward, state, until))
    body["value"] = [_entry(request, shape, change) for change in found[:size]]
    return json_reply(200, body)


def change_count(service: Service, table: Table, options: Options) -> int:
    """`accounts/$count?$deltatoken=…` (B4.1)."""
    data = service.store.data[table.entity_set]
    since = parse_token(service, data, options.delta_token or "")
    return sum(1 for _ in data.changes(since, service.store.version))


def parse_token(service: Service, data: TableData, token: str) -> int:
    """The version in a token; malformed is 400, too old or from before a metadata change 0x80044352 (D108)."""
    found = _TOKEN.fullmatch(token)
    try:
        stamp = datetime.strptime(found[2], _STAMP).replace(tzinfo=UTC) if found else None
    except ValueError:
        stamp = None
    if found is None or stamp is None:
        raise bad_request("The delta token is not valid.", "0x80040203")
    age = service.now() - stamp
    version = int(found[1])
    too_old = age > timedelta(days=service.settings.delta_life_days)
    if too_old or version < data.metadata_version or version > service.store.version:
        message = "Version stamp associated with the client has expired. Please perform a full sync."
        raise DataverseError(service.settings.expired_token_status, "0x80044352", message)
    return version


def _relevant(service: Service, shape: Shape, data: TableData, since: int, until: int) -> Iterator[Change]:
    """Upserts by version, then deletes by version."""
    deletes: list[Change] = []
    for change in data.changes(since, until):
        row = change[2]
        if row is None:
            deletes.append(change)
        elif service.settings.report_unselected_changes or _touches(shape, row, since):
            yield change
    yield from deletes


def _touches(shape: Shape, row: Row, since: int) -> bool:
    """Whether a selected column (or the row itself) is newer than the token (⚙ D107)."""
    changed = row[CHANGED]
    return any(changed.get(prop, 0) > since for prop in shape.props if prop not in {"versionnumber"})


def _position(change: Change) -> tuple[int, int]:
    return int(change[2] is None), change[0]


def _from(entries: Iterator[Change], done: tuple[int, ...]) -> Iterator[Change]:
    return (change for change in entries if _position(change) > done)


def _entry(request: Request, shape: Shape, change: Change) -> dict[str, Any]:
    _, row_id, row = change
    if row is not None:
        return shape.row(row)
    context = f"{request.base}/$metadata#{shape.table.entity_set}/$deletedEntity"
    return {"@odata.context": context, "id": row_id, "reason": "deleted"}


def _link(
    service: Service,
    request: Request,
    table: Table,
    options: Options,
    progress: tuple[dict[str, Any] | None, dict[str, Any], int],
) -> dict[str, str]:
    """`nextLink` while there is more, `deltaLink` on the last page only (D101, D109)."""
    onward, state, version = progress
    start = f"{request.base}/{table.entity_set}?" + (options.kept + "&" if options.kept else "")
    if onward is not None:
        number = int(state.get("page", 1)) + 1
        cookie = seal(service.secret, query_key(table, options), number, onward, tracking=True)
        return {"@odata.nextLink": f"{start}$skiptoken={cookie}"}
    token = quote(f"{version}!{service.now().strftime(_STAMP)}", safe="")
    return {"@odata.deltaLink": f"{start}$deltatoken={token}"}


def query_key(table: Table, options: Options) -> str:
    """What a cookie is bound to: using it with another filter, order or table is an error (D98)."""
    return f"{table.entity_set}|{options.filter.text if options.filter else ''}|{options.order}"


def _tracked(request: Request, body: dict[str, Any]) -> Reply:
    return json_reply(200, body, {"Preference-Applied": "odata.track-changes"})
