"""Both sides: do they let us in, and read what is mapped; what do they offer, and what do they say of themselves?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import httpx

from daemon.checkup.privileges import writing
from daemon.checkup.probe import Heard, tell
from daemon.checkup.tables import reading, tables, tracking
from daemon.metadata import served_bc, served_sales
from daemon.oauth import ClientCredentials
from daemon.settings import Settings
from producers import currencies, odata
from producers.business_central import resolve_company
from producers.subscriptions import offered_by
from schemas import business_central as bc
from schemas import checkup_rules as rules
from schemas import dataverse
from schemas.checkup import Checked, fine
from schemas.errors import ApiError, CoupledError, Unreachable
from schemas.mapping import Mappings
from schemas.metadata import Service
from schemas.odata import document
from schemas.side import Side


@dataclass(frozen=True, slots=True)
class Looked:
    """The findings of a side, and what it serves by API; `services` None: that could not be read."""

    found: list[Checked]
    services: Mapping[str, Service] | None = None


async def business_central(client: httpx.AsyncClient, heard: Heard, settings: Settings, mappings: Mappings) -> Looked:
    """Its tables are read in one company: without it only what they have is known."""
    side, companies = Side.BC, list[str]()

    async def company() -> list[Checked]:
        wanted = settings.business_central.company
        companies.append(await resolve_company(client, wanted))
        return [fine(side.label, "connection", f"Signed in; company {wanted} is there.")]

    found, entered = await _let_in(side, client, company)
    if not entered:
        return Looked(found)
    services, more = await _metadata(side, partial(served_bc, client, mappings))
    found += more + list(rules.writing(mappings, side))
    if companies:
        named = tables(mappings, side, services)
        probes = [tell(side.label, "reading", partial(reading, client, companies[0], named, side))]
        if settings.business_central.webhooks.receiver:
            probes.append(tell(side.label, "webhooks", partial(_webhooks, client, companies[0], mappings)))
        found += [one for some in await asyncio.gather(*probes) for one in some]
    return Looked([*found, *_of_all(side, heard)], services)


async def sales(client: httpx.AsyncClient, heard: Heard, settings: Settings, mappings: Mappings) -> Looked:
    side, users = Side.SALES, list[str]()

    async def user() -> list[Checked]:
        answer = await client.get(f"{dataverse.API_ROOT}/WhoAmI")
        users.append(str(document(answer.status_code, answer.content)["UserId"]))
        return [fine(side.label, "connection", "Signed in.")]

    async def service() -> Mapping[str, Service]:
        return {"": await served_sales(client, mappings)}

    found, entered = await _let_in(side, client, user)
    if not entered:
        return Looked(found)
    services, more = await _metadata(side, service)
    named = tables(mappings, side, services)
    captured = [name for place, name in mappings.captured() if place is side]
    minutes = settings.capture.deletions_minutes
    probes = [
        tell(side.label, "reading", partial(reading, client, "", named, side)),
        tell(side.label, "writing", partial(writing, client, users[0], mappings)),
        tell(side.label, "change tracking", partial(tracking, client, captured, minutes)),
    ]
    found += more + [one for some in await asyncio.gather(*probes) for one in some]
    return Looked([*found, *_of_all(side, heard)], services)


async def _let_in(
    side: Side, client: httpx.AsyncClient, connect: Callable[[], Awaitable[list[Checked]]]
) -> tuple[list[Checked], bool]:
    """What was found, and whether there is more to ask. A token that is given and not taken is looked into."""
    shut = list[CoupledError]()

    async def connected() -> list[Checked]:
        try:
            return await connect()
        except (ApiError, Unreachable) as error:
            shut.append(error)
            if not isinstance(error, ApiError):
                raise
            if error.status == 401 and isinstance(client.auth, ClientCredentials):
                return [rules.refused(side, str(client.base_url), client.auth.claims(), error.problem.message)]
            raise ApiError(error.status, error.problem.code, error.problem.message, rules.mend(side, error)) from error

    found = await tell(side.label, "connection", connected)
    return found, not shut


async def _metadata(
    side: Side, read: Callable[[], Awaitable[Mapping[str, Service]]]
) -> tuple[Mapping[str, Service] | None, list[Checked]]:
    """What is served, and what was wrong with that."""
    services = list[Mapping[str, Service]]()

    async def told() -> list[Checked]:
        services.append(await read())
        return []

    found = await tell(side.label, "metadata", told)
    return (services[0] if services else None), found


async def _webhooks(client: httpx.AsyncClient, company: str, mappings: Mappings) -> list[Checked]:
    try:
        await odata.get(client, f"{bc.api_root('')}/subscriptions")
    except ApiError as error:
        return [rules.no_subscriptions(error)]
    captured = [mappings.reading(side, name)[0].bc for side, name in mappings.captured() if side is Side.BC]
    return list(rules.webhooks(captured, await offered_by(client, company), {currencies.TABLE}))


def _of_all(side: Side, heard: Heard) -> list[Checked]:
    """What needs no question of its own."""
    return [*rules.clock(side, heard.skew_seconds), *rules.limits(side, heard.headers)]
