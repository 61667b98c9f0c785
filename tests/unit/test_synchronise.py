"""One batch, start to end: every change one outcome, stored before it is acknowledged (promises 1, 3, 4 and 7)."""

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from consumers.ports import Overtaken
from schemas.change import encode
from schemas.errors import Unreachable
from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.fakes import ANY, BROKEN, BUSY, Killed
from tests.support.made import part
from tests.support.river import LOG, River

BC, SALES = Side.BC, Side.SALES


async def coupled_pair(river: River) -> tuple[str, str]:
    """A customer that has got its account."""
    (end,) = await river.take(river.new(BC, displayName="Adatum", city="Graz", phoneNumber="1"))
    assert end.outcome is Outcome.INSERTED
    assert end.partner is not None
    return end.change.key, end.partner


async def test_a_message_delivered_again_is_passed_over() -> None:
    river = River()
    message = river.message(river.topic(BC), encode(river.new(BC, displayName="Adatum")))
    await river.deliver(BC, [message])
    await river.deliver(BC, [message])
    assert river.memory.outcomes == [Outcome.INSERTED]
    assert len(river.sales.writes) == 1


async def test_offsets_of_another_log_say_nothing_about_this_one() -> None:
    river = River()
    message = river.message(river.topic(BC), encode(river.new(BC, displayName="Adatum")))
    await river.synchronise.batch(river.topic(BC), "an older log", [message])
    await river.deliver(BC, [message])
    assert river.memory.outcomes == [Outcome.INSERTED, Outcome.UNCHANGED]


async def test_each_partition_has_its_own_offsets() -> None:
    river = River()
    topic = river.topic(BC)
    first, second = (
        river.message(topic, encode(river.new(BC, displayName=name)), number) for number, name in enumerate(("A", "B"))
    )
    await river.deliver(BC, [first, second])
    applied = await river.memory.applied(topic, LOG)
    assert applied.offsets == {0: 0, 1: 1}


async def test_older_changes_of_a_record_in_one_batch_are_superseded() -> None:
    river = River()
    here, _ = await coupled_pair(river)
    first = river.edited(BC, here, city="Wien")
    second = river.edited(BC, here, city="Linz")
    ends = await river.take(first, second)
    assert sorted(end.outcome for end in ends) == [Outcome.MODIFIED, Outcome.UNCHANGED]
    assert [write.fields for write in river.sales.writes[1:]] == [{"address1_city": "Linz"}]


@pytest.mark.parametrize("settings", [{"only_coupled": True}, {"live": False}])
@pytest.mark.parametrize("captured_last", [True, False])
async def test_what_is_asked_for_by_name_is_carried_though_live_capture_tells_of_it_too(
    settings: dict[str, bool], captured_last: bool
) -> None:
    river = River(**settings)
    captured = river.new(BC, displayName="Adatum")
    named = replace(captured, retry=True, mapping=river.mapping.name, job=7)
    ends = await river.take(*((named, captured) if captured_last else (captured, named)))
    told = {end.change.job: (end.outcome, end.superseded) for end in ends}
    assert told == {7: (Outcome.INSERTED, False), None: (Outcome.UNCHANGED, True)}


async def test_of_two_jobs_that_carry_a_record_at_once_each_counts_one_outcome() -> None:
    river = River()
    key = river.new(BC, displayName="Adatum").key
    ends = await river.take(river.change(BC, key, job=7), river.change(BC, key, job=8))
    assert sorted((end.change.job, end.outcome) for end in ends) == [(7, Outcome.UNCHANGED), (8, Outcome.INSERTED)]


@pytest.mark.parametrize("live", [True, False])
async def test_what_failed_is_tried_again_in_another_version_if_live_capture_is_heeded_at_all(live: bool) -> None:
    river = River(live=live)
    refused = replace(river.new(BC, displayName="Adatum"), mapping=river.mapping.name)
    river.sales.fail(refused.key, BROKEN)
    (end,) = await river.take(refused)
    assert end.outcome is Outcome.FAILED
    river.memory.only_coupled[river.mapping.name] = True
    (end,) = await river.take(replace(refused, mapping=None))
    assert (end.outcome, end.change.retry) == (Outcome.IGNORED, False), "nobody has mended anything"
    (end,) = await river.take(river.edited(BC, refused.key, city="Ulm"))
    assert (end.outcome, end.change.retry) == ((Outcome.INSERTED, True) if live else (Outcome.IGNORED, False))


