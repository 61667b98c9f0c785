"""What the store tells, as the web shows it."""

from collections.abc import Mapping

from daemon.store.views import CouplingView
from daemon.web.ports import Coupled, Found, LastRun, MappingStatus
from schemas.job import Job, MappingState
from schemas.mapping import TableMapping
from schemas.naming import called
from schemas.side import Direction
from schemas.survey import Finding, said


def found_of(one: Finding, mapping: str) -> Found:
    said_of = said(one.kind, one.detail)
    return Found(one.kind, one.direction, one.bc_id, one.sales_id, one.label, said_of, one.detail, mapping)


def status_of(
    mapping: TableMapping,
    state: MappingState | None,
    couplings: int,
    failures: int,
    lags: Mapping[tuple[str, Direction], float],
) -> MappingStatus:
    now = state or MappingState(mapping.name)
    return MappingStatus(
        name=mapping.name,
        direction=mapping.direction,
        bc_table=mapping.bc.name,
        sales_table=mapping.sales.name,
        only_coupled=mapping.only_coupled if now.only_coupled is None else now.only_coupled,
        depends_on=mapping.depends_on,
        live=mapping.live,
        paused_at=now.paused_at,
        couplings=couplings,
        failures=failures,
        lag={way: lags[mapping.name, way] for way in mapping.direction.one_ways if (mapping.name, way) in lags},
    )


def last_run_of(job: Job) -> LastRun:
    return LastRun(job.id, job.state, job.started, job.finished, job.failed)


def coupled_of(view: CouplingView) -> Coupled:
    coupling = view.coupling
    name = called({**coupling.sales.base, **coupling.bc.base})
    references = coupling.bc.references
    return Coupled(coupling.mapping, coupling.bc.id, coupling.sales.id, name, view.updated_at, references)
