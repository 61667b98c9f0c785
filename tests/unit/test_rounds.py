"""When capture of a table looks again, and where notices make it look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import pytest

from daemon.rounds import Rounds
from daemon.store.webhooks import Numbered
from daemon.webhooks import Webhooks
from producers.subscriptions import State
from schemas.errors import ApiError
from schemas.side import Side
from schemas.webhooks import Kept, Notice, Told

CUSTOMERS, ITEMS = (Side.BC, "customers"), (Side.BC, "items")
SOON = 5.0


class Left:
    def __init__(self, *noted: Notice) -> None:
        self.notices = list(noted)

    async def subscriptions(self) -> Mapping[str, Kept]:
        return {"customers": Kept("customers", "https://hook", "our-secret", "s1")}

    async def note(self, notices: Sequence[Notice]) -> None:
        self.notices += notices

    async def noted(self) -> Sequence[Numbered]:
        return [(notice, 1) for notice in self.notices]

    async def done(self, looked: Sequence[Numbered]) -> None:
        self.notices = [one for one in self.notices if (one, 1) not in looked]


class Care:
    def __init__(self, new: Sequence[str] = (), **states: State) -> None:
        self.new, self.states = new, states

    async def once(self) -> Sequence[str]:
        return self.new


class Deleted:
    def __init__(self, error: ApiError | None = None) -> None:
        self.asked: list[object] = []
        self.error = error

    async def once(self) -> int:
        return await self.told(["all of them"])

    async def told(self, ids: Sequence[str]) -> int:
        if self.error:
            raise self.error
        self.asked += ids
        return len(ids)


def webhooks(left: Left, rounds: Rounds, deleted: Deleted | None = None, care: Care | None = None) -> Webhooks:
    return Webhooks(care or Care(), left, rounds, {"customers": deleted or Deleted()}, watched={"currencies"})


async def rests(rounds: Rounds, place: tuple[Side, str]) -> Callable[[], bool]:
    """Whether it still does."""
    resting = asyncio.create_task(rounds.rest(place, 3600))
    await asyncio.sleep(0)

    def still() -> bool:
        return not resting.done()

    return still


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_only_the_woken_table_looks() -> None:
    rounds = Rounds(5, 300)
    customers, items = await rests(rounds, CUSTOMERS), await rests(rounds, ITEMS)
    rounds.wake(CUSTOMERS)
    await settled()
    assert (customers(), items()) == (False, True)


async def test_what_woke_it_while_it_looked_counts_once() -> None:
    rounds = Rounds(5, 300)
    rounds.wake(CUSTOMERS)
    assert await asyncio.wait_for(rounds.rest(CUSTOMERS, 3600), SOON)
    assert not await rounds.rest(CUSTOMERS, 0.001)
    still = await rests(rounds, CUSTOMERS)
    await settled()
    assert still()


async def test_a_table_that_tells_is_polled_seldom_and_at_once_when_it_stops() -> None:
    rounds = Rounds(5, 300)
    rounds.telling([CUSTOMERS])
    assert (rounds.seconds(CUSTOMERS), rounds.seconds(ITEMS)) == (300, 5)
    still = await rests(rounds, CUSTOMERS)
    rounds.telling([])
    await settled()
    assert not still()
    assert rounds.seconds(CUSTOMERS) == 5


def test_webhooks_never_make_polling_more_frequent() -> None:
    rounds = Rounds(600, 300)
    rounds.telling([CUSTOMERS])
    assert rounds.seconds(CUSTOMERS) == 600


async def test_a_table_is_polled_as_ever_when_changes_turn_up_that_nobody_told_until_it_tells_again() -> None:
    moment = 0.0
    rounds = Rounds(5, 300, lambda: moment)
    hooks = webhooks(Left(), rounds, care=Care(customers=State.ACTIVE, currencies=State.ACTIVE))
    await hooks.care()
    rounds.untold(CUSTOMERS)
    rounds.untold((Side.BC, "currencies"))
    moment = 119
    assert rounds.seconds(CUSTOMERS) == 300, "it may still be told"
    rounds.untold(CUSTOMERS)
    moment = 120
    assert rounds.seconds(CUSTOMERS) == 5
    assert hooks.states() == {"customers": State.SILENT, "currencies": State.ACTIVE}, "rates are never told"
    rounds.wake(CUSTOMERS)
    assert rounds.seconds(CUSTOMERS) == 300
    assert hooks.states() == {"customers": State.ACTIVE, "currencies": State.ACTIVE}


async def test_a_change_wakes_capture_and_a_deletion_is_asked_for() -> None:
    rounds, deleted = Rounds(5, 300), Deleted()
    left = Left(Notice("customers", Told.CHANGED), Notice("customers", Told.DELETED, "c1"))
    await webhooks(left, rounds, deleted).heed()
    await asyncio.wait_for(rounds.rest(CUSTOMERS, 3600), SOON)
    assert (deleted.asked, left.notices) == (["c1"], [])


async def test_a_new_subscription_has_its_table_looked_through() -> None:
    rounds, deleted, left = Rounds(5, 300), Deleted(), Left()
    states = {"customers": State.ACTIVE, "items": State.REFUSED, "currencies": State.ACTIVE}
    hooks = webhooks(left, rounds, deleted, Care(["customers"], **states))
    assert await hooks.care()
    await hooks.heed()
    await asyncio.wait_for(rounds.rest(CUSTOMERS, 3600), SOON)
    assert deleted.asked == ["all of them"]
    assert [rounds.seconds((Side.BC, name)) for name in states] == [300, 5, 5], "rates have no webhooks"


async def test_a_missing_subscription_is_told() -> None:
    assert not await webhooks(Left(), Rounds(5, 300), care=Care(customers=State.MISSING)).care()


async def test_a_side_that_is_away_leaves_the_notices() -> None:
    left = Left(Notice("customers", Told.DELETED, "c1"))
    with pytest.raises(ApiError):
        await webhooks(left, Rounds(5, 300), Deleted(ApiError(503, "", "away"))).heed()
    assert len(left.notices) == 1


async def test_what_cannot_be_looked_into_is_let_go() -> None:
    left = Left(Notice("customers", Told.DELETED, "c1"), Notice("no longer mapped", Told.ALL))
    await webhooks(left, Rounds(5, 300), Deleted(ApiError(400, "", "refused"))).heed()
    assert left.notices == []


async def test_only_what_carries_our_secret_is_left_for_the_leader() -> None:
    left = Left()
    hooks = webhooks(left, Rounds(5, 300))
    text = '{"value": [{"clientState": "%s", "changeType": "updated"}]}'
    await hooks.received((text % "a guess").encode())
    assert left.notices == []
    await hooks.received((text % "our-secret").encode())
    assert left.notices == [Notice("customers", Told.CHANGED)]
