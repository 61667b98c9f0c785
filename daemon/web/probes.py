"""Health and metrics, for orchestrators and Prometheus."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from daemon.web.ports import Services


def router(services: Services) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/healthz")
    async def alive() -> Response:
        """200 while every loop turns; what is unreachable outside is no reason to restart us."""
        return _health(list(services.stalled()))

    @routes.get("/readyz")
    async def ready() -> Response:
        """200 when Kafka, the store and both sides are up; else 503 and why."""
        return _health(list(await services.unready()))

    @routes.get("/metrics")
    async def metrics(request: Request) -> Response:
        text, kind = services.metrics.negotiate(request.headers.get("accept", ""))
        return Response(text, media_type=kind)

    return routes


def _health(reasons: list[str]) -> JSONResponse:
    return JSONResponse({"ok": not reasons, "reasons": reasons}, status_code=503 if reasons else 200)
