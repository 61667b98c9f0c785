"""The pages of the mappings: how each stands, and how one is defined."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daemon.web.defined import defined, looked_up
from daemon.web.ports import Services
from daemon.web.rendering import Renderer
from schemas.errors import Refused
from schemas.nearest import did_you_mean


@dataclass(frozen=True, slots=True)
class Referring:
    """The other mappings that name this one, by how they do."""

    after: Sequence[str]
    looking_up: Sequence[str]
    uncoupled_with: Sequence[str]


def router(services: Services, renderer: Renderer) -> APIRouter:
    routes, reader = APIRouter(include_in_schema=False), services.reader

    @routes.get("/mappings")
    async def mappings(request: Request) -> Response:
        return await renderer.page(request, "mappings", mappings=await reader.mappings())

    @routes.get("/mappings/{name}")
    async def mapping(request: Request, name: str) -> Response:
        known = {each.name: each for each in await reader.mappings()}
        definition = await reader.definition(name)
        if name not in known or definition is None:
            hint = did_you_mean(name, known) or "The mappings file names them."
            raise Refused("mapping-unknown", f"There is no mapping {name!r}.", hint)
        return await renderer.page(
            request,
            "mappings",
            template="mapping.html",
            mapping=known[name],
            defined=defined(definition, known, only_coupled=known[name].only_coupled),
            referring=await _referring(services, name),
            file=services.summary.get("Mappings", ""),
        )

    return routes


async def _referring(services: Services, name: str) -> Referring:
    others = {each: await services.reader.definition(each) or {} for each in services.reader.mapping_names}
    return Referring(
        after=[each for each, one in others.items() if name in one.get("depends_on", ())],
        looking_up=[each for each, one in others.items() if name in looked_up(one)],
        uncoupled_with=[each for each, one in others.items() if name in one.get("uncouple_with", ())],
    )
