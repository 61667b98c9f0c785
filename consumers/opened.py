"""Couplings of which nothing is agreed any more: one record is gone, and is to be restored by the other. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from schemas.change import Change, Op
from schemas.coupling import Coupling
from schemas.outcome import Outcome, Settled
from schemas.side import Side


def unagreed(coupling: Coupling) -> Coupling:
    """As if the two had never agreed on anything: the survivor's next carry finds its partner gone, and restores it."""
    bc, sales = (replace(coupling.half(side), version="", sequence=0, base={}) for side in (Side.BC, Side.SALES))
    return replace(coupling, bc=bc, sales=sales)


def is_open(coupling: Coupling | None) -> bool:
    """Is a record without an agreed partner: it has none, or the one it had is gone and to be restored?"""
    return coupling is None or not (coupling.bc.base or coupling.sales.base)


def kept(couplings: Iterable[Coupling]) -> list[Settled]:
    """To store these as no outcome of any change: failures and counters stay as they are."""
    nothing = Change(Op.DELETE, Side.BC, "", "", None, "", 0, 0, 0)
    return [Settled(replace(nothing, key=one.bc.id), one.mapping, Outcome.IGNORED, one) for one in couplings]
