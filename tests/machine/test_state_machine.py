"""Whatever people, commands, services, clocks and crashes do in whatever order: once quiet, both sides are right.

The model knows for each pair and field what either side wrote since both were last equal. One side's word holds; where
both spoke, that of the side which wins. Time is simulated, the rest is real but for Kafka's wire (`Stage`).
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from schemas.mapping import OnUpdateConflict
from schemas.side import Side
from tests.machine.ground import Ground, faults, happened
from tests.machine.model import FIELDS, OPTIONAL
from tests.support.faults import called

# Steps of one example: hypothesis ends some early, and this many are made on average.
_LONGEST, _SURE = 100, 80
_FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 429},
    {"status": 503, "retry_after": 3},
    {"status": 503, "after_commit": True},
    {"status": 401},
    {"kind": "drop"},
    {"kind": "drop", "after_commit": True},
    {"kind": "truncate", "after_commit": True},
    {"kind": "html", "status": 502},
    {"kind": "half"},
    {"kind": "repeat"},
)
_PLACES = (("GET", "/customers"), ("GET", "/accounts"), ("POST", "/customers"), ("POST", "/$batch"), ("PATCH", "("))
# By how much a side's clock is wrong, and how long before its commit a change of Business Central is stamped.
_OFFSETS, _LATE = (-3600, -240, 0, 240, 3600), (2, 60, 400)
_SIDES = st.sampled_from(list(Side))
_WINNERS = (OnUpdateConflict.BC_WINS, OnUpdateConflict.SALES_WINS)
# Customers are what is looked at; now and then all mappings are worked on.
_ALONE = st.sampled_from([True, True, True, False])
_ANSWERS = st.sampled_from(["keep", "restore"])
# Of these, whether the mappings are named or not, both sides are what they would be without them.
_COMMANDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("sync", {}),
    ("sync", {"all": True}),
    ("retry", {}),
    ("verify", {}),
    ("verify", {"repair": True}),
)


class Systems(Ground):
    """Each rule is something that happens. `first` wins conflicts at first."""

    first = OnUpdateConflict.BC_WINS

    @initialize(answer=_ANSWERS)
    def begin(self, answer: str) -> None:
        self._begin(self.first, answer)

    @rule(side=_SIDES, pair=st.integers(0, 50), field=st.sampled_from(sorted(FIELDS)), value=st.integers(0, 3))
    def edit(self, side: Side, pair: int, field: str, value: int) -> None:
        if (chosen := self._pair(pair)) is None:
            return
        text = f"value {value}"
        with self._person(side) as person:
            if side is Side.BC:
                person.edit(f"customers({chosen.bc})", **{FIELDS[field][0]: text})
            else:
                person.edit(f"accounts({chosen.sales})", **{FIELDS[field][1]: text})
        chosen.edit(side, field, text, self.model.spell)

    @rule(
        pair=st.integers(0, 50),
        field=st.sampled_from(sorted(FIELDS)),
        value=st.integers(0, 3),
        late=st.sampled_from(_LATE),
    )
    def edit_and_commit_late(self, pair: int, field: str, value: int, late: int) -> None:
        """Business Central stamps a change before it commits it. Nobody else has changed the record in between."""
        if (chosen := self._pair(pair)) is None:
            return
        written = datetime.fromisoformat(self._rows(Side.BC)[chosen.bc]["lastModifiedDateTime"])
        if written >= self._now(Side.BC) - timedelta(seconds=late):
            return
        faults["committed with an older time"] += 1
        self._set_clock(Side.BC, self._offsets[Side.BC] - late)
        self.edit(Side.BC, pair, field, value)
        self._set_clock(Side.BC, self._offsets[Side.BC])

    @rule(side=_SIDES, seconds=st.sampled_from(_OFFSETS))
    def set_clock(self, side: Side, seconds: int) -> None:
        """Somebody puts a side's clock wrong, or right."""
        faults["a side's clock set"] += 1
        self._offsets[side] = seconds
        self._set_clock(side, seconds)

    @rule(side=_SIDES)
    def create(self, side: Side) -> None:
        name = self.model.new()
        with self._person(side) as person:
            if side is Side.BC:
                person.create("customers", displayName=name, email=f"{name}@example.com")
            else:
                person.create("accounts", name=name, customertypecode=3, emailaddress1=f"{name}@example.com")

    @precondition(lambda self: len(self.model.pairs) > 2)
    @rule(side=_SIDES, pair=st.integers(0, 50))
    def delete(self, side: Side, pair: int) -> None:
        """Of a record nobody has edited meanwhile, and that Business Central lets go: one without ledger entries."""
        chosen = self._pair(pair)
        if (
            chosen is None
            or chosen.edited
            or chosen.bc == self.model.outside
            or self._rows(Side.BC)[chosen.bc]["balanceDue"]
        ):
            return
        with self._person(side) as person:
            if side is Side.BC:
                person.delete(f"customers({chosen.bc})")
            else:
                person.delete(f"accounts({chosen.sales})")
        self.model.delete(chosen)

    @rule(side=_SIDES)
    def capture(self, side: Side) -> None:
        self._loop.run_until_complete(self.stage.capture({side}))  # nothing is carried

    @rule()
    def carry(self) -> None:
        """What is on the topics, and not what has happened since."""
        self._run(self.stage.work())

    @rule(side=_SIDES, fault=st.sampled_from(_FAULTS), place=st.sampled_from(_PLACES), count=st.integers(1, 2))
    def fail(self, side: Side, fault: dict[str, Any], place: tuple[str, str], count: int) -> None:
        system = self._system(side)
        system.disarm()
        faults[called(fault)] += 1
        system.arm(method=place[0], path=place[1], count=count, **fault)

    @rule(side=_SIDES, number=st.integers(0, 4))
    def answer_too_slowly(self, side: Side, number: int) -> None:
        faults["answer too late"] += 1
        self.stage.lines[side].too_slow.add(number)

    @rule(new_log=st.booleans())
    def restart(self, new_log: bool) -> None:
        happened["restarts, every other one with the log lost"] += 1
        self._run(self.stage.restart(new_log=new_log))

    @rule(seconds=st.sampled_from([1, 40, 700, 90_000]))
    def wait(self, seconds: int) -> None:
        self.stage.clock.tick(seconds)

    @rule(answer=_ANSWERS, alone=_ALONE, in_advance=st.booleans())
    def full_sync(self, answer: str, alone: bool, in_advance: bool) -> None:
        """Of all mappings, or of customers alone; it is answered in advance, or asks."""
        if not self._paused:
            self._full_sync(answer, in_advance=in_advance, **_named(alone))

    @rule(command=st.sampled_from(_COMMANDS), alone=_ALONE)
    def command(self, command: tuple[str, dict[str, Any]], alone: bool) -> None:
        """Of all mappings, or of customers alone."""
        if not self._paused:
            self._command(command[0], **command[1], **_named(alone))

    @rule(pair=st.integers(0, 50), use=_SIDES)
    def couple_anew(self, pair: int, use: Side) -> None:
        """Uncoupled, and coupled with the values of one side, whatever the other has said."""
        with self._one_sides_values(pair, use) as chosen:
            if chosen is not None:
                self._command("uncouple", mapping="CUSTOMER", records=[chosen.id(use)])
                self._command("couple", mapping="CUSTOMER", bc_id=chosen.bc, sales_id=chosen.sales, use=use.value)

    @rule(pair=st.integers(0, 50), use=_SIDES)
    def carry_one_sides_values(self, pair: int, use: Side) -> None:
        """By `retry --use`: over the other's, whatever that has said."""
        with self._one_sides_values(pair, use) as chosen:
            if chosen is not None:
                self._command("retry", mappings=["CUSTOMER"], records=[chosen.id(use)], use=use.value)

    @rule()
    def pause_or_resume(self) -> None:
        self._pause_or_resume()

    @precondition(lambda self: self._steps > 25)
    @rule(winner=st.sampled_from(_WINNERS), optional=st.booleans(), outside=st.none() | st.integers(0, 50))
    def rest_and_change_the_rules(self, winner: OnUpdateConflict, optional: bool, outside: int | None) -> None:
        """In quiet, since what is under way would be judged by either: another winner, a field more or less, a pair
        that the filters leave out. What comes back wants a full synchronisation.
        """
        self.rest()
        chosen = None if outside is None else self._pair(outside)
        before = (self.model.mapped, self.model.outside)
        self.model.change_rules(
            winner, FIELDS.keys() - ({OPTIONAL} if not optional else set()), chosen.bc if chosen else ""
        )
        name = self._rows(Side.BC)[chosen.bc]["displayName"] if chosen else ""
        self._run(self.stage.configure(self._mappings(name)))
        if self.model.mapped - before[0] or before[1] not in ("", self.model.outside):
            happened["fields and pairs that came back"] += 1
            self._full_sync("restore", mappings=["CUSTOMER"])

    @invariant()
    def count(self) -> None:
        self._steps += 1
        happened["steps"] += 1


def _named(alone: bool) -> dict[str, Any]:
    return {"mappings": ["CUSTOMER"]} if alone else {}


class SystemsAndOtherWinner(Systems):
    """The same from another start, and by other steps: hypothesis draws them by the code."""

    first = OnUpdateConflict.SALES_WINS


_HALVES = (Systems, SystemsAndOtherWinner)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("half", _HALVES)
def test_both_sides_are_as_they_must_be_whenever_all_is_quiet(half: type[Systems]) -> None:
    """The same steps each time; with another --hypothesis-profile, others. COUPLED_STEPS: so many in both, or more."""
    wanted, before = int(os.environ.get("COUPLED_STEPS", "2000")) // len(_HALVES), happened["steps"]
    _go(half, wanted)
    assert happened["steps"] - before >= wanted


def go(steps: int, **options: Any) -> None:
    """So many steps and some more; AssertionError where both sides are not as they must be."""
    for half in _HALVES:
        _go(half, steps // len(_HALVES), **options)


def _go(half: type[Systems], steps: int, **options: Any) -> None:
    some = settings(max_examples=-(-steps // _SURE), stateful_step_count=_LONGEST, **options)
    run_state_machine_as_test(half, settings=some)
