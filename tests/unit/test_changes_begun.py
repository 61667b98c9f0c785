"""Our own write is known again after a kill or a lost answer, also once its cause was edited anew (promises 2, 3)."""

from __future__ import annotations

import pytest

from consumers.opened import unagreed
from schemas.change import encode
from schemas.errors import ApiError
from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.fakes import ANY, LOST, FakeSide, Killed
from tests.support.river import River

BC, SALES = Side.BC, Side.SALES
CITY = {BC: "city", SALES: "address1_city"}
PHONE = {BC: "phoneNumber", SALES: "telephone1"}
POLICIES = pytest.mark.parametrize("policy", ["fail", "merge", "bc_wins", "sales_wins"])
SOURCES = pytest.mark.parametrize("source", [BC, SALES])


class Pair:
    """Two coupled records; `source` is where people work on them."""

    def __init__(self, source: Side, policy: str) -> None:
        self.source, self.there = source, source.other
        self.river = River(on_update_conflict=policy, on_delete="delete")

    async def begin(self) -> None:
        await self.river.take(self.river.new(BC, displayName="Adatum", city="Linz", phoneNumber="1"))
        ((_, coupling),) = self.river.memory.kept.items()
        self.ids = {side: coupling.half(side).id for side in Side}
        await self.echo(SALES)

    def row(self, side: Side) -> dict[str, object]:
        (row,) = self.river.rows(side)
        return row

    def edit(self, side: Side, **fields: object) -> None:
        self.river.edited(side, self.ids[side], **fields)

    async def echo(self, side: Side) -> Outcome:
        """The record as it is now on its topic, and taken from there."""
        (end,) = await self.river.take(self.river.change(side, self.ids[side]))
        return end.outcome

    async def lost(self) -> bytes:
        """People edit, the daemon writes across, and is killed before it has recorded that; the message stays."""
        self.edit(self.source, **{CITY[self.source]: "Graz"})
        value = encode(self.river.change(self.source, self.ids[self.source]))
        self.river.memory.fail_record = [Killed()]
        with pytest.raises(Killed):
            await self.river.deliver(self.source, [self.river.message(self.river.topic(self.source), value)])
        assert self.row(self.there)[CITY[self.there]] == "Graz"
        return value

    async def given_up(self, city: str) -> FakeSide:
        """People edit, the other side does not answer, and the record fails; the write is under way there."""
        self.edit(self.source, **{CITY[self.source]: city})
        there = self.river.sides[self.there]
        there.slow = True
        there.fail(ANY, LOST, times=99)
        assert await self.echo(self.source) is Outcome.FAILED
        there.slow = False
        there._faults.clear()
        return there

    def cities(self) -> tuple[object, object]:
        return self.row(self.source)[CITY[self.source]], self.row(self.there)[CITY[self.there]]


@pytest.fixture
async def pair(source: Side, policy: str) -> Pair:
    pair = Pair(source, policy)
    await pair.begin()
    return pair


@POLICIES
@SOURCES
@pytest.mark.parametrize("delivered", ["both again", "the newest alone"])
async def test_an_edit_after_the_kill_is_no_conflict_with_our_own_write(pair: Pair, delivered: str) -> None:
    """Delivered again with the one before, or, after the log was lost, read anew alone."""
    earlier = await pair.lost()
    pair.edit(pair.source, **{CITY[pair.source]: "Wien"})
    later = encode(pair.river.change(pair.source, pair.ids[pair.source]))
    again = [earlier, later] if delivered == "both again" else [later]
    topic = pair.river.topic(pair.source)
    await pair.river.deliver(pair.source, [pair.river.message(topic, value) for value in again])
    assert pair.river.observed[-len(again)].outcome is Outcome.MODIFIED
    assert pair.cities() == ("Wien", "Wien")
    assert pair.river.memory.changing == {}
    assert await pair.echo(pair.there) is Outcome.UNCHANGED


@POLICIES
@SOURCES
async def test_our_own_write_does_not_come_back_over_the_edit_after_it(pair: Pair) -> None:
    """It is told by the other side's topic, before the edit is by its own."""
    await pair.lost()
    pair.edit(pair.source, **{CITY[pair.source]: "Wien"})
    assert await pair.echo(pair.there) is Outcome.UNCHANGED
    assert await pair.echo(pair.source) is Outcome.MODIFIED
    assert pair.cities() == ("Wien", "Wien")