async def test_a_stale_copy_delivered_last_does_not_win() -> None:
    river = River()
    here, _ = await coupled_pair(river)
    older = river.edited(BC, here, city="Wien")
    newer = river.edited(BC, here, city="Linz")
    await river.take(newer, older)
    assert river.rows(SALES)[0]["address1_city"] == "Linz"


async def test_a_version_of_unknown_order_counts_as_the_newer_one_within_a_batch_and_after_it() -> None:
    """Business Central's clock was set back: what it stamps now looks older than what is known."""
    river = River()
    here, _ = await coupled_pair(river)
    first = river.edited(BC, here, city="Wien")
    await river.take(first, replace(river.edited(BC, here, city="Linz"), sequence=0))
    assert river.rows(SALES)[0]["address1_city"] == "Linz"
    await river.take(replace(river.edited(BC, here, city="Graz"), sequence=0))
    assert river.rows(SALES)[0]["address1_city"] == "Graz"


async def test_a_stale_copy_does_not_win_over_one_of_unknown_order_that_was_carried() -> None:
    """A run read it before, and was slower."""
    river = River()
    here, _ = await coupled_pair(river)
    older = river.edited(BC, here, city="Wien")
    await river.take(replace(river.edited(BC, here, city="Linz"), sequence=0))
    await river.take(older)
    assert river.rows(SALES)[0]["address1_city"] == "Linz"


async def test_a_stale_copy_of_an_earlier_batch_does_not_win() -> None:
    river = River()
    here, _ = await coupled_pair(river)
    older = river.edited(BC, here, city="Wien")
    await river.take(river.edited(BC, here, city="Linz"))
    await river.take(older)
    assert river.rows(SALES)[0]["address1_city"] == "Linz"


async def test_every_published_change_has_one_outcome() -> None:
    river = River(bc={"table": "customers", "filter": "city ne 'Rom'"})
    here, _ = await coupled_pair(river)
    river.memory.settled.clear()
    changes = [
        river.change(BC, here, job=7),
        river.edited(BC, here, city="Wien"),
        river.new(BC, displayName="New", city="Graz"),
        river.new(BC, displayName="Out of filter", city="Rom"),
    ]
    river.bc.remove(river.table(BC), here)
    await river.take(*changes, river.change(BC, here))
    assert len(river.memory.settled) == 5


async def test_a_swept_page_in_one_message_is_settled_record_by_record_for_its_job() -> None:
    river = River()
    keys = [river.new(BC, displayName=name).key for name in ("A", "B")]
    page = [river.change(BC, key, job=7) for key in keys]
    await river.deliver(BC, [river.message(river.topic(BC), encode(page))])
    assert [(end.change.job, end.outcome) for end in river.memory.settled] == [(7, Outcome.INSERTED)] * 2


async def test_a_sweep_concerns_its_own_mapping_and_a_live_change_all_of_the_table() -> None:
    product = {"sales": {"table": "products"}, "fields": [{"bc": "displayName", "sales": "name"}], "direction": "to_bc"}
    items = part("ITEM", bc={"table": "items"}, **product)
    resources = part("RESOURCE", bc={"table": "resources", "api": "coupled/sync/v1.0"}, **product)
    river = River(items, resources)
    live = river.new(SALES, name="Chair")
    await river.take(live)
    assert sorted(end.mapping for end in river.memory.settled) == ["ITEM", "RESOURCE"]
    await river.take(river.change(SALES, live.key, job=7))
    assert [end.mapping for end in river.memory.settled[2:]] == ["ITEM"]


async def test_messages_nobody_can_read_are_handed_back_and_the_others_applied() -> None:
    river = River()
    good = encode(river.new(BC, displayName="Adatum"))
    values = [b"not json", None, b'{"op": "u"}', good, b'{"op": "x", "source": {}}']
    messages = [river.message(river.topic(BC), value) for value in values]
    unreadable = await river.deliver(BC, messages)
    assert [message.offset for message, _ in unreadable] == [0, 1, 2, 4]
    assert all(reason for _, reason in unreadable)
    assert river.memory.outcomes == [Outcome.INSERTED]


