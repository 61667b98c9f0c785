"""Our subscriptions to Business Central's webhooks: made, renewed at half life, made again when lost (A4.1, C3, C5)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import httpx
import structlog

from producers.odata import rows_of
from schemas import business_central as bc
from schemas.errors import ApiError
from schemas.mapping import Table
from schemas.odata import document
from schemas.webhooks import Kept, Notice, Step, Subscription, Told, offers, plan, resource_of, subscription

_log = structlog.get_logger(__name__)
_RUNTIME = "api/microsoft/runtime/beta"
_NOT_SAID = frozenset({400, 403, 404, 405, 501})
# How it refuses to have webhooks of a page at all; 400 also means that it has not reached us (A4.1).
_NOT_GIVEN = frozenset({403, 404, 405, 501})


class Keeping(Protocol):
    """What is remembered of our subscriptions."""

    async def subscriptions(self) -> Mapping[str, Kept]: ...

    async def keep(self, kept: Kept) -> None: ...

    async def note(self, notices: Sequence[Notice]) -> None:
        """What is to be looked into; stored when this returns."""


class State(StrEnum):
    """Of a table's subscription: active; missing, tried again; refused, since the service does not offer it; silent,
    since changes were found of which nobody had told.
    """

    ACTIVE = "active"
    MISSING = "missing"
    REFUSED = "refused"
    SILENT = "silent"


async def offered_by(client: httpx.AsyncClient, company: str) -> frozenset[str] | None:
    """The resources that have webhooks; None if the service does not say."""
    try:
        found = await rows_of(client, f"{_RUNTIME}/companies({company})/webhookSupportedResources")
    except ApiError as error:
        if error.status in _NOT_SAID:
            return None
        raise
    return frozenset(str(row.get("resource", "")).strip("/").lower() for row in found)


class Subscriptions:
    """The subscriptions of these tables at one receiver, `url`. One worker at a time: the leader."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        company: str,
        tables: Sequence[Table],
        keeping: Keeping,
        url: str,
        *,
        now: Callable[[], datetime],
        new_secret: Callable[[], str],
    ) -> None:
        self._client, self._company, self._tables, self._keeping = client, company, tables, keeping
        self._url, self._now, self._new_secret = url, now, new_secret
        self.states: dict[str, State] = {}

    async def once(self) -> list[str]:
        """Puts them right; the tables whose subscription is new. What happened before it has to be read, and is noted.

        One that cannot be made or renewed does not keep the others from it, nor does a page whose API has none.
        ApiError if the side is away.
        """
        offered = await offered_by(self._client, self._company)
        made: list[str] = []
        for api in dict.fromkeys(table.api for table in self._tables):
            tables = [table for table in self._tables if table.api == api and self._takes(table, offered)]
            try:
                made += await self._api(api, tables) if tables else []
            except ApiError as error:
                for table in tables:
                    self._is(table.name, State.MISSING if error.transient else State.REFUSED, str(error))
        return made

    def _takes(self, table: Table, offered: frozenset[str] | None) -> bool:
        takes = offered is None or offers(offered, table)
        if not takes:
            self._is(table.name, State.REFUSED, "not among webhookSupportedResources")
        return takes

    async def _api(self, api: str, tables: Sequence[Table]) -> list[str]:
        """An API has subscriptions of its own (A4.1)."""
        root = f"{bc.api_root(api)}/subscriptions"
        paths = {table.name: bc.path(table, self._company) for table in tables}
        wanted = {name: resource_of(path) for name, path in paths.items()}
        there = [subscription(row) for row in await rows_of(self._client, root)]
        kept = await self._keeping.subscriptions()
        steps = plan(wanted, kept, there, self._url, self._now())
        return [step.table for step in steps if await self._step(root, step, paths[step.table], kept.get(step.table))]

    async def _step(self, root: str, step: Step, path: str, kept: Kept | None) -> bool:
        """True if the subscription is new: made now, or before, and the answer to that was lost."""
        for stray in step.end:
            await self._end(root, stray)
        has, new = step.has, step.has is None or kept is None or kept.id != step.has.id
        try:
            if has and kept and new:
                await self._begun(kept, has.id)
            if has and kept and step.renew and not await self._renewed(root, has, path, kept):
                has, new = None, True
            if has is None:
                await self._make(root, step.table, path, kept)
        except ApiError as error:
            # A renewal may fail until it expires; one that is not there is tried again.
            without = State.REFUSED if error.status in _NOT_GIVEN else State.MISSING
            self._is(step.table, State.ACTIVE if has else without, str(error))
            return False
        self._is(step.table, State.ACTIVE)
        return new

    async def _make(self, root: str, table: str, path: str, before: Kept | None) -> None:
        """The secret is stored before it is given away, so that no notification can come unrecognised."""
        if before and before.id:
            _log.warning("webhook_subscription_lost", table=table)
        kept = Kept(table, self._url, self._new_secret())
        await self._keeping.keep(kept)
        made = subscription(await self._send("POST", root, self._body(path, kept)))
        await self._begun(kept, made.id)
        _log.info("webhook_subscribed", table=table)

    async def _begun(self, kept: Kept, made: str) -> None:
        """Nobody tells what happened before: it is noted first, since a subscription with an id is no longer new."""
        await self._keeping.note([Notice(kept.table, Told.ALL)])
        await self._keeping.keep(replace(kept, id=made))

    async def _renewed(self, root: str, has: Subscription, path: str, kept: Kept) -> bool:
        """False if it is gone."""
        try:
            await self._send("PATCH", f"{root}('{has.id}')", self._body(path, kept), has.version)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        _log.info("webhook_renewed", table=kept.table)
        return True

    def _body(self, path: str, kept: Kept) -> dict[str, str]:
        return {"notificationUrl": self._url, "resource": f"/{path}", "clientState": kept.secret}

    async def _end(self, root: str, stray: Subscription) -> None:
        """At worst it expires by itself; what it still sends is not recognised, or only read."""
        try:
            await self._send("DELETE", f"{root}('{stray.id}')", None, stray.version)
            _log.info("webhook_left_over_ended", resource=stray.resource)
        except ApiError as error:
            _log.warning("webhook_left_over_stays", resource=stray.resource, error=str(error))

    async def _send(self, method: str, url: str, body: Mapping[str, str] | None, version: str = "") -> dict[str, Any]:
        headers = {"If-Match": version} if version else {}
        try:
            response = await self._client.request(method, url, json=body, headers=headers)
        except httpx.RequestError as error:
            raise ApiError(0, "no-answer", f"no answer: {type(error).__name__}") from error
        try:
            return document(response.status_code, response.content)
        except ApiError as error:
            secret = (body or {}).get("clientState") or ""
            if not secret or secret not in str(error):
                raise
            text = error.problem.message.replace(secret, "***")  # the service quotes what we sent (promise 10)
            raise ApiError(error.status, error.problem.code.replace(secret, "***"), text) from None

    def _is(self, table: str, state: State, error: str = "") -> None:
        """Told once, not every round."""
        if error and self.states.get(table) is not state:
            _log.warning("webhook_not_subscribed", table=table, state=state.value, error=error)
        self.states[table] = state
