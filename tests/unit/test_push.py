"""Changing a partner so that it ends in one outcome, whatever the side answers (promises 3 and 7)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from consumers.decide import Decision, decide
from consumers.patience import Patience
from consumers.push import Push
from daemon.store.engine import utc_now
from schemas.change import Op
from schemas.coupling import Coupling
from schemas.errors import ApiError
from schemas.flags import Flags
from schemas.mapping import TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from tests.support.fakes import BROKEN, BUSY, LOST, THROTTLED, FakeMemory, FakeSide
from tests.support.made import coupled, mapping

DELAYS = (1, 2, 4)
PATIENCE = Patience(DELAYS, jitter=lambda: 0.5)
STALE = ApiError(412, "0x80060882", "the version has changed")
PATIENT = Patience(jitter=lambda: 0.5)


class Bench:
    """Both sides, the memory, and one push to Sales whose waits are only noted down."""

    def __init__(self, **settings: Any) -> None:
        self.mapping: TableMapping = mapping(**settings)
        self.bc, self.sales, self.memory = FakeSide(Side.BC), FakeSide(Side.SALES), FakeMemory()
        self.waits: list[float] = []

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def pair(self, **fields: Any) -> tuple[str, str]:
        """A customer and its account, coupled and equal."""
        name = fields.get("name", "Adatum")
        here = self.bc.put(self.mapping.bc, displayName=name, city="Graz", phoneNumber="1", creditLimit=0, website="")
        there = self.sales.put(
            self.mapping.sales, name=name, address1_city="Graz", telephone1="1", creditlimit=0, websiteurl=None
        )
        rows = self.bc.row(self.mapping.bc, here), self.sales.row(self.mapping.sales, there)
        self.memory.couple(coupled(self.mapping, *rows))
        return here, there

    def decided(self, *keys: str) -> list[Decision]:
        """What the rules say about these customers as they are now."""
        held = {one.bc.id: one for one in self.memory.kept.values()}
        changes = [self.bc.change(self.mapping.bc, key) for key in keys]
        assert all(change.op is Op.UPDATE for change in changes)
        return [decide(one, self.mapping, held.get(one.key), {}, Flags(False, False)) for one in changes]

    def held(self, key: str) -> Coupling:
        """The coupling of this customer."""
        return next(one for one in self.memory.kept.values() if one.bc.id == key)

    async def push(self, decisions: Sequence[Decision], patience: Patience = PATIENCE) -> list[Settled]:
        push = Push(self.sales, self.memory, Side.SALES, self.wait, patience, utc_now)
        return await push.carry_out(self.mapping, decisions, {})

    def account(self, key: str) -> dict[str, Any]:
        return self.sales.row(self.mapping.sales, key)


async def test_a_change_is_written_once_and_both_versions_are_known_after_it() -> None:
    bench = Bench()
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    (end,) = await bench.push(bench.decided(here))
    assert (end.outcome, end.partner) == (Outcome.MODIFIED, there)
    assert end.coupling is not None
    assert end.coupling.sales.version == bench.account(there)["@odata.etag"]
    assert end.coupling.bc.version == bench.bc.row(bench.mapping.bc, here)["@odata.etag"]
    assert (len(bench.sales.writes), bench.sales.reads, bench.waits) == (1, 0, [])


async def test_a_stale_version_is_read_merged_and_written() -> None:
    bench = Bench(on_update_conflict="merge")
    here, there = bench.pair()
    bench.sales.edit(bench.mapping.sales, there, telephone1="2")
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    (end,) = await bench.push(bench.decided(here))
    assert end.outcome is Outcome.MODIFIED
    assert (bench.account(there)["telephone1"], bench.account(there)["address1_city"]) == ("2", "Wien")
    assert end.coupling is not None
    assert end.coupling.sales.base["telephone1"] == "1"  # so that Sales' own change still travels
    assert bench.sales.reads == 1


async def test_a_record_that_keeps_changing_is_looked_at_more_and_more_seldom_and_then_carried_later() -> None:
    bench = Bench(on_update_conflict="merge")
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(there, STALE, times=99)
    (end,) = await bench.push(bench.decided(here), PATIENT)
    assert (end.outcome, end.transient, end.partner) == (Outcome.FAILED, True, there)
    assert end.problem is not None
    assert end.problem.code == "keeps-changing"
    assert bench.waits == [0.5, 1, 2, 4]


async def test_one_that_changes_a_few_times_is_waited_for() -> None:
    bench = Bench(on_update_conflict="merge")
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(there, STALE, times=5)
    (end,) = await bench.push(bench.decided(here), PATIENT)
    assert (end.outcome, bench.waits) == (Outcome.MODIFIED, [0.5, 1])


async def test_a_conflict_leaves_both_sides_as_they_are() -> None:
    bench = Bench(on_update_conflict="fail")
    here, there = bench.pair()
    bench.sales.edit(bench.mapping.sales, there, address1_city="Linz")
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    (end,) = await bench.push(bench.decided(here))
    assert end.outcome is Outcome.CONFLICT
    assert bench.account(there)["address1_city"] == "Linz"


@pytest.mark.parametrize("error", [BUSY, THROTTLED, LOST])
async def test_a_transient_error_is_waited_out_longer_each_time(error: ApiError) -> None:
    bench = Bench()
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(there, error, times=3)
    (end,) = await bench.push(bench.decided(here))
    assert end.outcome is Outcome.MODIFIED
    assert bench.waits == list(DELAYS)


async def test_when_patience_is_over_the_record_fails_and_its_coupling_stays() -> None:
    bench = Bench()
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(there, BUSY, times=99)
    (end,) = await bench.push(bench.decided(here))
    assert (end.outcome, end.coupling, end.partner) == (Outcome.FAILED, None, there)
    assert end.problem is not None
    assert "503" in end.problem.message
    assert bench.waits == list(DELAYS)


async def test_a_record_that_always_fails_does_not_hold_up_the_others_of_its_batch() -> None:
    bench = Bench()
    pairs = [bench.pair(name=name) for name in ("A", "B", "C")]
    for here, _ in pairs:
        bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(pairs[1][1], BUSY, times=999)
    ends = {end.change.key: end for end in await bench.push(bench.decided(*(one for one, _ in pairs)), PATIENT)}
    assert [ends[here].outcome for here, _ in pairs] == [Outcome.MODIFIED, Outcome.FAILED, Outcome.MODIFIED]
    assert ends[pairs[1][0]].transient
    assert sum(bench.waits) < 10


@pytest.mark.parametrize(("error", "retry"), [(ApiError(500, "", "a bug"), False), (BUSY, True)])
async def test_alone_it_does_not_hold_up_its_topic_either_once_it_is_suspect(error: ApiError, retry: bool) -> None:
    bench = Bench()
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(there, error, times=999)
    change = replace(bench.bc.change(bench.mapping.bc, here), retry=retry)
    (end,) = await bench.push([decide(change, bench.mapping, bench.held(here), {}, Flags(False, False))], PATIENT)
    assert (end.outcome, end.transient) == (Outcome.FAILED, True)
    assert sum(bench.waits) < 10


async def test_a_side_that_is_away_is_waited_for_however_suspect_the_record_is() -> None:
    bench = Bench()
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(there, ApiError(500, "", "a bug"), times=6)
    bench.sales.read_faults += [BUSY] * 99
    (end,) = await bench.push(bench.decided(here), PATIENT)
    assert end.outcome is Outcome.MODIFIED


async def test_a_side_that_answers_only_refusals_fails_the_record_and_goes_on() -> None:
    bench = Bench()
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(there, BUSY, times=99)
    bench.sales.read_faults.append(ApiError(403, "", "no privilege"))
    (end,) = await bench.push(bench.decided(here))
    assert end.outcome is Outcome.FAILED
    assert end.transient


async def test_while_the_whole_side_is_away_no_record_fails_and_the_batch_is_taken_again() -> None:
    bench = Bench()
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(there, BUSY, times=len(DELAYS) + 1)
    bench.sales.read_faults.append(BUSY)
    with pytest.raises(ApiError):
        await bench.push(bench.decided(here))
    (end,) = await bench.push(bench.decided(here))
    assert end.outcome is Outcome.MODIFIED


async def test_a_change_whose_answer_was_lost_is_recognised_as_done() -> None:
    bench = Bench(on_update_conflict="fail")
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(there, LOST, applied=True)
    (end,) = await bench.push(bench.decided(here))
    assert end.outcome is Outcome.MODIFIED
    assert end.coupling is not None
    assert end.coupling.sales.version == bench.account(there)["@odata.etag"]
    assert end.coupling.sales.base["address1_city"] == "Wien"


async def test_an_edit_made_while_our_answer_was_lost_survives_and_still_travels() -> None:
    bench = Bench(on_update_conflict="merge")
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(there, LOST, applied=True)
    bench.sales.after_fault = lambda: bench.sales.edit(bench.mapping.sales, there, telephone1="2")
    (end,) = await bench.push(bench.decided(here))
    assert end.outcome is Outcome.MODIFIED
    assert bench.account(there)["telephone1"] == "2"
    assert end.coupling is not None
    assert end.coupling.sales.base["telephone1"] == "1"


async def test_one_failing_record_does_not_stop_the_others() -> None:
    bench = Bench()
    pairs = [bench.pair(name=name) for name in ("A", "B", "C")]
    for here, _ in pairs:
        bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(pairs[1][1], BROKEN)
    ends = {end.change.key: end for end in await bench.push(bench.decided(*(here for here, _ in pairs)))}
    assert [ends[here].outcome for here, _ in pairs] == [Outcome.MODIFIED, Outcome.FAILED, Outcome.MODIFIED]
    problem = ends[pairs[1][0]].problem
    assert problem is not None
    assert "the record is broken" in problem.message
    assert bench.waits == []


async def test_every_answer_goes_to_its_own_record() -> None:
    bench = Bench()
    keys = [bench.bc.put(bench.mapping.bc, displayName=f"Firm {number}") for number in range(5)]
    ends = {end.change.key: end for end in await bench.push(bench.decided(*keys))}
    for number, key in enumerate(keys):
        assert bench.account(ends[key].partner or "")["name"] == f"Firm {number}"


async def test_a_record_refused_while_others_are_throttled_is_not_repeated() -> None:
    bench = Bench()
    (broken, broken_there), (busy, busy_there) = bench.pair(name="A"), bench.pair(name="B")
    for here in (broken, busy):
        bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.fail(broken_there, BROKEN)
    bench.sales.fail(busy_there, THROTTLED)
    await bench.push(bench.decided(broken, busy))
    assert [write.id for write in bench.sales.writes].count(broken_there) == 1


async def test_a_partner_that_is_gone_fails_and_says_so() -> None:
    bench = Bench()
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.remove(bench.mapping.sales, there)
    (end,) = await bench.push(bench.decided(here))
    assert end.outcome is Outcome.FAILED
    assert end.problem is not None
    assert end.problem.code == "coupled-to-deleted"


async def test_a_partner_that_is_gone_is_uncoupled_if_the_mapping_says_so() -> None:
    bench = Bench(on_delete="uncouple")
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.remove(bench.mapping.sales, there)
    (end,) = await bench.push(bench.decided(here))
    assert (end.outcome, end.uncouple) == (Outcome.UNCOUPLED, True)


async def test_a_missing_record_that_a_lookup_names_is_not_the_partner() -> None:
    bench = Bench(on_delete="uncouple")
    here, there = bench.pair()
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    elsewhere = "99999999-0000-4000-8000-00000000ffff"
    bench.sales.fail(there, ApiError(404, "0x80040217", f"transactioncurrency With Id = {elsewhere} Does Not Exist"))
    (end,) = await bench.push(bench.decided(here))
    assert (end.outcome, end.uncouple) == (Outcome.FAILED, False)
    assert end.problem is not None
    assert elsewhere in end.problem.message


async def test_a_read_that_the_side_refuses_fails_the_records_it_was_for() -> None:
    bench = Bench()
    here, there = bench.pair()
    bench.sales.edit(bench.mapping.sales, there, telephone1="2")
    bench.bc.edit(bench.mapping.bc, here, city="Wien")
    bench.sales.read_faults = [BUSY, ApiError(403, "forbidden", "no privilege")]
    (end,) = await bench.push(bench.decided(here))
    assert end.outcome is Outcome.FAILED
    assert bench.waits == [DELAYS[0]]


async def test_what_needs_no_write_is_handed_through() -> None:
    bench = Bench()
    here, _ = bench.pair()
    (end,) = await bench.push(bench.decided(here))
    assert end.outcome is Outcome.UNCHANGED
    assert bench.sales.writes == []
