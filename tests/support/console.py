"""A console with something on every page, without a daemon: what browsers and pictures are shown."""

from __future__ import annotations

from dataclasses import replace

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
    reader.failure_list = [replace(one, name=_town(one.id)) for one in reader.failure_list]
    if answered:
        reader.run_list = [
            replace(one, state=RunState.AWAITING_ANSWER) if one.id == RUN else one for one in reader.run_list
        ]
    return world


def _town(number: int) -> str:
    towns = ("Aachen", "Bonn", "Celle", "Dresden", "Essen", "Fulda", "Görlitz")
    return f"Adatum {towns[number % len(towns)]}"
