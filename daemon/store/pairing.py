"""Strict 1:1: which couplings of a batch may be written, decided before anything is (DESIGN 2)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.store.coupling_rows import id_column
from daemon.store.database import chunks
from daemon.store.tables import CouplingRow
from schemas.coupling import Coupling
from schemas.errors import Problem
from schemas.outcome import Outcome, Settled
from schemas.side import Side


@dataclass
class Pairing:
    """Who is coupled with whom, as stored and as the batch changes it, settled by settled.

    `pairs` is {(mapping, side, id): id on the other side}. `ids` holds the row of each stored pair by (mapping, BC
    id), `gone` the rows to delete, `puts` the couplings to write. A settled whose pair is not free becomes `failed`,
    so that one bad record never stops the others (promise 7).
    """

    pairs: dict[tuple[str, Side, str], str] = field(default_factory=dict)
    ids: dict[tuple[str, str], int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    puts: dict[tuple[str, str], Coupling] = field(default_factory=dict)

    def stored(self, row_id: int, mapping: str, bc: str, sales: str) -> None:
        self.ids[mapping, bc] = row_id
        self._pair(mapping, bc, sales)

    def take(self, settled: Settled) -> Settled:
        """The settled as it is to be recorded."""
        if settled.uncouple:
            self._uncouple(settled)
        if settled.coupling is None:
            return settled
        taken = self._taken(settled.coupling)
        if taken is not None:
            problem = _already_coupled(settled.coupling, *taken)
            return replace(settled, outcome=Outcome.FAILED, coupling=None, problem=problem)
        self._couple(settled.coupling)
        return settled

    def _taken(self, coupling: Coupling) -> tuple[str, str] | None:
        """The existing pair (BC id, Sales id) that stands in the way."""
        bc, sales = coupling.bc.id, coupling.sales.id
        other_sales = self.pairs.get((coupling.mapping, Side.BC, bc), sales)
        if other_sales != sales:
            return bc, other_sales
        other_bc = self.pairs.get((coupling.mapping, Side.SALES, sales), bc)
        return (other_bc, sales) if other_bc != bc else None

    def _couple(self, coupling: Coupling) -> None:
        self._pair(coupling.mapping, coupling.bc.id, coupling.sales.id)
        self.puts[coupling.mapping, coupling.bc.id] = coupling

    def _uncouple(self, settled: Settled) -> None:
        mapping, change = settled.mapping, settled.change
        other = self.pairs.pop((mapping, change.side, change.key), None)
        if other is None:
            return
        self.pairs.pop((mapping, change.side.other, other), None)
        bc = change.key if change.side is Side.BC else other
        self.puts.pop((mapping, bc), None)
        row_id = self.ids.pop((mapping, bc), None)
        if row_id is not None:
            self.gone.add(row_id)

    def _pair(self, mapping: str, bc: str, sales: str) -> None:
        self.pairs[mapping, Side.BC, bc] = sales
        self.pairs[mapping, Side.SALES, sales] = bc


async def load_pairing(connection: AsyncConnection, settled: Iterable[Settled]) -> Pairing:
    """The stored pairs that the batch touches, by either id."""
    pairing = Pairing()
    for (mapping, side), ids in _touched(settled).items():
        for chunk in chunks(ids):
            await _load(connection, pairing, mapping, side, chunk)
    return pairing


async def _load(connection: AsyncConnection, pairing: Pairing, mapping: str, side: Side, ids: Sequence[str]) -> None:
    row = CouplingRow
    query = select(row.id, row.mapping, row.bc_id, row.sales_id)
    for found in await connection.execute(query.where(row.mapping == mapping, id_column(side).in_(ids))):
        pairing.stored(*found)


def _touched(settled: Iterable[Settled]) -> dict[tuple[str, Side], list[str]]:
    ids: dict[tuple[str, Side], list[str]] = defaultdict(list)
    for one in settled:
        if one.uncouple:
            ids[one.mapping, one.change.side].append(one.change.key)
        if one.coupling is not None:
            for side in Side:
                ids[one.coupling.mapping, side].append(one.coupling.half(side).id)
    return ids


def _already_coupled(coupling: Coupling, bc: str, sales: str) -> Problem:
    return Problem(
        "already-coupled",
        f"{coupling.mapping}: Business Central record {coupling.bc.id} cannot be coupled with Sales record "
        f"{coupling.sales.id}, because {bc} is already coupled with {sales}.",
        f"Remove the duplicate, or `coupled uncouple {coupling.mapping} {bc}`; then retry the record.",
    )
