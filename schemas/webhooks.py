"""Business Central's webhooks in our words: subscriptions, what is to be done about them, notices (A4.1).

A notice names a record and carries none: it only says where to look. Who sent it is known by its `clientState` alone, a
secret of ours.
"""

import hmac
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import orjson

from schemas.business_central import STANDARD_API
from schemas.mapping import Table
from schemas.odata import Row

LIFETIME = timedelta(days=3)
PATH = "/webhooks/bc"
_RECORD = re.compile(r"\(([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\)/?\Z")


@dataclass(frozen=True, slots=True)
class Subscription:
    """As Business Central shows it. `modified` is when it was made or renewed; both times are by its own clock."""

    id: str
    url: str
    resource: str
    secret: str
    modified: datetime | None
    expires: datetime | None
    version: str

    def half_over(self, now: datetime) -> bool:
        """Time to renew: three tries a day remain even if some fail."""
        if self.expires is None:
            return False
        lifetime = self.expires - self.modified if self.modified else LIFETIME
        return now >= self.expires - lifetime / 2

    def over(self, now: datetime) -> bool:
        return self.expires is not None and now >= self.expires


@dataclass(frozen=True, slots=True)
class Kept:
    """What we keep of the subscription of a table; `id` is empty until Business Central has answered."""

    table: str
    url: str
    secret: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What one table needs: the subscription it has (None: make one), and those to be ended first."""

    table: str
    has: Subscription | None
    renew: bool = False
    end: tuple[Subscription, ...] = ()


def subscription(row: Row) -> Subscription:
    """An answered row; unreadable times count as not told."""
    return Subscription(
        id=str(row.get("subscriptionId") or ""),
        url=str(row.get("notificationUrl") or ""),
        resource=resource_of(str(row.get("resource") or "")),
        secret=str(row.get("clientState") or ""),
        modified=_moment(row.get("lastModifiedDateTime")),
        expires=_moment(row.get("expirationDateTime")),
        version=str(row.get("@odata.etag") or ""),
    )


def resource_of(text: str) -> str:
    """What both sides may write in several ways, in one: from `api/` on, lower-case, without a query."""
    path = urlsplit(text).path.lower()
    start = path.find("api/")
    return path[max(start, 0) :].strip("/")


def plan(
    wanted: Mapping[str, str], kept: Mapping[str, Kept], there: Sequence[Subscription], url: str, now: datetime
) -> list[Step]:
    """A step per table of `wanted` (table: resource), and what is there of ours and serves nothing, with the first.

    Ours are those that lead to `url` or that we remember; another program's are never touched.
    """
    live = [one for one in there if not one.over(now)]
    mine = {table: _mine(kept.get(table), resource, live, url) for table, resource in wanted.items()}
    used = {one.id for one in mine.values() if one}
    resources = set(wanted.values())
    ids, secrets = {one.id for one in kept.values()}, {one.secret for one in kept.values()}
    strays = tuple(
        one
        for one in live
        if one.id not in used
        and ((one.url == url and one.resource in resources) or one.id in ids or one.secret in secrets)
    )
    return [
        Step(table, has, has is not None and has.half_over(now), strays if number == 0 else ())
        for number, (table, has) in enumerate(mine.items())
    ]


def _mine(kept: Kept | None, resource: str, live: Iterable[Subscription], url: str) -> Subscription | None:
    """The table's own: where the service shows no secrets, it is known by its id."""
    if kept is None or kept.url != url:
        return None
    for one in live:
        known = one.secret == kept.secret if one.secret else one.id == kept.id
        if known and one.resource == resource and one.url == url:
            return one
    return None


class Told(StrEnum):
    """What a notice asks for: read the table's changes, confirm a deletion, or look through the whole table."""

    CHANGED = "changed"
    DELETED = "deleted"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Notice:
    """`record` is named for a deletion only; changes are read by time."""

    table: str
    told: Told
    record: str = ""


def notices(body: bytes, kept: Iterable[Kept]) -> list[Notice]:
    """What a message says, each thing once; nothing if it is no message, or not from a subscription of ours."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    entries = found.get("value") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        return []
    senders = tuple(kept)
    said = (_notice(entry, senders) for entry in entries if isinstance(entry, dict))
    return list(dict.fromkeys(one for one in said if one))


def _notice(entry: Mapping[str, Any], senders: Sequence[Kept]) -> Notice | None:
    table = _sender(str(entry.get("clientState") or ""), senders)
    if table is None:
        return None
    kind, resource = str(entry.get("changeType") or ""), str(entry.get("resource") or "")
    if kind == "collection" and "filter=" not in resource:
        return Notice(table, Told.ALL)  # a deletion may be among them, and is never named (A4.1)
    if kind == "deleted":
        record = _RECORD.search(resource)
        return Notice(table, Told.DELETED, record[1].lower()) if record else Notice(table, Told.ALL)
    return Notice(table, Told.CHANGED)


def _sender(secret: str, senders: Sequence[Kept]) -> str | None:
    """Compares with all of them, each in constant time (promise 10)."""
    given = secret.encode("utf-8", "surrogatepass")
    found = [one.table for one in senders if one.secret and hmac.compare_digest(one.secret.encode(), given)]
    return found[0] if found else None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def offers(offered: Collection[str], table: Table) -> bool:
    """Is the table among `offered`, the resources with webhooks, such as `v2.0/customers`?"""
    return f"{table.api or STANDARD_API}/{table.name}".lower() in offered
