"""What subscribers are told, and when (wire-protocols A4.1, D63–D73). Pure but for the clock it is given.

Promises: nothing is told before the delay is over; one message per address holds all its subscriptions; what is not
taken is told again with what came since; an address that refuses, or fails for too long, loses its subscriptions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from daemon.sandbox.business_central.rows import Record
from daemon.sandbox.business_central.settings import BcSettings
from daemon.sandbox.business_central.store import iso, to_milliseconds
from daemon.sandbox.business_central.tables import TABLES, stored_in

_BEFORE_FIRST = timedelta(milliseconds=50)


@dataclass
class Entry:
    """One thing that happened to one row."""

    key: str
    kind: str
    at: datetime


@dataclass
class Subscription:
    """One subscription with what it is still to be told; `ready` once somebody who may schedule jobs has changed it."""

    id: str
    url: str
    resource: str
    set_name: str
    api: str
    client_state: str
    row_version: int
    user: str
    created: datetime
    modified: datetime
    expires: datetime
    pending: list[Entry] = field(default_factory=list)
    ready: bool = False


@dataclass
class _Address:
    """When an address is told next, and how often that has failed in a row."""

    due: datetime
    failures: int = 0


class Notifications:
    """The subscriptions of an environment and what each is still to be told."""

    def __init__(self, settings: BcSettings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now
        self._all: dict[str, Subscription] = {}
        self._addresses: dict[str, _Address] = {}

    def live(self) -> list[Subscription]:
        """Those that have not expired; what an expired one had still to tell is gone with it (D70)."""
        now = self._now()
        for expired in [one for one in self._all.values() if one.expires <= now]:
            self.drop(expired)
        return list(self._all.values())

    def add(self, subscription: Subscription) -> None:
        self._all[subscription.id] = subscription

    def drop(self, subscription: Subscription) -> None:
        self._all.pop(subscription.id, None)

    def changed(self, user: str, set_name: str, before: Record | None, after: Record | None) -> None:
        """A row was written by `user`. Without a change of any field nobody is told (D43)."""
        kind = "created" if before is None else "deleted" if after is None else "updated"
        record = after or before
        if record is None or (before and after and _same(before, after)):
            return
        moment = to_milliseconds(self._now())
        for subscription in self.live():
            if stored_in(TABLES[subscription.set_name]).set_name == set_name:
                self._note(subscription, Entry(record.id, kind, moment))
                if kind == "created" and set_name in self._settings.pages_that_modify:
                    self._note(subscription, Entry(record.id, "updated", moment))
                self._schedule(subscription, user)

    def _note(self, subscription: Subscription, entry: Entry) -> None:
        """D64: an update is told once, if the last thing still to be told of that row is an update."""
        if sum(len(one.pending) for one in self._all.values()) >= self._settings.notification_rows_limit:
            return
        if entry.kind == "updated":
            last = next((one for one in reversed(subscription.pending) if one.key == entry.key), None)
            if last is not None and last.kind == "updated":
                last.at = entry.at
                return
        subscription.pending.append(entry)

    def _schedule(self, subscription: Subscription, user: str) -> None:
        if user in self._settings.delegated_clients:
            return
        subscription.ready = True
        delay = timedelta(seconds=self._settings.notification_delay_seconds)
        self._addresses.setdefault(subscription.url, _Address(self._now() + delay))

    def due(self) -> list[str]:
        """The addresses that are to be told something now."""
        now = self._now()
        return [url for url, address in self._addresses.items() if address.due <= now]

    def take(self, url: str) -> list[tuple[Subscription, list[Entry]]]:
        """What the address is to be told; what happens meanwhile waits for the next time."""
        taken = [one for one in self.live() if one.url == url and one.ready and one.pending]
        found = [(one, one.pending) for one in taken]
        for one in taken:
            one.pending, one.ready = [], False
        return found

    def told(self, url: str, taken: Sequence[tuple[Subscription, list[Entry]]], status: int) -> None:
        """How the address answered (0: not at all): 2xx, to be told again (D68), or refused for good (D69)."""
        address = self._addresses.pop(url)
        if 200 <= status < 300:
            self._again(url, _Address(self._now() + timedelta(seconds=self._settings.notification_delay_seconds)))
            return
        delays = self._settings.notification_retry_seconds
        if not may_be_told_again(status) or address.failures >= len(delays):
            for subscription in [one for one in self._all.values() if one.url == url]:
                self.drop(subscription)
            return
        for subscription, entries in taken:
            subscription.pending, subscription.ready = entries + subscription.pending, True
        wait = timedelta(seconds=delays[address.failures])
        self._again(url, _Address(self._now() + wait, address.failures + 1))

    def _again(self, url: str, address: _Address) -> None:
        if any(one.url == url and one.ready and one.pending for one in self._all.values()):
            self._addresses[url] = address

    def message(self, taken: Sequence[tuple[Subscription, list[Entry]]]) -> dict[str, Any]:
        """The body of one POST."""
        value = [shown for subscription, entries in taken for shown in self._shown(subscription, entries)]
        return {"value": value[::-1] if self._settings.notifications_reversed else value}

    def _shown(self, subscription: Subscription, entries: list[Entry]) -> list[dict[str, Any]]:
        """D66, D67: one `collection` for very many; without a filter if any of them is a deletion."""
        if len(entries) <= self._settings.notification_collection_above:
            return [self._one(subscription, f"({entry.key})", entry.kind, entry.at) for entry in entries]
        since = f"?$filter=lastModifiedDateTime%20gt%20{iso(min(entry.at for entry in entries) - _BEFORE_FIRST)}"
        suffix = "" if any(entry.kind == "deleted" for entry in entries) else since
        return [self._one(subscription, suffix, "collection", max(entry.at for entry in entries))]

    def _one(self, subscription: Subscription, suffix: str, kind: str, at: datetime) -> dict[str, Any]:
        slash = "/" if self._settings.notification_slash else ""
        collection = f"api/{subscription.api}/companies({self._settings.company_id})/{subscription.set_name}"
        return {
            "subscriptionId": subscription.id,
            "clientState": subscription.client_state,
            "expirationDateTime": iso(subscription.expires),
            "resource": f"{slash}{collection}{suffix}",
            "changeType": kind,
            "lastModifiedDateTime": iso(at),
        }


def may_be_told_again(status: int) -> bool:
    """Whether an answer (0: none) means that the address is only away (D68), not that it refuses (D69)."""
    return status in {0, 408, 429} or status >= 500


def _same(before: Record, after: Record) -> bool:
    changed = {name for name, value in after.values.items() if before.values.get(name) != value}
    return changed <= {"lastModifiedDateTime"}
