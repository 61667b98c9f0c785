"""`coupled check`: what is there before the first run, told in one page. It reads, and writes nothing (DESIGN 6)."""

import asyncio
import time
from collections.abc import Callable, Mapping

import httpx

from daemon.checkup.notify import notify
from daemon.checkup.parts import kafka, store
from daemon.checkup.probe import Heard
from daemon.checkup.sides import Looked, business_central, sales
from daemon.settings import Settings
from schemas.checkup import Checked, State, fine, not_tried
from schemas.checkup_rules import EXPLAINED
from schemas.finding import Finding, Level
from schemas.mapping_check import judge
from schemas.mapping_file import MappingsFile
from schemas.metadata import Served, Service
from schemas.side import Side

_MAPPINGS = "mappings"


async def checkup(
    settings: Settings,
    file: MappingsFile,
    clients: Mapping[Side, httpx.AsyncClient],
    now: Callable[[], float] = time.time,
) -> list[Checked]:
    """All findings. Every probe stands alone: one that fails is told, and keeps no other from being told.

    Of a `file` with mistakes, what is left without them is held against the sides.
    """
    mappings = file.mappings
    bc, there, broker, memory, told = await asyncio.gather(
        business_central(clients[Side.BC], Heard(clients[Side.BC], now), settings, mappings),
        sales(clients[Side.SALES], Heard(clients[Side.SALES], now), settings, mappings),
        kafka(settings),
        store(settings),
        notify(settings),
    )
    return [*bc.found, *there.found, *broker, *memory, *told, *judged(file, bc, there)]


def judged(file: MappingsFile, bc: Looked, there: Looked) -> list[Checked]:
    """The mappings file against what both sides serve, as far as they could be asked."""
    unknown = frozenset(side for side, one in ((Side.BC, bc), (Side.SALES, there)) if one.services is None)
    of_sales = (there.services or {}).get("", Service({}))
    # Change tracking was tried, table by table.
    served = Served(bc.services or {}, Service(of_sales.sets, of_sales.types), unknown)
    told = [_told(finding, f"{file.source}, line {file.line(finding.place)}") for finding in judge(file, served)]
    names = len(file.mappings.all)
    if unknown:
        sides = " and ".join(sorted(side.label for side in unknown))
        return [*told, not_tried(_MAPPINGS, "fields", f"{names} mappings; not held against {sides}.")]
    return told or [fine(_MAPPINGS, "fields", f"Both sides serve every table and field of the {names} mappings.")]


def _told(finding: Finding, where: str) -> Checked:
    state = State.ERROR if finding.level is Level.ERROR else State.WARNING
    place = ".".join(str(part) for part in finding.place)
    return Checked(_MAPPINGS, "fields", state, f"{where}, {place}: {finding.message}", finding.hint or EXPLAINED)