@pytest.mark.parametrize("after", ["text", [1], 7])
async def test_an_envelope_without_a_record_does_not_stop_the_topic(after: Any) -> None:
    currency = part(
        "CURRENCY",
        bc={"table": "currencies"},
        sales={"table": "transactioncurrencies"},
        fields=[{"bc": "code", "sales": "isocurrencycode"}],
    )
    lookup = {"bc": "currencyCode", "sales": "transactioncurrencyid", "lookup": "CURRENCY"}
    river = River(part(fields=[lookup]), currency)
    envelope = orjson.loads(encode(river.new(BC, currencyCode="EUR")))
    message = river.message(river.topic(BC), orjson.dumps({**envelope, "after": after}))
    assert [found for found, _ in await river.deliver(BC, [message])] == [message]


async def test_an_unreadable_message_is_handed_back_again_until_the_dead_letter_is_surely_written() -> None:
    """A kill between the record and the dead letter must not lose the message (promise 1)."""
    river = River()
    message = river.message(river.topic(BC), b"not json")
    assert len(await river.deliver(BC, [message])) == 1
    assert len(await river.deliver(BC, [message])) == 1


async def test_nothing_is_acknowledged_when_the_record_fails_and_nothing_is_done_twice_after_it() -> None:
    river = River()
    message = river.message(river.topic(BC), encode(river.new(BC, displayName="Adatum")))
    river.memory.fail_record = [Unreachable("store-unreachable", "the store is away")]
    with pytest.raises(Unreachable, match="store"):
        await river.deliver(BC, [message])
    assert river.observed == []
    await river.deliver(BC, [message])
    assert len(river.rows(SALES)) == 1
    assert river.memory.coupling(BC, river.rows(BC)[0]["id"]).sales.id == river.rows(SALES)[0]["accountid"]


async def test_a_record_our_rules_choke_on_fails_alone() -> None:
    river = River()
    broken = river.new(BC, displayName="Broken")
    broken.after["lastModifiedDateTime"] = "yesterday"  # type: ignore[index]
    good = river.new(BC, displayName="Good")
    ends = {end.change.key: end for end in await river.take(broken, good)}
    assert ends[good.key].outcome is Outcome.INSERTED
    assert ends[broken.key].outcome is Outcome.FAILED
    assert ends[broken.key].problem.code == "internal-error"  # type: ignore[union-attr]


async def test_one_refused_record_does_not_stop_the_others() -> None:
    river = River()
    changes = [river.new(BC, displayName=name) for name in ("A", "B", "C")]
    river.sales.fail(changes[1].key, BROKEN)
    await river.take(*changes)
    assert sorted(river.memory.outcomes) == [Outcome.FAILED, Outcome.INSERTED, Outcome.INSERTED]


async def test_our_own_creation_comes_back_and_ends_there() -> None:
    river = River()
    _, there = await coupled_pair(river)
    (echo,) = await river.take(river.change(SALES, there))
    assert echo.outcome is Outcome.UNCHANGED
    assert river.bc.writes == []


@pytest.mark.parametrize("side", [BC, SALES])
async def test_an_echo_that_overtakes_the_record_of_its_cause_creates_nothing(side: Side) -> None:
    """The other side's topic is another agent: it may see our new row while our batch still waits for others."""
    river = River()
    name = {BC: "displayName", SALES: "name"}
    first = river.new(side, **{name[side]: "First"})
    second = river.new(side, **{name[side]: "Second"})
    river.sides[side.other].fail(second.key if side is BC else ANY, BUSY)
    batch = asyncio.create_task(river.take(first, second))
    while not river.rows(side.other):
        await asyncio.wait([batch], timeout=0)
    theirs = [river.change(side.other, row[river.table(side.other).id]) for row in river.rows(side.other)]
    await asyncio.gather(batch, river.take(*theirs))
    assert (len(river.rows(BC)), len(river.rows(SALES))) == (2, 2)
    assert Outcome.FAILED not in river.memory.outcomes


@pytest.mark.parametrize("side", [BC, SALES])
async def test_an_echo_that_comes_first_after_a_kill_creates_nothing(side: Side) -> None:
    """Killed between the write and the record: the other side's topic may be read before ours is delivered again."""
    river = River()
    value = encode(river.new(side, **{"displayName" if side is BC else "name": "Adatum"}))
    message = river.message(river.topic(side), value)
    river.memory.fail_record = [Killed()]
    with pytest.raises(Killed):
        await river.deliver(side, [message])
    (made,) = river.rows(side.other)
    await river.take(river.change(side.other, made[river.table(side.other).id]))
    await river.deliver(side, [message])
    assert (len(river.rows(BC)), len(river.rows(SALES))) == (1, 1)
    assert len(river.memory.kept) == 1


