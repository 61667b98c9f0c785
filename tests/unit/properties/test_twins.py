"""A field of every kind under every policy: late, repeated and lost, the two records end as the policy says (3.6)."""

from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.causes import fingerprint
from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.tries import tries
from tests.support.twins import BC, BOTH_WAYS, CONSTANT, FIELDS, MEANINGS, SALES, Twins

POLICIES = ["fail", "merge", "bc_wins", "sales_wins"]
Story = list[tuple[str, Any, Any, Any]]
quick = tries(40)

sides = st.sampled_from([BC, SALES])
meanings = st.integers(0, MEANINGS - 1)
edits = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda name: st.tuples(st.just("edit"), st.sampled_from(FIELDS[name].owners), st.just(name), meanings)
)
deliveries = st.tuples(st.sampled_from(["deliver", "repeat", "lose"]), sides, st.integers(1, 3), st.none())
stories = st.lists(edits | deliveries, max_size=16)
# Each field is edited on one side only.
OWNER = {"phone": BC, "name": SALES, "currency": BC, "country": SALES, "credit": BC, "website": SALES}
calm_edits = st.sampled_from(sorted(OWNER)).flatmap(
    lambda name: st.tuples(st.just("edit"), st.just(OWNER[name]), st.just(name), meanings)
)


# Our write of one field must not hide that the partner has edited another, which the next change is about to write.
HIDDEN = [("edit", BC, "credit", 1), ("edit", BC, "phone", 2), ("edit", SALES, "phone", 1)]
# A name is one field, though Sales has it in two columns.
HALVES = [("edit", BC, "name", 2), ("edit", SALES, "name", 1)]
# Two opposite lines of the same fields are one field.
OPPOSITE = [("edit", BC, "country", 1), ("edit", SALES, "country", 2)]


@pytest.mark.parametrize("policy", POLICIES)
@quick
@given(story=stories)
def test_at_rest_only_what_an_open_conflict_names_is_apart(policy: str, story: Story) -> None:
    twins = Twins(policy).tell(story)
    if not twins.open:
        assert twins.apart() == set()
    assert twins.row(SALES)["customertypecode"] == CONSTANT
    assert policy in {"fail", "merge"} or Outcome.CONFLICT not in twins.memory.outcomes


@quick
@example(story=OPPOSITE)
@given(story=stories)
def test_a_merge_conflicts_on_exactly_what_both_sides_edited(story: Story) -> None:
    twins = Twins("merge").tell(story)
    clashing = twins.moved(BC) & twins.moved(SALES) & twins.apart()
    assert bool(twins.open) is bool(clashing)
    for settled in twins.open.values():
        assert twins.told_in(settled) == clashing


@pytest.mark.parametrize("policy", ["fail", "merge"])
@quick
@example(story=HALVES)
@example(story=OPPOSITE)
@given(story=stories)
def test_a_conflict_is_one_cause_whichever_side_tells_it(policy: str, story: Story) -> None:
    told = Twins(policy).tell(story).told_anew()
    assert len({fingerprint(one) for one in told if one.outcome is Outcome.CONFLICT}) <= 1


@pytest.mark.parametrize("policy", ["fail", "merge"])
@quick
@example(story=HIDDEN)
@example(story=HALVES)
@example(story=OPPOSITE)
@given(story=stories)
def test_no_edit_is_overwritten_unseen(policy: str, story: Story) -> None:
    assert Twins(policy).tell(story).overwritten == []


@quick
@example(story=OPPOSITE)
@given(story=stories)
def test_without_merging_any_edit_on_both_sides_conflicts_and_nothing_else(story: Story) -> None:
    twins = Twins("fail").tell(story)
    apart = twins.apart()
    assert bool(twins.open) is bool(twins.moved(BC) & apart and twins.moved(SALES) & apart)


@pytest.mark.parametrize("policy", POLICIES)
@quick
@given(story=stories)
def test_every_edit_costs_few_writes(policy: str, story: Story) -> None:
    twins = Twins(policy).tell(story)
    lost = sum(1 for kind, *_ in story if kind == "lose")
    assert twins.writes <= 2 * twins.edits + lost


@pytest.mark.parametrize("policy", ["merge", "bc_wins", "sales_wins"])
@quick
@given(story=st.lists(calm_edits | deliveries, max_size=16))
def test_what_only_one_side_edits_is_never_lost(policy: str, story: Story) -> None:
    twins = Twins(policy).tell(story)
    expected = dict.fromkeys(FIELDS, 0) | {what: value for kind, _, what, value in story if kind == "edit"}
    assert Outcome.CONFLICT not in twins.memory.outcomes
    for side in Side:
        assert {name: twins.meaning(side, name) for name in FIELDS} == expected


once = st.dictionaries(st.sampled_from(BOTH_WAYS), st.integers(1, MEANINGS - 1))


@pytest.mark.parametrize(("policy", "winner"), [("bc_wins", BC), ("sales_wins", SALES)])
@quick
@example(here={"name": 2}, there={"name": 1}, first="deliver", order=Random(0))
@example(here={"country": 2}, there={"country": 1}, first="deliver", order=Random(0))
@given(here=once, there=once, first=st.sampled_from(["deliver", "lose"]), order=st.randoms())
def test_of_what_both_edit_the_winner_stands(
    policy: str, winner: Side, here: dict[str, int], there: dict[str, int], first: str, order: Random
) -> None:
    """Each side edits a field once, before it hears of the other."""
    edited = ((BC, here), (SALES, there))
    story: Story = [("edit", side, name, value) for side, made in edited for name, value in made.items()]
    order.shuffle(story)
    twins = Twins(policy).tell([*story, (first, BC, 3, None)])
    mine, theirs = (here, there) if winner is BC else (there, here)
    expected = dict.fromkeys(BOTH_WAYS, 0) | theirs | mine
    for side in Side:
        assert {name: twins.meaning(side, name) for name in BOTH_WAYS} == expected


@pytest.mark.parametrize("policy", ["fail", "merge"])
@quick
@example(story=[("edit", BC, "currency", 1), ("edit", SALES, "name", 3)], solver=BC)
@given(story=stories, solver=sides)
def test_a_person_who_makes_both_equal_on_one_side_solves_it(policy: str, story: Story, solver: Side) -> None:
    twins = Twins(policy).tell(story)
    for name in sorted(set(BOTH_WAYS) & twins.apart()):
        twins.edit(solver, name, twins.meaning(solver.other, name))
    twins.tell([])
    assert not twins.open
    assert twins.apart() == set()
