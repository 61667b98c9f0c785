"""When capture of a table looks again, and where notices make it look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

import pytest
from structlog.testing import capture_logs

from daemon.rounds import Rounds
from daemon.store.webhooks import Heap, Numbered
from daemon.webhooks import Webhooks
from producers.subscriptions import State
from schemas.errors import ApiError, ConfigurationError, CoupledError, Unreachable
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

    async def noted(self, without: Collection[Heap] = ()) -> Sequence[Numbered]:
        there = sorted(self.notices, key=lambda one: (one.table, one.told, one.record))
        return [(one, 1) for one in there if (one.table, one.told) not in without]

    async def done(self, looked: Sequence[Numbered]) -> None:
        self.notices = [one for one in self.notices if (one, 1) not in looked]


class Care:
    def __init__(self, **states: State) -> None:
        self.states = states

    async def once(self) -> Sequence[str]:
        return ()


class Deleted:
    def __init__(self, error: CoupledError | None = None) -> None:
        self.asked: list[object] = []
        self.error = error
        self.tries = 0

    async def once(self) -> int:
        return await self.told(["all of them"])

    async def told(self, ids: Sequence[str]) -> int:
        self.tries += 1
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
    rounds, deleted, left = Rounds(5, 300), Deleted(), Left(Notice("customers", Told.ALL))
    states = {"customers": State.ACTIVE, "items": State.REFUSED, "currencies": State.ACTIVE}
    hooks = webhooks(left, rounds, deleted, Care(**states))
    assert await hooks.care()
    await hooks.heed()
    await asyncio.wait_for(rounds.rest(CUSTOMERS, 3600), SOON)
    assert deleted.asked == ["all of them"]
    assert [rounds.seconds((Side.BC, name)) for name in states] == [300, 5, 5], "rates have no webhooks"


async def test_a_missing_subscription_is_told() -> None:
    assert not await webhooks(Left(), Rounds(5, 300), care=Care(customers=State.MISSING)).care()


HELD_BACK = ConfigurationError("deletions-held-back", "too many at once")


@pytest.mark.parametrize(
    ("error", "rests"),
    [(ApiError(503, "", "away"), [1, 2, 4]), (Unreachable("kafka", "away"), [1, 2, 4]), (HELD_BACK, [300, 600, 1200])],
)
async def test_notices_that_cannot_be_looked_into_now_wait_longer_each_time_and_keep_no_others_waiting(
    error: CoupledError, rests: list[float]
) -> None:
    moment = 0.0
    broken, items = Deleted(error), Deleted()
    left = Left(Notice("customers", Told.ALL), Notice("items", Told.DELETED, "i1"))
    hooks = Webhooks(Care(), left, Rounds(5, 300), {"customers": broken, "items": items}, clock=lambda: moment)
    await hooks.heed()
    assert (items.asked, left.notices) == (["i1"], [Notice("customers", Told.ALL)])
    for tries, seconds in enumerate(rests, start=1):
        moment += seconds - 0.5
        await hooks.heed()
        assert broken.tries == tries, "it waits"
        moment += 0.5
        await hooks.heed()
        assert broken.tries == tries + 1
    broken.error, moment = None, moment + 3600
    await hooks.heed()
    assert (broken.asked, left.notices) == (["all of them"], [])


async def test_a_deletion_that_is_named_does_not_wait_for_one_that_is_held_back() -> None:
    class Held(Deleted):
        async def once(self) -> int:
            raise HELD_BACK

    held, left = Held(), Left(Notice("customers", Told.ALL))
    hooks = webhooks(left, Rounds(5, 300), held)
    await hooks.heed()
    left.notices.append(Notice("customers", Told.DELETED, "c1"))
    await hooks.heed()
    assert (held.asked, left.notices) == (["c1"], [Notice("customers", Told.ALL)])


async def test_waiting_is_told_once_while_a_side_is_away() -> None:
    moment = 0.0
    left = Left(Notice("customers", Told.ALL))
    hooks = Webhooks(
        Care(), left, Rounds(5, 300), {"customers": Deleted(ApiError(503, "", "away"))}, clock=lambda: moment
    )
    with capture_logs() as logs:
        for _ in range(10):
            await hooks.heed()
            moment += 60
    assert [line["event"] for line in logs] == ["notices_wait"]


async def test_what_is_told_while_all_of_a_table_is_paused_is_looked_into_when_it_is_resumed() -> None:
    paused = ["customers"]

    async def now() -> Sequence[str]:
        return paused

    rounds, deleted = Rounds(5, 300), Deleted()
    left = Left(Notice("customers", Told.CHANGED), Notice("customers", Told.DELETED, "c1"), Notice("items", Told.ALL))
    hooks = Webhooks(Care(), left, rounds, {"customers": deleted, "items": Deleted()}, paused=now)
    still = await rests(rounds, CUSTOMERS)
    await hooks.heed()
    await settled()
    assert (still(), deleted.asked, {one.table for one in left.notices}) == (True, [], {"customers"})
    paused.clear()
    await hooks.heed()
    await settled()
    assert (still(), deleted.asked, left.notices) == (False, ["c1"], [])


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
