"""`subscriptions`, the handshake, and the job that sends (wire-protocols A4.1, D59–D63).

Subscriptions are of an API, not of a company; a custom API has its own. Requests go out through `wire`.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from daemon.sandbox.business_central.errors import ApiError, bad_request, dialog, no_record, no_segment
from daemon.sandbox.business_central.notifications import Notifications, Subscription
from daemon.sandbox.business_central.rows import Record, etag_of
from daemon.sandbox.business_central.rules import check_form
from daemon.sandbox.business_central.sending import Sender, Wire
from daemon.sandbox.business_central.service import Answer, Call
from daemon.sandbox.business_central.settings import BcSettings
from daemon.sandbox.business_central.store import iso, to_milliseconds
from daemon.sandbox.business_central.tables import RUNTIME, TABLES

_PATH = re.compile(r"subscriptions(?:\('([^']*)'\))?")
_RESOURCE = re.compile(r"(?:https?://[^/?#]+(?:/[^?#]*?)?/|/)?api/(.+)/companies\(([0-9a-fA-F-]{36})\)/(\w+)")
_SUPPORTED = re.compile(r"companies\(([0-9a-fA-F-]{36})\)/webhookSupportedResources")
_WRITABLE = frozenset({"notificationUrl", "resource", "clientState"})
# Neither has one key field over a table of its own (A4.1, 9).
_NOT_ELIGIBLE = frozenset({"companies", "currencyExchangeRates"})
_LOOK_SECONDS = 0.05


class Webhooks:
    """Answers calls on subscriptions, and sends what is due."""

    def __init__(
        self, settings: BcSettings, now: Callable[[], datetime], wire: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._now = now
        self._wire = Wire(wire)
        self._versions = count(7638935861600000000)
        self._notifications = Notifications(settings, now)
        self._sender = Sender(settings, now, self._wire, self._notifications)
        self.user = ""

    def watch(self, set_name: str, before: Record | None, after: Record | None) -> None:
        """A row was written by `user`."""
        self._notifications.changed(self.user, set_name, before, after)

    def answers(self, call: Call) -> bool:
        """Whether the call is ours to answer."""
        return bool(_PATH.fullmatch(call.path.strip("/"))) or call.api == RUNTIME

    async def handle(self, call: Call, user: str) -> Answer:
        """D59–D62."""
        if call.api == RUNTIME:
            return self._supported(call)
        match = _PATH.fullmatch(call.path.strip("/"))
        subscription_id = match.group(1) if match else None
        if subscription_id is None:
            if call.method == "POST":
                return await self._subscribe(call, user)
            if call.method == "GET":
                return Answer(200, {"value": [self._shown(one) for one in self._of(call)]})
            raise bad_request(f"'{call.method}' requests for 'subscriptions' are not allowed.")
        found = next((one for one in self._of(call) if one.id == subscription_id), None)
        if found is None:
            raise no_record("Subscription", subscription_id)
        handlers = {"GET": self._get, "PATCH": self._renew, "DELETE": self._unsubscribe}
        if call.method not in handlers:
            raise bad_request(f"'{call.method}' requests for a subscription are not allowed.")
        return await handlers[call.method](call, found)

    def _of(self, call: Call) -> list[Subscription]:
        return [one for one in self._notifications.live() if one.api == call.api]

    async def _get(self, call: Call, found: Subscription) -> Answer:
        return Answer(200, self._shown(found))

    async def _subscribe(self, call: Call, user: str) -> Answer:
        body = self._body(call)
        url, resource = _text(body, "notificationUrl"), _text(body, "resource")
        set_name, state = self._resource(call.api, resource), self._state(body)
        _check_url(url)
        self._check_room(url, set_name, call.api)
        await self._shake(url)
        now = to_milliseconds(self._now())
        expires = now + timedelta(seconds=self._settings.subscription_seconds)
        made = Subscription(
            uuid.uuid4().hex,
            url,
            resource,
            set_name,
            call.api,
            state,
            next(self._versions),
            str(uuid.uuid5(uuid.NAMESPACE_OID, user)),
            now,
            now,
            expires,
        )
        self._notifications.add(made)
        return Answer(201, self._shown(made), {"Location": f"{call.root}/subscriptions('{made.id}')"})

    def _check_room(self, url: str, set_name: str, api: str) -> None:
        there = self._notifications.live()
        if len(there) >= self._settings.subscription_limit:
            raise dialog(f"The number of subscriptions cannot exceed {self._settings.subscription_limit}.")
        same = any((one.url, one.set_name, one.api) == (url, set_name, api) for one in there)
        if same and self._settings.same_subscription == "reject":
            raise bad_request("The subscription already exists.", "Internal_EntityWithSameKeyExists")

    async def _renew(self, call: Call, found: Subscription) -> Answer:
        """D61: the handshake again; three more days."""
        self._check_match(call, found)
        body = self._body(call)
        url = _text(body, "notificationUrl") if "notificationUrl" in body else found.url
        state = self._state(body) if "clientState" in body else found.client_state
        if "resource" in body and self._resource(call.api, _text(body, "resource")) != found.set_name:
            raise bad_request("The resource of a subscription cannot be changed.")
        _check_url(url)
        await self._shake(url)
        found.url, found.client_state, found.row_version = url, state, next(self._versions)
        found.modified = to_milliseconds(self._now())
        found.expires = found.modified + timedelta(seconds=self._settings.subscription_seconds)
        return Answer(200, self._shown(found))

    async def _unsubscribe(self, call: Call, found: Subscription) -> Answer:
        self._check_match(call, found)
        self._notifications.drop(found)
        return Answer(204)

    def _check_match(self, call: Call, found: Subscription) -> None:
        if_match = call.headers.get("if-match")
        check_form(if_match, needed=True)
        if (if_match or "").strip() not in {"*", etag_of(found.row_version)}:
            text = "Another user has already changed the record."
            raise ApiError(self._settings.stale_status, "Request_EntityChanged", text)

    def _body(self, call: Call) -> dict[str, Any]:
        body = call.json(self._settings.untyped_body_status) if call.body else {}
        if not isinstance(body, dict):
            raise bad_request("The request body must be a JSON object.")
        for name in body:
            if name not in _WRITABLE:
                raise bad_request(f"The property '{name}' does not exist on type 'Microsoft.NAV.subscriptions'.")
        return body

    def _state(self, body: Mapping[str, Any]) -> str:
        state = _text(body, "clientState") if "clientState" in body else ""
        if len(state) > 2048:
            text = f"The length of the string is {len(state)}, but it must be less than or equal to 2048 characters."
            raise bad_request(text, "Application_StringExceededLength")
        return state

    def _resource(self, api: str, resource: str) -> str:
        """D62: the entity set of an address, relative or absolute, that may be subscribed to."""
        match = _RESOURCE.fullmatch(resource)
        wanted = (api, self._settings.company_id.lower())
        if match is None or (match.group(1), match.group(2).lower()) != wanted or match.group(3) not in self._sets(api):
            raise bad_request(f"The resource '{resource}' does not support webhooks.")
        return match.group(3)

    def _sets(self, api: str) -> list[str]:
        left_out = _NOT_ELIGIBLE | self._settings.webhooks_left_out
        return [name for name, table in TABLES.items() if table.api == api and name not in left_out]

    def _supported(self, call: Call) -> Answer:
        """`$filter=resource eq 'v2.0*'`, the one filter the documentation shows."""
        match = _SUPPORTED.fullmatch(call.path.strip("/"))
        if match is None or call.method != "GET":
            raise no_segment(call.path.rsplit("/", 1)[-1])
        prefix = re.fullmatch(r"resource eq '(.*)\*'", dict(parse_qsl(call.query)).get("$filter", "resource eq '*'"))
        names = [f"{api}/{name}" for api in {table.api for table in TABLES.values()} for name in self._sets(api)]
        found = sorted(name for name in names if prefix is not None and name.startswith(prefix.group(1)))
        return Answer(200, {"value": [{"resource": name} for name in found]})

    def _shown(self, one: Subscription) -> dict[str, Any]:
        return {
            "@odata.etag": etag_of(one.row_version),
            "subscriptionId": one.id,
            "notificationUrl": one.url,
            "resource": one.resource,
            "timestamp": one.row_version,
            "userId": one.user,
            "lastModifiedDateTime": iso(one.modified),
            "clientState": one.client_state,
            "expirationDateTime": iso(one.expires),
            "systemCreatedAt": iso(one.created),
            "systemCreatedBy": one.user,
            "systemModifiedAt": iso(one.modified),
            "systemModifiedBy": one.user,
        }

    async def _shake(self, url: str) -> None:
        """D59, D60: 200 and the token itself, in time; nothing else will do."""
        token = uuid.uuid4().hex
        params = {**dict(parse_qsl(urlsplit(url).query)), "validationToken": token}
        verb, seconds = self._settings.handshake_verb, self._settings.handshake_timeout_seconds
        answer = await self._wire.send(verb, url, seconds, params=params)
        if answer is None or answer.status_code != 200 or answer.content.decode("utf-8", "replace") != token:
            text = f"The notification url '{url}' did not answer the validation token."
            raise bad_request(text, self._settings.handshake_failure_code)

    async def deliver(self) -> None:
        """Sends what is due by now."""
        await self._sender.deliver()

    async def run(self) -> None:
        """Sends for ever. The clock may be moved at any time, so it is looked at often."""
        while True:
            await self.deliver()
            await asyncio.sleep(_LOOK_SECONDS)


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or (not value and name != "clientState"):
        raise bad_request(f'A "{name}" must be provided.')
    return value


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise bad_request(f"The notification url '{url}' is not valid.")
