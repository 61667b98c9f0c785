"""A creation under which the connection was lost may be carried out minutes later: it leaves one record (promise 2)."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest

from schemas.errors import ApiError, Problem
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from schemas.write import Answer, Write
from tests.support.creating import CITY, NAME, Bench
from tests.support.fakes import ANY, LOST
from tests.unit.test_create import MATCHED, SALESPEOPLE

MINUTE = 60.0
ITEM: dict[str, Any] = {
    "bc": {"table": "items"},
    "sales": {"table": "products"},
    "fields": [{"bc": "number", "sales": "productnumber"}, {"bc": "displayName", "sales": "name"}],
    "match_on": [[{"bc": "number", "sales": "productnumber"}]],
}


class Late(Bench):
    """The next creation's connection is lost, and the side carries it out `seconds` later (None: never)."""

    delays = (0.5, 1, 2, 4, 8, 15, 30, 60)

    def lose(self, seconds: float | None, error: ApiError = LOST) -> None:
        self.target.fail(ANY, error)

        def carried_out() -> None:
            self.target.after_fault = lambda: None
            write = self.target.writes[-1]
            if seconds is not None:
                self.at.append((self.now + timedelta(seconds=seconds), lambda: self.target._carried_out(write)))

        self.target.after_fault = carried_out

    async def until_it_ends(self, key: str, pause: float = MINUTE) -> list[Settled]:
        """Carried again as failed records are, until it does not fail."""
        ends: list[Settled] = []
        for _ in range(40):
            ends += await self.push(key)
            if ends[-1].outcome is not Outcome.FAILED:
                return ends
            self.later(pause)
        raise AssertionError(ends[-1].problem)


def customer(bench: Bench) -> str:
    return bench.new(name="Adatum", address1_city="Graz")


def problem(ends: Sequence[Settled]) -> Problem:
    assert ends[-1].problem is not None
    return ends[-1].problem


@pytest.mark.parametrize("seconds", [0.1, 5, 100, 200, 8 * MINUTE, 15 * MINUTE])
async def test_it_is_found_whenever_it_comes_and_never_made_again(seconds: float) -> None:
    bench = Late(Side.SALES, fields=[NAME, CITY])
    key = customer(bench)
    bench.lose(seconds)
    ends = await bench.until_it_ends(key)
    bench.later(60 * MINUTE)
    assert len(bench.partners) == 1
    assert ends[-1].coupling is not None
    assert all(end.transient for end in ends[:-1])
    assert bench.memory.begun == {}


async def test_meanwhile_the_record_fails_for_now_and_says_until_when() -> None:
    bench = Late(Side.SALES, fields=[NAME, CITY])
    bench.lose(None)
    ends = await bench.push(customer(bench))
    assert (ends[0].outcome, ends[0].transient) == (Outcome.FAILED, True)
    assert problem(ends).code == "outcome-unknown"
    assert "12:16 UTC" in problem(ends).hint


async def test_it_is_made_again_once_it_can_no_longer_come() -> None:
    bench = Late(Side.SALES, fields=[NAME, CITY])
    key = customer(bench)
    bench.lose(None)
    start = bench.now
    ends = await bench.until_it_ends(key)
    assert ends[-1].outcome is Outcome.INSERTED
    assert len(bench.target.writes) == 2
    assert 16 * MINUTE <= (bench.now - start).total_seconds() < 20 * MINUTE


async def test_a_stop_before_the_answer_leaves_it_as_lost() -> None:
    """The batch is delivered again at once, and Business Central is still at work."""
    bench = Late(Side.SALES, fields=[NAME, CITY])
    key = customer(bench)
    sent, write = asyncio.Event(), bench.target.write

    async def unanswered(writes: Sequence[Write]) -> Sequence[Answer]:
        bench.at.append((bench.now + timedelta(minutes=5), lambda: bench.target._carried_out(writes[0])))
        sent.set()
        await asyncio.Event().wait()
        return ()

    bench.target.write = unanswered  # type: ignore[method-assign]
    push = asyncio.create_task(bench.push(key))
    await sent.wait()
    push.cancel()
    await asyncio.wait([push])
    bench.target.write = write  # type: ignore[method-assign]
    await bench.until_it_ends(key)
    bench.later(60 * MINUTE)
    assert len(bench.partners) == 1


class Killed(BaseException):
    """Nothing of ours catches it."""


@pytest.mark.parametrize("minutes", [0.1, 5, 14])
async def test_a_kill_before_the_answer_leaves_it_as_lost(minutes: float) -> None:
    """Started again at once, we find nothing: Business Central is still at work."""
    bench = Late(Side.SALES, fields=[NAME, CITY])
    key, write = customer(bench), bench.target.write

    async def unanswered(writes: Sequence[Write]) -> Sequence[Answer]:
        bench.at.append((bench.now + timedelta(minutes=minutes), lambda: bench.target._carried_out(writes[0])))
        raise Killed

    bench.target.write = unanswered  # type: ignore[method-assign]
    with pytest.raises(Killed):
        await bench.push(key)
    bench.target.write = write  # type: ignore[method-assign]
    ends = await bench.until_it_ends(key)
    bench.later(60 * MINUTE)
    assert len(bench.partners) == 1
    assert all(end.transient for end in ends[:-1])


@pytest.mark.parametrize("status", [429, 503])
async def test_what_was_answered_before_a_kill_is_made_again_at_once(status: int) -> None:
    bench = Late(Side.SALES, fields=[NAME, CITY])
    key = customer(bench)
    bench.target.fail(ANY, ApiError(status, "", "no"))

    def kill() -> None:
        raise Killed

    bench.at.append((bench.now, kill))  # in the pause that follows
    with pytest.raises(Killed):
        await bench.push(key)
    (end,) = await bench.push(key)
    assert (end.outcome, len(bench.partners)) == (Outcome.INSERTED, 1)


