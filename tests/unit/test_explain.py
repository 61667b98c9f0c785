"""Each reason why a record is, or is not, in step, once: the sentence, the next step, and the fields behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from consumers.explain.facts import Facts
from consumers.explain.telling import explain
from consumers.survey.drift import Hints
from schemas.coupling import OUTSIDE, Coupling, Half, Reference
from schemas.errors import Problem
from schemas.explanation import Explanation, Trouble, Why
from schemas.flags import Flags
from schemas.mapping import TableMapping
from schemas.side import Direction, Side
from tests.support.made import BC_ID, FIELDS, NAME, SALES_ID, bc_row, coupled, mapping, mappings, part, sales_row

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
AGREED = (bc_row(displayName="Ada", city="Ulm"), sales_row(name="Ada", address1_city="Ulm"))
IDS = {Side.BC: BC_ID, Side.SALES: SALES_ID}
FIRM = {"bc": "companyNumber", "sales": "parentcustomerid", "lookup": "FIRM", "clear_on_failure": True}


def pair(bc: dict[str, Any] | None, sales: dict[str, Any] | None, /, **settings: Any) -> Facts:
    """A pair that agreed, after these edits; None: the record is gone."""
    mapped = mapping(**{"on_update_conflict": "merge", **settings})
    edits = {Side.BC: bc, Side.SALES: sales}
    seen = {side: {**AGREED[n], **(edits[side] or {})} for n, side in enumerate(Side) if edits[side] is not None}
    return Facts(mapped, Flags(False, False), seen, IDS, coupled(mapped, *AGREED))


def single(side: Side = Side.BC, /, only_coupled: bool = False, **settings: Any) -> Facts:
    """A record that has no partner."""
    mapped: TableMapping = mapping(**settings)
    return Facts(mapped, Flags(only_coupled, False), {side: AGREED[side is Side.SALES]}, {side: IDS[side]})


def failed(facts: Facts, state: str, code: str = "bad", way: Direction = Direction.TO_SALES) -> Facts:
    again = AT if state in ("waiting", "retrying") else None
    problem = Problem(code, "The side said no.", "Mend it.")
    return replace(facts, failures=(Trouble(way, state, problem, 2, AT, AT, again),))


def paused(facts: Facts) -> Facts:
    return replace(facts, flags=Flags(facts.flags.only_coupled, True), paused_at=AT)


CITY = {"city": "Bonn"}
OUT = {"bc": {"table": "customers", "filter": "city eq 'Ulm'"}}
SUBJECT = "Not in step: Business Central's city was changed"
ALONE = "Not in step: Business Central's record has no partner in Sales"

REASONS: list[tuple[Why, Facts, str, str]] = [
    (Why.IN_STEP, pair({}, {}), "In step.", ""),
    (Why.ON_ITS_WAY, pair(CITY, {}), f"{SUBJECT}, and nothing keeps it from being carried to Sales.", "sync"),
    (Why.PAUSED, paused(pair(CITY, {})), f"{SUBJECT}, and is not carried because CUSTOMER is paused since 2026", "res"),
    (Why.OUT_OF_FILTER, pair(CITY, {}, **OUT), f"{SUBJECT}, and is not carried because Business Central's rec", "C"),
    (Why.NOT_LIVE, pair(CITY, {}, live=False), f"{SUBJECT}, and is not carried because CUSTOMER carries no li", "sync"),
    (Why.SKIPPED, failed(pair(CITY, {}), "skipped"), f"{SUBJECT}, and is not carried because it failed alike", "retry"),
    (Why.FAILED, failed(pair(CITY, {}), "failed"), f"{SUBJECT}, and is not carried because the side said no.", "Mend"),
    (Why.RETRYING, failed(pair(CITY, {}), "retrying"), "said no; it is tried again at 2026-03-01 12:00:00 UTC.", "Me"),
    (Why.WAITING, failed(pair(CITY, {}), "waiting"), "said no; it is tried again at 2026-03-01 12:00:00 UTC.", "Mend"),
    (Why.CONFLICT, pair(CITY, {"address1_city": "Rome"}), "city ↔ address1_city was changed on both sides", "--use bc"),
    (Why.CONFLICT, pair(CITY, {"telephone1": "1"}, on_update_conflict="fail"), "(1 other field differs too).", "retry"),
    (Why.ONE_WAY, pair({}, {"creditlimit": 9}), "travels from Business Central only.", f"{BC_ID} --use bc"),
    (Why.NOT_CARRIED, pair({}, {}, fields=[NAME, {"bc": "city", "sales": "address1_city", "transform": ["upper"]}]),
     "differs though neither side has changed it since both last agreed, so that no change carries it.", "--use bc"),
    (Why.GONE, pair({}, None), f"Not in step: Sales record {SALES_ID} does not exist any more.", "uncouple CUSTOMER"),
    (Why.GONE, pair({}, None, on_delete="restore"), "does not exist any more.", "--repair` creates it again"),
    (Why.GONE, pair(None, None), "Not in step: both records do not exist any more.", "removes the coupling"),
    (Why.SKIPPED, failed(pair({}, None), "skipped"), "any more, and it failed alike twice", "retry"),
    (Why.ON_ITS_WAY, single(), f"{ALONE} yet, and nothing keeps one from being made.", "sync CUSTOMER"),
    (Why.ONLY_COUPLED, single(only_coupled=True), f"{ALONE}, and gets none because CUSTOMER carries coupled", "makes"),
    (Why.PAUSED, paused(single()), f"{ALONE}, and gets none because CUSTOMER is paused", "resume"),
    (Why.NOT_LIVE, single(live=False), f"{ALONE}, and gets none because CUSTOMER carries no live", "sync"),
    (Why.FAILED, failed(single(only_coupled=True), "failed"), f"{ALONE}, and gets none because the", "Mend"),
    (Why.FAILED, pair({"displayName": ""}, {}, fields=[{**NAME, "required": True}]), "must have a value.", "Fill it"),
    (Why.ONE_WAY, single(Side.SALES, direction="to_sales"), "because CUSTOMER carries records from Business", "cou"),
    (Why.GONE, failed(replace(single(), seen={}), "failed"), "the record does not exist any more.", "coupled retry"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("why", "facts", "says", "ends"), REASONS, ids=[f"{n}-{one[0]}" for n, one in enumerate(REASONS)]
)
def test_each_reason_is_told_with_what_ends_it(why: Why, facts: Facts, says: str, ends: str) -> None:
    told = explain(facts)
    assert (told.why, told.in_step) == (why, why is Why.IN_STEP)
    assert says in told.says
    assert told.says.endswith(".")
    assert ends in told.next
    assert bool(told.next) is (why is not Why.IN_STEP)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (paused(pair({}, {})), Why.PAUSED),
        (failed(pair({}, {}), "skipped", way=Direction.TO_BC), Why.SKIPPED),
        (pair({}, {}, bc={"table": "customers", "filter": "city eq 'Rome'"}), Why.OUT_OF_FILTER),
        (pair({}, {}, live=False), Why.NOT_LIVE),
    ],
)
def test_equal_values_are_in_step_and_what_keeps_later_ones_back_is_told(facts: Facts, why: Why) -> None:
    told = explain(facts)
    assert (told.in_step, told.why) == (True, why)
    assert told.says.startswith("In step, but a later change is not carried because ")


def test_an_open_failure_of_equal_records_is_told() -> None:
    told = explain(failed(pair({}, {}), "failed"))
    assert (told.in_step, told.why) == (True, Why.IN_STEP)
    assert "A failure of it is still open" in told.says


def fields_of(told: Explanation) -> dict[str, tuple[Any, ...]]:
    return {one.field: (one.changed, one.wins) for one in told.fields if one.differs}


def test_the_fields_say_who_moved_and_who_wins() -> None:
    facts = pair({"city": "Bonn", "displayName": "Ada"}, {"address1_city": "Rome", "telephone1": "1"})
    told = explain(facts)
    assert fields_of(told) == {
        "city ↔ address1_city": ((Side.BC, Side.SALES), None),
        "phoneNumber ↔ telephone1": ((Side.SALES,), Side.SALES),
    }
    city = next(one for one in told.fields if one.field.startswith("city"))
    assert (city.bc, city.sales) == ({"city": "Bonn"}, {"address1_city": "Rome"})
    assert (city.agreed_bc, city.agreed_sales) == ({"city": "Ulm"}, {"address1_city": "Ulm"})
    assert [one.travels for one in told.fields] == [Direction.BOTH] * 3 + [Direction.TO_SALES, Direction.TO_BC]


def test_the_versions_say_which_side_was_written_since_we_last_saw_it() -> None:
    found = explain(pair({}, {"@odata.etag": 'W/"9"'}))
    assert found.bc.version == found.bc.known_version == AGREED[0]["@odata.etag"]
    assert (found.sales.version, found.sales.known_version) == ('W/"9"', AGREED[1]["@odata.etag"])
    assert [found.side(side).written_since for side in Side] == [False, True]


def test_a_record_that_is_gone_or_not_coupled_has_just_the_version_that_there_is() -> None:
    gone, alone = explain(pair(None, {})), explain(single())
    etag = AGREED[0]["@odata.etag"]
    assert [(one.bc.version, one.bc.known_version) for one in (gone, alone)] == [("", etag), (etag, "")]
    assert [one.bc.written_since for one in (gone, alone)] == [False, False]


def test_what_needs_a_person_is_told_before_what_passes() -> None:
    told = explain(pair({"city": "Bonn"}, {"telephone1": "1", "creditlimit": 9}))
    assert told.why is Why.ONE_WAY
    assert told.says.endswith("(2 other fields differ too).")


def test_a_blank_for_want_of_a_record_is_told_until_that_is_coupled_and_not_if_it_never_will_be() -> None:
    firm = part("FIRM", fields=[NAME], bc={"table": "vendors", "key": "number"})
    mapped = mappings(firm, part(fields=[*FIELDS, {**FIRM, "navigation": "parentaccountid"}])).by_name["CUSTOMER"]
    held = {Side.BC: {**AGREED[0], "companyNumber": "C1"}, Side.SALES: {**AGREED[1], "_parentcustomerid_value": None}}
    base = coupled(mapped, held[Side.BC], held[Side.SALES])
    left = {name: value for name, value in base.bc.base.items() if name != "companyNumber"}
    coupling = base.with_half(Side.BC, replace(base.bc, base=left))
    facts = Facts(mapped, Flags(False, False), held, IDS, coupling)
    told = explain(facts)
    assert (told.why, told.in_step) == (Why.BLANK, False)
    assert "went across as a blank, because FIRM number C1 is not coupled." in told.says
    assert fields_of(told) == {"companyNumber ↔ parentcustomerid": ((), None)}
    never = replace(facts, lookups={Reference("FIRM", Side.BC, "number", "C1"): OUTSIDE})
    assert explain(never).in_step


def test_a_pair_of_which_nothing_was_carried_yet_says_so() -> None:
    facts = pair({}, {"address1_city": None})
    nothing = Coupling("CUSTOMER", Half(BC_ID), Half(SALES_ID))
    told = explain(replace(facts, coupling=nothing))
    assert told.says.startswith("Not in step: city ↔ address1_city has never been carried between the two, and nothing")


def test_a_rule_that_changed_since_is_told_by_the_way_it_changed_in() -> None:
    upper = [NAME, {"bc": "city", "sales": "address1_city", "transform": ["upper"]}]
    facts = replace(pair({}, {}, fields=upper), hints=Hints({"city ↔ address1_city": [Direction.TO_SALES]}))
    assert fields_of(explain(facts)) == {"city ↔ address1_city": ((), Side.BC)}


def test_what_would_be_done_is_what_the_rules_decide() -> None:
    told = explain(paused(pair(CITY, {"telephone1": "1"})))
    assert [(one.does, dict(one.fields)) for one in told.would] == [
        ("modify", {"address1_city": "Bonn"}),
        ("modify", {"phoneNumber": "1"}),
    ]
    assert [one.does for one in explain(single()).would] == ["create"]
    assert [one.does for one in explain(single(only_coupled=True)).would] == ["ignore"]
