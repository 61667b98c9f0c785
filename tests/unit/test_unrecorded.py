"""A record is deleted before it was recorded that it has a partner: both sides end as if it had been (promise 2)."""

from __future__ import annotations

import pytest

from schemas.change import encode
from schemas.errors import ApiError
from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.fakes import BUSY, Killed
from tests.support.river import River

BC, SALES = Side.BC, Side.SALES
NAME = {BC: "displayName", SALES: "name"}
CITY = {BC: "city", SALES: "address1_city"}
SOURCES = pytest.mark.parametrize("source", [BC, SALES])
POLICIES = pytest.mark.parametrize(
    ("policy", "end", "left"),
    [
        ("delete", Outcome.DELETED, (0, 0)),
        ("restore", Outcome.INSERTED, (1, 1)),
        ("uncouple", Outcome.UNCOUPLED, (0, 1)),
        ("ignore", Outcome.IGNORED, (0, 1)),
        ("fail", Outcome.FAILED, (0, 1)),
    ],
)


class Orphan:
    """A partner that was created, with a kill before that was recorded; then its source is deleted."""

    def __init__(self, source: Side, policy: str) -> None:
        self.source, self.river = source, River(on_delete=policy)

    async def make(self) -> None:
        river, source = self.river, self.source
        born = river.new(source, **{NAME[source]: "Adatum"})
        self.waiting = [river.message(river.topic(source), encode(born))]
        river.memory.fail_record = [Killed()]
        with pytest.raises(Killed):
            await river.deliver(source, self.waiting)
        assert len(river.rows(source.other)) == 1
        river.sides[source].remove(river.table(source), born.key)
        self.waiting.append(river.message(river.topic(source), encode(river.change(source, born.key))))

    async def deliver(self) -> Outcome:
        """What Kafka delivers again, with the deletion behind it."""
        await self.river.deliver(self.source, self.waiting)
        return self.river.observed[-2].outcome  # those that a newer one has passed are told last

    def left(self) -> tuple[int, int]:
        """How many there are where it was born, and on the other side."""
        return len(self.river.rows(self.source)), len(self.river.rows(self.source.other))


@pytest.fixture
async def orphan(source: Side, policy: str) -> Orphan:
    orphan = Orphan(source, policy)
    await orphan.make()
    return orphan


@POLICIES
@SOURCES
async def test_its_partner_is_found_and_goes_the_way_of_the_mapping(
    orphan: Orphan, end: Outcome, left: tuple[int, int]
) -> None:
    assert await orphan.deliver() is end
    assert orphan.left() == left
    assert orphan.river.memory.begun == {}


@SOURCES
@pytest.mark.parametrize("policy", ["delete"])
async def test_a_partner_that_people_have_edited_meanwhile_is_kept_and_told_of(orphan: Orphan) -> None:
    there, table = orphan.source.other, orphan.river.table(orphan.source.other)
    (key,) = orphan.river.sides[there].tables[table.name]
    orphan.river.edited(there, key, **{CITY[there]: "Graz"})
    assert await orphan.deliver() is Outcome.FAILED
    assert orphan.left() == (0, 1)
    problem = orphan.river.observed[-2].problem
    assert problem
    assert problem.code == "deleted-but-changed"


@SOURCES
@pytest.mark.parametrize("policy", ["delete"])
async def test_a_side_that_is_away_is_waited_for(orphan: Orphan) -> None:
    there = orphan.river.sides[orphan.source.other]
    there.read_faults = [BUSY]
    with pytest.raises(ApiError):
        await orphan.deliver()
    assert await orphan.deliver() is Outcome.DELETED
    assert orphan.left() == (0, 0)


@SOURCES
@pytest.mark.parametrize("policy", ["delete"])
async def test_a_side_that_refuses_to_be_read_keeps_no_other_record_waiting(orphan: Orphan) -> None:
    there = orphan.river.sides[orphan.source.other]
    there.read_faults = [ApiError(403, "forbidden", "not yours")]
    assert await orphan.deliver() is Outcome.IGNORED


async def test_a_record_that_was_there_before_is_never_deleted_for_it() -> None:
    """It was found to be the same, and a kill came before the two were coupled."""
    river = River(on_delete="delete", couple_existing=True, match_on=[[{"bc": "email", "sales": "emailaddress1"}]])
    river.new(BC, displayName="Adatum", email="a@example.org")
    born = river.new(SALES, name="Adatum Ltd", emailaddress1="a@example.org")
    first = river.message(river.topic(SALES), encode(born))
    river.memory.fail_record = [Killed()]
    with pytest.raises(Killed):
        await river.deliver(SALES, [first])
    assert river.rows(BC)[0]["displayName"] == "Adatum Ltd"
    river.sales.remove(river.table(SALES), born.key)
    gone = river.message(river.topic(SALES), encode(river.change(SALES, born.key)))
    await river.deliver(SALES, [first, gone])
    assert len(river.rows(BC)) == 1


async def test_a_deletion_of_a_record_that_never_had_a_partner_costs_no_call() -> None:
    """Promise 4: of ours there is an intent in the store, or a change that it has passed."""
    river = River()
    for side in Side:
        change = river.new(side, **{NAME[side]: "Adatum"})
        river.sides[side].remove(river.table(side), change.key)
        (end,) = await river.take(river.change(side, change.key))
        assert end.outcome is Outcome.IGNORED
    assert (river.bc.reads, river.sales.reads) == (0, 0)


async def test_a_restored_account_is_no_new_one_though_a_kill_came_before_its_coupling() -> None:
    """It bears the customer's id, which is coupled with the deleted account still."""
    river = River(on_delete="restore")
    (born,) = await river.take(river.new(SALES, name="Adatum"))
    river.sales.remove(river.table(SALES), born.change.key)
    gone = river.message(river.topic(SALES), encode(river.change(SALES, born.change.key)))
    river.memory.fail_record = [None, Killed()]  # what it is about to do is recorded
    with pytest.raises(Killed):
        await river.deliver(SALES, [gone])
    (restored,) = river.rows(SALES)
    echo = river.message(river.topic(SALES), encode(river.change(SALES, restored["accountid"])))
    await river.deliver(SALES, [gone, echo])
    assert [one.outcome for one in river.observed[-2:]] == [Outcome.COUPLED, Outcome.IGNORED]
    assert (len(river.rows(BC)), len(river.rows(SALES))) == (1, 1)
