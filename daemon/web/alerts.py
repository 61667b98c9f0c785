"""The alerts that hold: as a list of the API, and on the overview, with the page that helps."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter

from daemon.web.operations import OPERATIONS
from daemon.web.paging import ALERTS, Asked, Listing, Paging
from daemon.web.ports import Page, Services
from schemas.alert_causes import Kind
from schemas.holding import NOBODY_LEADS, Alert

# Where a synchronisation that runs is the usual cause, or else what tries everything once.
_JOBS, _SET_UP, _READY = "/jobs?state=running", "/set-up", "/readyz"
_PAGES = {
    Kind.BEHIND: _JOBS,
    Kind.THROTTLED: _JOBS,
    Kind.SLOW: _JOBS,
    Kind.NOTHING_RAN: _READY,
    NOBODY_LEADS: _READY,
}


def router(services: Services) -> APIRouter:
    routes = APIRouter()

    @routes.get("/api/alerts", **OPERATIONS)
    async def alerts(asked: Paging) -> Listing[Alert]:
        """What is wrong now, of the whole deployment, the worst first; with each the command or the place that tells
        more. `alert` is the name of an entry of docs/runbooks.md."""
        return asked.listing(ALERTS, _part(asked, await services.reader.alerts(services.started)))

    return routes


def help_page(alert: Alert) -> str:
    """The page of the console that tells more."""
    if alert.alert == Kind.RUN_STALLED:
        return f"/jobs?{urlencode({'run': alert.about})}"
    return _PAGES.get(alert.alert, _SET_UP)


def _part(asked: Asked, found: Sequence[Alert]) -> Page[Any]:
    """What was over since the page before is no longer there."""
    after = asked.after(ALERTS)
    behind = sorted((one for one in found if after is None or one.place > after), key=lambda one: one.place)
    part = behind[: asked.limit]
    return Page(part, 0, part[-1].place if len(behind) > len(part) else None, len(found))