async def test_an_edit_meanwhile_does_not_hide_what_was_sent() -> None:
    bench = Late(Side.SALES, fields=[NAME, CITY])
    key = customer(bench)
    bench.lose(5 * MINUTE)
    await bench.push(key)
    bench.edit(key, address1_city="Wien")
    *_, end = await bench.until_it_ends(key)
    await bench.push_again(end)
    assert [row["city"] for row in bench.partners] == ["Wien"]


NEVER_ARRIVED = ApiError(0, "no-answer", "no route")
NEVER_ARRIVED.__cause__ = httpx.ConnectError("no route")


@pytest.mark.parametrize(
    "error", [*(ApiError(status, "", "no") for status in (408, 429, 500, 503)), NEVER_ARRIVED], ids=repr
)
async def test_what_the_service_itself_has_ended_is_made_again_at_once(error: ApiError) -> None:
    bench = Late(Side.SALES, fields=[NAME, CITY])
    bench.lose(None, error)
    (end,) = await bench.push(customer(bench))
    assert (end.outcome, len(bench.partners)) == (Outcome.INSERTED, 1)


@pytest.mark.parametrize("status", [502, 504])
async def test_a_gateway_that_gave_up_does_not_end_it(status: int) -> None:
    bench = Late(Side.SALES, fields=[NAME, CITY])
    key = customer(bench)
    bench.lose(5 * MINUTE, ApiError(status, "", "the gateway gave up"))
    await bench.until_it_ends(key)
    assert len(bench.partners) == 1


@pytest.mark.parametrize("seconds", [1.0, 20.0])
async def test_a_number_of_ours_is_sent_again_at_once_and_refused_when_the_first_came_late(seconds: float) -> None:
    bench = Late(Side.SALES, **ITEM)
    key = bench.new(productnumber="1000", name="Chair")
    bench.lose(seconds)
    original = bench.target._carried_out
    # The second try reaches the side after the first has been carried out, and after we had looked.
    bench.target._carried_out = lambda write: (bench.later(seconds), original(write))[1]  # type: ignore[method-assign]
    (end,) = await bench.push(key)
    assert end.coupling is not None
    assert [row["number"] for row in bench.partners] == ["1000"]


async def test_a_code_we_drew_is_not_given_up_for_the_next_when_our_own_record_has_it() -> None:
    bench = Late(Side.SALES, **SALESPEOPLE)
    key = bench.new(fullname="Ann")
    bench.lose(1)
    original = bench.target._carried_out
    bench.target._carried_out = lambda write: (bench.later(5), original(write))[1]  # type: ignore[method-assign]
    (end,) = await bench.push(key)
    assert end.coupling is not None
    assert [row["code"] for row in bench.partners] == ["SP NO. 00001"]


async def test_our_record_is_known_by_match_on_if_the_side_stores_other_values_than_were_sent() -> None:
    bench = Late(Side.SALES, **ITEM)
    bench.target.stores = lambda row: {**row, "displayName": str(row.get("displayName", "")).upper()}
    key = bench.new(productnumber="1000", name="Chair")
    bench.target.fail(ANY, LOST, applied=True)
    (end,) = await bench.push(key)
    assert end.outcome is Outcome.COUPLED
    assert len(bench.partners) == 1


async def test_somebody_elses_number_is_told_with_the_record_that_has_it() -> None:
    bench = Bench(Side.SALES, **{**ITEM, "match_on": []})
    other = bench.existing(number="1000", displayName="Bicycle")
    key = bench.new(productnumber="1000", name="Chair")
    found = problem(await bench.push(key))
    assert found.code == "number-taken"
    assert f"'Bicycle', {other}" in found.message
    assert f"coupled couple CUSTOMER {other} {key}" in found.hint


async def test_a_record_with_our_number_that_has_a_partner_is_told_without_the_advice_to_couple_it() -> None:
    bench = Bench(Side.SALES, **ITEM)
    await bench.push(bench.new(productnumber="1000", name="Bicycle"))
    found = problem(await bench.push(bench.new(productnumber="1000", name="Chair")))
    assert "'Bicycle'" in found.message
    assert "coupled couple" not in found.hint


@pytest.mark.parametrize("couples", [True, False])
async def test_a_record_that_match_on_makes_one_with_ours_is_coupled_if_the_mapping_couples_what_exists(
    couples: bool,
) -> None:
    """It came to be after we had looked for one."""
    bench = Bench(Side.SALES, **{**ITEM, "couple_existing": couples})
    key = bench.new(productnumber="1000", name="Chair")
    original, made = bench.target._carried_out, list[str]()

    def first_another(write: Any) -> Any:
        if not made:
            made.append(bench.existing(number="1000", displayName="Stool"))
        return original(write)

    bench.target._carried_out = first_another  # type: ignore[method-assign]
    (end,) = await bench.push(key)
    assert len(bench.partners) == 1
    assert end.outcome is (Outcome.COUPLED if couples else Outcome.FAILED)


async def test_a_code_that_is_anothers_draws_the_next_even_after_a_lost_try() -> None:
    bench = Late(Side.SALES, **SALESPEOPLE, **MATCHED)
    key = bench.new(fullname="Ann", internalemailaddress="ann@contoso.example")
    bench.lose(None)
    anothers = {"code": "SP NO. 00001", "displayName": "Bob", "email": ""}
    bench.at.append((bench.now + timedelta(seconds=0.1), lambda: bench.existing(**anothers)))
    (end,) = await bench.push(key)
    assert end.outcome is Outcome.INSERTED
    assert sorted(row["code"] for row in bench.partners) == ["SP NO. 00001", "SP NO. 00002"]
