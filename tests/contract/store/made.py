"""Changes, couplings and outcomes, made short."""

from dataclasses import replace
from itertools import count
from typing import Any

from consumers.ports import Applied
from schemas.change import Change, Op
from schemas.coupling import Coupling, Half
from schemas.errors import Problem
from schemas.mapping import Table, TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side

CUSTOMER = "CUSTOMER"
TOPIC = "coupled.bc.customers"
_versions = count(1)
NOWHERE = Applied(TOPIC, "log-1")


def change(key: str, side: Side = Side.BC, job: int | None = None) -> Change:
    mapping = None if job is None else CUSTOMER
    return Change(Op.UPDATE, side, "customers", key, {}, 'W/"1"', 1, 1000, 2000, job, mapping)


def coupling(bc: str, sales: str, mapping: str = CUSTOMER, **bc_references: str) -> Coupling:
    return Coupling(
        mapping,
        Half(bc, 'W/"b1"', 1_700_000_000_123, {"displayName": "Æther Ltd", "creditLimit": 12.5}, bc_references),
        Half(sales, 'W/"77"', 2**40, {"name": "Æther Ltd", "creditlimit": 12.5, "fax": None}, {"uom": "u1"}),
    )


def coupled(bc: str, sales: str, *, outcome: Outcome = Outcome.COUPLED, **more: Any) -> Settled:
    """BC's change of `bc`, which ends coupled with `sales`."""
    job = more.pop("job", None)
    return Settled(change(bc, job=job), CUSTOMER, outcome, coupling(bc, sales, **more), partner=sales)


def uncoupled(key: str, side: Side = Side.BC) -> Settled:
    return Settled(change(key, side), CUSTOMER, Outcome.UNCOUPLED, uncouple=True)


def ended(key: str, outcome: Outcome, *, side: Side = Side.BC, job: int | None = None, **more: Any) -> Settled:
    """A change that ends without writing a coupling."""
    return replace(Settled(change(key, side, job), CUSTOMER, outcome), **more)


def failed(key: str, code: str = "http-400", **more: Any) -> Settled:
    """Each time another version of the record."""
    problem = Problem(code, f"{key} is not good.", "Make it good.")
    made = ended(key, more.pop("outcome", Outcome.FAILED), problem=problem, **more)
    return replace(made, change=replace(made.change, version=f'W/"{next(_versions)}"'))


def conflict(bc: str, sales: str, side: Side, *clashing: str) -> Settled:
    """A conflict in these fields, as the change of one side tells it; in none, as an earlier version did."""
    key, partner = (bc, sales) if side is Side.BC else (sales, bc)
    more = {"partner": partner, "outcome": Outcome.CONFLICT, "clashing": clashing}
    return failed(key, "update-conflict", side=side, **more)


def mapping(name: str = CUSTOMER, only_coupled: bool = True) -> TableMapping:
    bc, sales = Table(Side.BC, "customers", "id"), Table(Side.SALES, "accounts", "accountid")
    return TableMapping(name, bc, sales, Direction.BOTH, (), only_coupled=only_coupled)
