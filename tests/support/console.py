"""A console with something on every page, without a daemon: what browsers and pictures are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from daemon.store.views import Failure
from schemas.job import Run, RunKind, RunState
from tests.contract.web.conftest import RUN, World, ago, foretold

# Every page there is; the job has failures, the cause has records.
PAGES = (
    *("/", "/full-sync", "/mappings", "/jobs", "/jobs/4", "/jobs/90", "/jobs/90/findings", "/errors"),
    *("/errors?cause=c0ffee", "/errors?cause=deadbeef", "/couplings", "/couplings?text=nobody"),
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
    reader.names = _names
    if answered:
        reader.run_list = [
            replace(one, state=RunState.AWAITING_ANSWER) if one.id == RUN else one for one in reader.run_list
        ]
    return world


async def _names(failures: Sequence[Failure]) -> dict[int, str]:
    towns = ("Aachen", "Bonn", "Celle", "Dresden", "Essen", "Fulda", "Görlitz")
    return {each.id: f"Adatum {towns[each.id % len(towns)]}" for each in failures}
