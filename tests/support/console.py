"""A console with something on every page, without a daemon: what browsers and pictures are shown."""

from __future__ import annotations

from dataclasses import replace

from schemas.alert_causes import Kind
from schemas.holding import Alert
from schemas.job import Run, RunKind, RunState
from tests.contract.web.conftest import RUN, World, ago, foretold

# Every page there is; the job has failures, the cause has records.
PAGES = (
    *("/", "/full-sync", "/mappings", "/mappings/CUSTOMER", "/mappings/RESOURCE-PRODUCT"),
    *("/jobs", "/jobs/4", "/jobs/90", "/jobs/90/findings", "/errors"),
    *(
        "/jobs/4/records",
        "/jobs/4/records?outcome=modified",
        "/records?outcome=unchanged",
        "/errors?cause=c0ffee",
        "/errors?cause=deadbeef",
        "/couplings",
        "/couplings?text=nobody",
    ),
    *("/couplings/CUSTOMER/10000", "/couplings/ITEM-PRODUCT/1000"),
    *("/couplings?mapping=CUSTOMER", "/blanks", "/dead-letters", "/set-up", "/api"),
)


def busy_console(answered: bool = False, **services: object) -> World:
    """In the middle of a full synchronisation, after a dry run; or where its answer is due."""
    world = World(**services)
    reader = world.reader
    dry = Run("dry", RunKind.PREVIEW, RunState.DONE, ("CUSTOMER",), created=ago(9), started=ago(9), finished=ago(8))
    reader.run_list.append(dry)
    reader.job_list.append(foretold())
    reader.alert_list = _alerts()
    reader.failure_list = [replace(one, name=_town(one.id)) for one in reader.failure_list]
    if answered:
        reader.run_list = [
            replace(one, state=RunState.AWAITING_ANSWER) if one.id == RUN else one for one in reader.run_list
        ]
    return world


def _alerts() -> list[Alert]:
    """One of each severity, and a text as long as they come."""
    unread = "Changes in unitsOfMeasure, customers, contacts, items, resources (bc) have not been read for ten minutes"
    found = (
        (Kind.CAPTURE_STALLED, "critical", "bc", unread, "/readyz and the log say why"),
        (Kind.BEHIND, "warning", "CUSTOMER to_sales", "CUSTOMER to_sales is 15 minutes behind", "/readyz says why"),
        (Kind.WEBHOOKS, "info", "bc", "Business Central does not tell of changes in items", "It is polled instead"),
    )
    return [
        Alert(f"{kind}:{about}", kind, *(severity, about, *said), ago(1900)) for kind, severity, about, *said in found
    ]


def _town(number: int) -> str:
    towns = ("Aachen", "Bonn", "Celle", "Dresden", "Essen", "Fulda", "Görlitz")
    return f"Adatum {towns[number % len(towns)]}"