@SOURCES
@pytest.mark.parametrize("policy", ["fail", "merge"])
async def test_an_edit_over_our_own_write_is_a_conflict(pair: Pair) -> None:
    await pair.lost()
    pair.edit(pair.there, **{CITY[pair.there]: "Rom"})
    pair.edit(pair.source, **{CITY[pair.source]: "Wien"})
    assert await pair.echo(pair.source) is Outcome.CONFLICT
    assert pair.cities() == ("Wien", "Rom")


@SOURCES
@pytest.mark.parametrize("policy", ["fail", "merge"])
async def test_after_a_conflict_an_edit_to_what_was_to_be_written_is_no_write_of_ours(pair: Pair) -> None:
    """The side has refused it, so nothing of it is there."""
    pair.edit(pair.source, **{CITY[pair.source]: "Graz"})
    pair.edit(pair.there, **{CITY[pair.there]: "Rom"})
    assert await pair.echo(pair.source) is Outcome.CONFLICT
    assert pair.river.memory.changing == {}
    pair.edit(pair.there, **{CITY[pair.there]: "Graz"})
    pair.edit(pair.source, **{CITY[pair.source]: "Wien"})
    assert await pair.echo(pair.source) is Outcome.CONFLICT
    assert pair.cities() == ("Wien", "Graz")


@SOURCES
@pytest.mark.parametrize("policy", ["merge"])
async def test_an_edit_beside_our_own_write_is_merged(pair: Pair) -> None:
    await pair.lost()
    pair.edit(pair.there, **{PHONE[pair.there]: "2"})
    pair.edit(pair.source, **{CITY[pair.source]: "Wien"})
    assert await pair.echo(pair.source) is Outcome.MODIFIED
    assert await pair.echo(pair.there) is Outcome.MODIFIED
    assert pair.cities() == ("Wien", "Wien")
    assert pair.row(pair.source)[PHONE[pair.source]] == "2"


@POLICIES
@SOURCES
async def test_a_write_that_was_never_carried_out_is_no_edit(pair: Pair) -> None:
    """The kill came between our note and the write."""
    pair.edit(pair.source, **{CITY[pair.source]: "Graz"})
    pair.river.sides[pair.there].fail(ANY, Killed())
    with pytest.raises(Killed):
        await pair.echo(pair.source)
    assert pair.row(pair.there)[CITY[pair.there]] == "Linz"
    pair.edit(pair.source, **{CITY[pair.source]: "Wien"})
    assert await pair.echo(pair.source) is Outcome.MODIFIED
    assert pair.cities() == ("Wien", "Wien")
    assert pair.river.memory.changing == {}


@pytest.mark.parametrize("agreed", [True, False])
async def test_a_number_near_ours_that_was_held_all_the_while_is_not_what_became_of_it(agreed: bool) -> None:
    """Sales rounds what it is sent (wire-protocols B2). The kill came between our note and the write. Where nothing is
    agreed on (a repair, a restored record) the coupling does not tell what was held before."""
    pair = Pair(BC, "merge")
    await pair.begin()
    pair.edit(BC, creditLimit=1)
    assert await pair.echo(BC) is Outcome.MODIFIED
    if not agreed:
        ((_, coupling),) = pair.river.memory.kept.items()
        pair.river.memory.couple(unagreed(coupling))
    pair.edit(BC, creditLimit=1.004)
    pair.river.sales.fail(ANY, Killed())
    with pytest.raises(Killed):
        await pair.echo(BC)
    assert await pair.echo(BC) is Outcome.MODIFIED
    assert pair.row(SALES)["creditlimit"] == 1.004


@POLICIES
@SOURCES
async def test_what_is_lost_twice_in_a_row_is_known_again(pair: Pair) -> None:
    """After the kill the next write goes unanswered, and the record fails."""
    await pair.lost()
    pair.edit(pair.source, **{CITY[pair.source]: "Wien"})
    there = pair.river.sides[pair.there]
    there.fail(ANY, LOST, applied=True)
    there.fail(ANY, LOST, times=99)
    await pair.echo(pair.source)
    there._faults.clear()
    assert pair.cities() == ("Wien", "Wien")
    pair.edit(pair.source, **{CITY[pair.source]: "Rom"})
    assert await pair.echo(pair.source) is Outcome.MODIFIED
    assert pair.cities() == ("Rom", "Rom")
    assert pair.river.memory.changing == {}


