"""What the rules cost without any I/O: decide and translate, on seeded customers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from consumers.decide import Create, Decision, Modify, decide
from daemon.sandbox.seed import seed
from schemas import mapping_file, rows
from schemas.change import Change, Op
from schemas.coupling import Coupling, Half, Lookups, Reference
from schemas.flags import Flags
from schemas.mapping import TableMapping
from schemas.outcome import Settled
from schemas.side import Side

_ROUNDS = 20
_PARTNER = "11111111-1111-4111-8111-111111111111"


def microseconds() -> dict[str, float]:
    """Per change, by what is decided."""
    mapping = mapping_file.parse(mapping_file.standard_text())["CUSTOMER"]
    customers = [{**row, "@odata.etag": 'W/"1"'} for row in seed(customers=300).bc["customers"]]
    customers = [row for row in customers if mapping.bc.filter.matches(row)]
    lookups = _lookups(customers)
    changes = [rows.change(mapping.bc, row, Op.UPDATE, 0) for row in customers]
    couplings = [_coupling(mapping, row) for row in customers]
    edited = [replace(change, after={**(change.after or {}), "city": "Edited"}) for change in changes]
    none: list[Coupling | None] = [None] * len(changes)
    cases: dict[str, tuple[Sequence[Change], Sequence[Coupling | None], type[Decision]]] = {
        "create": (changes, none, Create),
        "modify": (edited, couplings, Modify),
        "unchanged": (changes, couplings, Settled),
    }
    flags = Flags(only_coupled=False, paused=False)
    return {name: _timed(lambda c, k: decide(c, mapping, k, lookups, flags), *case) for name, case in cases.items()}


def _timed(
    work: Callable[[Change, Coupling | None], Decision],
    changes: Sequence[Change],
    couplings: Sequence[Coupling | None],
    expected: type[Decision],
) -> float:
    """Best of the rounds: everything slower is the machine's doing."""
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        made = [work(change, coupling) for change, coupling in zip(changes, couplings, strict=True)]
        best = min(best, time.perf_counter() - started)
    if not all(isinstance(one, expected) for one in made):
        raise RuntimeError(f"expected only {expected.__name__}")
    return best / len(changes) * 1e6


def _coupling(mapping: TableMapping, row: dict[str, Any]) -> Coupling:
    return Coupling(mapping.name, rows.half(mapping, Side.BC, row), Half(_PARTNER, 'W/"1"'))


def _lookups(customers: Sequence[dict[str, Any]]) -> Lookups:
    """Every currency and salesperson that the customers name, as if coupled."""
    fields = {"currencyCode": "CURRENCY", "salespersonCode": "SALESPEOPLE"}
    named = {
        Reference(of, Side.BC, "code", str(row[field]).upper())
        for row in customers
        for field, of in fields.items()
        if row.get(field)
    }
    return {one: {"id": _PARTNER} for one in named}
