"""Everything there is to know of one record, read from the store and both sides, and explained by the rules."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from consumers.decide import named
from consumers.explain.facts import Facts
from consumers.explain.telling import explain
from consumers.lookups import LookUps
from consumers.named import Named, is_id
from consumers.ports import Row
from consumers.recovering import recalled
from consumers.survey.drift import Hints, looked_up
from daemon.sides import Sides
from daemon.store.engine import Store
from daemon.store.views import CouplingView, Failure
from schemas.coupling import Coupling, Lookups, Reference
from schemas.errors import ApiError, Refused, Unreachable
from schemas.explanation import Event, Explanation, Trouble
from schemas.mapping import TableMapping
from schemas.mapping_diff import renewed
from schemas.naming import called
from schemas.side import Side

# A person waits for it.
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Explainer:
    """One read of each side for a record that is named by its id; by a number or code it is looked for first."""

    sides: Sides
    store: Store
    patience: float = PATIENCE_SECONDS

    async def explain(self, mapping: str, record: str) -> Explanation:
        """Refused if there is no such mapping or record; Unreachable if a side or the store does not answer in time."""
        try:
            async with asyncio.timeout(self.patience):
                return explain(await self._facts(self._mapping(mapping), record.strip()))
        except TimeoutError:
            told = f"The two sides did not answer within {self.patience:g} s."
            raise Unreachable("sides-slow", told, "Try again; `coupled check` tells how each side is.") from None
        except ApiError as error:
            problem = error.problem
            raise Unreachable(problem.code, f"A side did not answer: {problem.message}", problem.hint) from error

    def _mapping(self, name: str) -> TableMapping:
        found = self.sides.mappings.by_name.get(name)
        if found is None:
            raise Refused("mapping-unknown", f"There is no mapping {name!r}.", "`coupled status` lists them.")
        return found

    async def _facts(self, mapping: TableMapping, record: str) -> Facts:
        coupled, ids = await self._known(mapping, record)
        seen = await self._seen(mapping, ids)
        failures = await self.store.pairs.failures(mapping.name, ids)
        history = await self.store.history.of(mapping.name, ids)
        if coupled is None and not seen and not failures and not history:
            raise _unknown(mapping, record)
        if coupled is None:
            gone = _of_failure(failures[0]) if failures else _of_event(history[0]) if history else {}
            ids = {side: key for side, key in ids.items() if side in seen} or gone
        flags, states = await self.store.memory.flags([mapping]), await self.store.states.get(mapping.name)
        facts = Facts(
            mapping=mapping,
            flags=flags[mapping.name],
            seen=seen,
            ids=ids,
            coupling=await self._recalled(mapping, coupled.coupling, seen) if coupled else None,
            failures=tuple(map(_trouble, failures)),
            history=history,
            now_ms=self.sides.now_ms(),
            paused_at=states.paused_at,
            coupled_at=coupled.created_at if coupled else None,
            synchronised_at=coupled.updated_at if coupled else None,
        )
        return await self._hinted(replace(facts, lookups=await self._lookups(facts), names=await self._names(facts)))

    async def _recalled(self, mapping: TableMapping, coupling: Coupling, seen: Mapping[Side, Row]) -> Coupling:
        """What a kill, or a lost answer, has left of our own work with the partner is nobody's edit (promise 3)."""
        begun = await self.store.memory.changes_begun(mapping.name, [coupling.bc.id])
        return recalled(mapping, coupling, begun.get(coupling.bc.id, ()), seen)

    async def _known(self, mapping: TableMapping, record: str) -> tuple[CouplingView | None, dict[Side, str]]:
        """Its coupling, if it has one, and the ids to look for."""
        key = record.lower()
        if found := await self._coupled(mapping, dict.fromkeys(Side, key)):
            return found, {side: found.coupling.half(side).id for side in Side}
        if is_id(record):
            return None, dict.fromkeys(Side, key)
        ids = await self._bearing(mapping, record)
        if found := await self._coupled(mapping, ids):
            return found, {side: found.coupling.half(side).id for side in Side}
        return None, ids

    async def _coupled(self, mapping: TableMapping, ids: Mapping[Side, str]) -> CouplingView | None:
        for side, key in ids.items():
            if found := await self.store.pairs.coupled(mapping.name, side, key):
                return found
        return None

    async def _bearing(self, mapping: TableMapping, name: str) -> dict[Side, str]:
        """The record that bears this number, code or text: Business Central's, else Sales'."""
        records = Named({side: self.sides.records(side) for side in Side})
        for side in Side:
            try:
                return {side: await records.key(mapping, side, name)}
            except Refused as error:
                if error.problem.code != "record-unknown":
                    raise
        raise _unknown(mapping, name)

    async def _seen(self, mapping: TableMapping, ids: Mapping[Side, str]) -> dict[Side, Row]:
        async def read(side: Side, key: str) -> Mapping[str, Row]:
            return await self.sides.records(side).read(mapping, [key])

        found = await asyncio.gather(*(read(side, key) for side, key in ids.items()))
        return {side: rows[key] for (side, key), rows in zip(ids.items(), found, strict=True) if key in rows}

    async def _lookups(self, facts: Facts) -> Lookups:
        """What either record names."""
        mapping = facts.mapping
        wanted = {one for way in facts.ways for one in named(mapping, [facts.change(way.source)])}
        if facts.coupling and not facts.gone:
            wanted |= looked_up(mapping, facts.now)
        readers = {side: self.sides.records(side) for side in Side}
        return await LookUps(self.sides.mappings, self.store.memory, readers).of(mapping, wanted)

    async def _names(self, facts: Facts) -> Mapping[Reference, str]:
        """How the coupled ones that either record names by their id are called."""
        found: dict[Reference, str] = {}
        for one in facts.by_id:
            bases = await self.store.pairs.bases(one.mapping, one.side, [one.value])
            if base := bases.get(one.value):
                found[one] = called(base)
        return found

    async def _hinted(self, facts: Facts) -> Facts:
        """Where a field differs: what of the mapping has changed since, and what a blank is shown as."""
        if not facts.drifts:
            return facts
        name, known = facts.mapping.name, (await self.store.definitions.known()).get(facts.mapping.name)
        asks = any(one.rule.lookup for one in facts.drifts)
        shown = await self.sides.shown_blanks(name) if asks else {}
        return replace(facts, hints=Hints(renewed(known.owed) if known else {}, shown))


def _unknown(mapping: TableMapping, record: str) -> Refused:
    return Refused(
        "record-unknown",
        f"Neither side has a record {record!r} of {mapping.name}, and nothing is known of one.",
        "Name it by either side's id, or by its number or code.",
    )


def _of_failure(failure: Failure) -> dict[Side, str]:
    """The ids of a record that is known by having failed, and gone since."""
    ids = {Side.BC: failure.bc_id, Side.SALES: failure.sales_id}
    return {side: key for side, key in ids.items() if key} or {failure.direction.source: failure.source_key}


def _of_event(event: Event) -> dict[Side, str]:
    """The ids of a record that is gone, and was deleted or uncoupled here."""
    return {side: key for side, key in ((Side.BC, event.bc_id), (Side.SALES, event.sales_id)) if key}


def _trouble(one: Failure) -> Trouble:
    return Trouble(
        direction=one.direction,
        state=one.state,
        problem=one.problem,
        attempts=one.attempts,
        first_at=one.first_at,
        last_at=one.last_at,
        again_at=one.again_at,
        resolved_at=one.resolved_at,
        job=one.job_id,
    )