async def test_what_a_newer_version_decides_is_marked_so() -> None:
    """It is counted, and must not close the newer version's failure (promises 3 and 7)."""
    river = River()
    here, _ = await coupled_pair(river)
    older, newer = river.edited(BC, here, city="Wien"), river.edited(BC, here, city="Linz")
    river.sales.fail(ANY, BROKEN)
    ends = {end.change.version: end for end in await river.take(older, newer)}
    assert (ends[newer.version].outcome, ends[newer.version].superseded) == (Outcome.FAILED, False)
    assert (ends[older.version].outcome, ends[older.version].superseded) == (Outcome.UNCHANGED, True)


async def test_a_stale_copy_of_an_earlier_batch_is_marked_so() -> None:
    river = River()
    here, _ = await coupled_pair(river)
    older = river.edited(BC, here, city="Wien")
    await river.take(river.edited(BC, here, city="Linz"))
    (end,) = await river.take(older)
    assert end.superseded


async def test_a_batch_that_another_worker_overtook_goes_on_with_what_is_left() -> None:
    river = River()
    topic = river.topic(BC)
    changes = [river.new(BC, displayName=name) for name in ("A", "B")]
    messages = [river.message(topic, encode(change)) for change in changes]
    river.memory.before_record = [lambda: river.memory.progress[topic, LOG].update({0: 0})]
    await river.deliver(BC, messages)
    assert [end.change.key for end in river.memory.settled] == [changes[1].key]
    assert river.observed == river.memory.settled
    assert river.memory.progress[topic, LOG] == {0: 1}


async def test_a_batch_that_is_overtaken_again_and_again_is_left_to_be_delivered_anew() -> None:
    river = River()
    held = river.memory.progress[river.topic(BC), LOG]
    messages = [river.message(river.topic(BC), b"not json") for _ in range(10)]
    river.memory.before_record = [lambda n=n: held.update({0: n}) for n in range(9)]  # type: ignore[misc]
    with pytest.raises(Overtaken):
        await river.deliver(BC, messages)
    assert len(await river.deliver(BC, messages)) == 10


async def test_a_record_the_store_cannot_hold_stops_no_other() -> None:
    """Promise 7, whatever the bytes are that the database chokes on."""
    river = River()
    topic = river.topic(BC)
    first, poison, second, last = (river.new(BC, displayName=name) for name in "APBC")
    river.memory.unstorable = {poison.key}
    page = [first, poison, second]
    swept, live = river.message(topic, encode(page)), river.message(topic, encode(last))
    ((refused, reason),) = await river.deliver(BC, [swept, live])
    assert refused == swept
    assert "what is this?" in reason
    assert {end.change.key for end in river.memory.settled} == {first.key, second.key, last.key}
    assert len(river.memory.settled) == 3
    assert river.memory.progress[topic, LOG] == {0: 1}


async def test_what_the_store_cannot_hold_for_a_moment_is_no_dead_letter() -> None:
    river = River()
    river.memory.fail_record = [ValueError("a mistake")] * 2
    assert await river.deliver(BC, [river.message(river.topic(BC), encode(river.new(BC, displayName="A")))]) == []
    assert len(river.memory.kept) == 1


async def test_a_store_that_goes_away_among_them_is_waited_for() -> None:
    river = River()
    message = river.message(river.topic(BC), encode(river.new(BC, displayName="A")))
    river.memory.fail_record = [ValueError("odd"), Unreachable("store-unreachable", "the store is away")]
    with pytest.raises(Unreachable):
        await river.deliver(BC, [message])
    assert river.memory.progress[river.topic(BC), LOG] == {}
    assert await river.deliver(BC, [message]) == []
    assert len(river.rows(SALES)) == len(river.memory.kept) == 1


async def test_messages_that_never_came_are_told_of_and_those_delivered_again_are_no_gap() -> None:
    """Promise 5: what retention deletes before it is read is to be published again."""
    river = River()
    topic = river.topic(BC)
    one, gone, after, last = [river.message(topic, b"not json") for _ in range(4)]
    assert gone.offset == 1
    await river.deliver(BC, [one])
    await river.deliver(BC, [one, after])
    assert river.memory.missed == {0: 1}
    river.memory.missed.clear()
    await river.deliver(BC, [after, last])
    assert river.memory.missed == {}