@POLICIES
@SOURCES
async def test_answers_that_are_lost_until_patience_ends_are_remembered(pair: Pair) -> None:
    """The record fails, though what was sent is there."""
    pair.edit(pair.source, **{CITY[pair.source]: "Graz"})
    pair.river.sides[pair.there].fail(ANY, LOST, times=1, applied=True)
    pair.river.sides[pair.there].fail(ANY, LOST, times=99)
    assert await pair.echo(pair.source) is Outcome.FAILED
    pair.river.sides[pair.there]._faults.clear()
    pair.edit(pair.source, **{CITY[pair.source]: "Wien"})
    assert await pair.echo(pair.source) is Outcome.MODIFIED
    assert pair.cities() == ("Wien", "Wien")


@SOURCES
@pytest.mark.parametrize("policy", ["fail"])
async def test_our_own_write_keeps_no_record_whose_partner_is_deleted(pair: Pair) -> None:
    """Somebody's edit would (business-central-sync 3.7)."""
    await pair.lost()
    river, source = pair.river, pair.source
    river.sides[source].remove(river.table(source), pair.ids[source])
    assert await pair.echo(source) is Outcome.DELETED
    assert river.rows(pair.there) == []
    assert river.memory.changing == {}


@SOURCES
@pytest.mark.parametrize("policy", ["fail"])
async def test_a_refused_change_costs_no_look_next_time(pair: Pair) -> None:
    """The answer says that nothing of it is there."""
    pair.edit(pair.source, **{CITY[pair.source]: "Graz"})
    pair.river.sides[pair.there].fail(ANY, ApiError(400, "wrong", "not this one"))
    assert await pair.echo(pair.source) is Outcome.FAILED
    assert pair.river.memory.changing == {}


@POLICIES
@SOURCES
@pytest.mark.parametrize("moment", ["before the next edit", "after it", "between our look and our next write"])
async def test_a_write_that_is_carried_out_late_is_known_as_ours(pair: Pair, moment: str) -> None:
    """Given up for lost, looked for, and not there yet: it can come as long as its partner keeps its version."""
    there = await pair.given_up("Graz")
    assert await pair.echo(pair.there) is Outcome.UNCHANGED
    if moment == "before the next edit":
        there.arrive()
    pair.edit(pair.source, **{CITY[pair.source]: "Wien"})
    if moment == "after it":
        there.arrive()
    there.before_write = there.arrive
    assert await pair.echo(pair.source) is Outcome.MODIFIED
    assert pair.cities() == ("Wien", "Wien")
    assert await pair.echo(pair.there) is Outcome.UNCHANGED
    assert (pair.river.memory.changing, pair.river.memory.late) == ({}, {})


@POLICIES
@SOURCES
async def test_a_write_that_comes_late_over_what_was_taken_back_is_undone(pair: Pair) -> None:
    """Nothing had to be written when it was taken back, so nothing kept the late one off."""
    there = await pair.given_up("Graz")
    pair.edit(pair.source, **{CITY[pair.source]: "Linz"})
    assert await pair.echo(pair.source) is Outcome.UNCHANGED
    there.arrive()
    assert pair.cities() == ("Linz", "Graz")
    assert await pair.echo(pair.there) is Outcome.UNCHANGED
    (again,) = await pair.river.take(*pair.river.told)
    assert (again.outcome, again.change.side) == (Outcome.MODIFIED, pair.source)
    assert pair.cities() == ("Linz", "Linz")


@POLICIES
@SOURCES
async def test_what_is_lost_comes_no_more_once_its_partner_has_changed(pair: Pair) -> None:
    """The service refuses what was sent under the version before: there is nothing to wait for."""
    there = await pair.given_up("Graz")
    pair.edit(pair.there, **{PHONE[pair.there]: "2"})
    assert await pair.echo(pair.there) in (Outcome.MODIFIED, Outcome.CONFLICT)
    assert pair.river.memory.late == {}
    there.arrive()
    assert pair.row(pair.there)[CITY[pair.there]] != "Graz"


async def test_a_record_that_cannot_be_read_hides_of_no_other_what_was_begun() -> None:
    """Promise 7: the read of all is refused, and that of the first."""
    river = River(on_update_conflict="fail")
    ends = await river.take(*(river.new(BC, displayName=name, city="Linz") for name in ("Adatum", "Contoso")))
    keys = [one.change.key for one in ends]
    batch = [river.message(river.topic(BC), encode(river.edited(BC, key, city="Graz"))) for key in keys]
    river.memory.fail_record = [Killed()]
    with pytest.raises(Killed):
        await river.deliver(BC, batch)
    river.sales.read_faults = [ApiError(400, "odd", "not this one")] * 2
    again = await river.take(*(river.edited(BC, key, city="Wien") for key in keys))
    assert {one.outcome for one in again} == {Outcome.CONFLICT, Outcome.MODIFIED}
