"""What a deletion on one side does to the other, per policy and side (business-central-sync 3.7, rows 67-71, 112)."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.change import Change, Op, encode
from schemas.errors import ApiError
from schemas.outcome import Intent, Outcome, Settled
from schemas.side import Side
from tests.support.fakes import ANY, BROKEN, BUSY, LOST, Killed
from tests.support.made import part
from tests.support.river import LOG, River

BC, SALES = Side.BC, Side.SALES
BOTH = pytest.mark.parametrize("gone", [BC, SALES])
POLICIES = ["ignore", "fail", "restore", "uncouple", "delete"]
CITY = {BC: "city", SALES: "address1_city"}


class Pair(River):
    """A customer and its account, coupled; `ids` are theirs."""

    ids: dict[Side, str]

    async def made(self) -> "Pair":
        (end,) = await self.take(self.new(BC, displayName="Adatum", city="Graz", phoneNumber="1"))
        assert end.partner is not None
        self.ids = {BC: end.change.key, SALES: end.partner}
        self.memory.settled.clear()
        return self

    def lost(self, side: Side) -> Change:
        """The record of that side is deleted by a user."""
        self.sides[side].remove(self.table(side), self.ids[side])
        return self.change(side, self.ids[side])

    async def survivor_edited(self, gone: Side) -> Settled:
        (end,) = await self.take(self.edited(gone.other, self.ids[gone.other], **{CITY[gone.other]: "Wien"}))
        return end

    def there(self, side: Side) -> list[str]:
        return [row[self.table(side).id] for row in self.rows(side)]


async def pair(policy: str, **settings: Any) -> Pair:
    return await Pair(on_delete=policy, **settings).made()


@BOTH
@pytest.mark.parametrize(
    ("policy", "outcome", "coupled"),
    [("ignore", Outcome.IGNORED, True), ("fail", Outcome.FAILED, True), ("uncouple", Outcome.UNCOUPLED, False)],
)
async def test_the_survivor_is_left_as_it_is(gone: Side, policy: str, outcome: Outcome, coupled: bool) -> None:
    river = await pair(policy)
    (end,) = await river.take(river.lost(gone))
    assert (end.outcome, end.partner, bool(river.memory.kept)) == (outcome, river.ids[gone.other], coupled)
    assert river.there(gone.other) == [river.ids[gone.other]]
    if outcome is Outcome.FAILED:
        assert end.problem is not None
        assert end.problem.code == "coupled-to-deleted"
        assert river.ids[gone] in end.problem.message


@BOTH
async def test_under_ignore_the_survivors_next_change_fails_and_the_coupling_stays(gone: Side) -> None:
    river = await pair("ignore")
    await river.take(river.lost(gone))
    end = await river.survivor_edited(gone)
    assert end.outcome is Outcome.FAILED
    assert end.problem is not None
    assert end.problem.code == "coupled-to-deleted"
    assert river.memory.kept


@BOTH
async def test_the_deleted_record_is_restored_from_its_partner(gone: Side) -> None:
    river = await pair("restore")
    (end,) = await river.take(river.lost(gone))
    assert end.outcome is Outcome.INSERTED
    (new,) = river.rows(gone)
    assert new[CITY[gone]] == "Graz"
    (coupling,) = river.memory.kept.values()
    assert (coupling.half(gone).id, coupling.half(gone.other).id) == (new[river.table(gone).id], river.ids[gone.other])
    if gone is SALES:
        assert coupling.sales.id == river.ids[BC]  # as any creation (promise 2)
    else:
        assert coupling.bc.id != river.ids[BC]
    (echo,) = await river.take(river.change(gone, coupling.half(gone).id))
    assert echo.outcome is Outcome.UNCHANGED


@BOTH
async def test_what_is_restored_is_in_the_trace_of_the_deletion(gone: Side) -> None:
    river = await pair("restore")
    told = replace(river.message(river.topic(gone), encode(river.lost(gone))), trace="00-1-2-01")
    await river.deliver(gone, [told])
    end = river.observed[-1]
    assert (end.outcome, end.change.side, end.change.trace) == (Outcome.INSERTED, gone.other, "00-1-2-01")


@BOTH
async def test_a_partner_found_gone_at_the_survivors_next_write_is_restored(gone: Side) -> None:
    river = await pair("restore")
    river.lost(gone)
    end = await river.survivor_edited(gone)
    assert end.outcome is Outcome.INSERTED
    (new,) = river.rows(gone)
    assert new[CITY[gone]] == "Wien"
    assert len(river.memory.kept) == 1
    assert (await river.survivor_edited(gone)).outcome is Outcome.UNCHANGED


@BOTH
@pytest.mark.parametrize("found_by", ["its deletion", "the next write", "the look before it"])
async def test_a_kill_after_restoring_leaves_one_record(gone: Side, found_by: str) -> None:
    river = await pair("restore")
    if found_by == "the look before it":
        forget_version(river, gone)
    lost = river.lost(gone)
    there = gone.other
    change = lost if found_by == "its deletion" else river.edited(there, river.ids[there], **{CITY[there]: "Wien"})
    # Before it is created again in Sales, that is recorded.
    river.memory.fail_record = [Killed()] if gone is BC else [None, Killed()]
    with pytest.raises(Killed):
        await river.take(change)
    assert len(river.rows(gone)) == 1
    await river.take(change)
    assert (len(river.rows(gone)), len(river.memory.kept)) == (1, 1)
    assert river.memory.begun == {}


async def test_a_survivor_that_looks_like_another_creation_of_ours_is_no_echo_of_it() -> None:
    river = await pair("restore")
    (coupling,) = river.memory.kept.values()
    await river.memory.intend([Intent("CUSTOMER", "another account", coupling.bc.base)])
    (end,) = await river.take(river.lost(SALES))
    assert (end.outcome, len(river.rows(SALES))) == (Outcome.INSERTED, 1)


@BOTH
async def test_what_cannot_be_restored_now_is_restored_when_the_survivor_is_retried(gone: Side) -> None:
    river = await pair("restore")
    river.sides[gone].fail(ANY, BROKEN)
    (end,) = await river.take(river.lost(gone))
    assert end.outcome is Outcome.FAILED
    assert end.change.key == river.ids[gone.other]
    (again,) = await river.take(river.change(gone.other, river.ids[gone.other]))
    assert again.outcome is Outcome.INSERTED
    assert (len(river.rows(gone)), len(river.memory.kept)) == (1, 1)


@BOTH
async def test_the_partner_is_deleted_too_and_the_echo_of_that_is_ignored(gone: Side) -> None:
    river = await pair("delete")
    (end,) = await river.take(river.lost(gone))
    assert (end.outcome, river.rows(gone.other), river.memory.kept) == (Outcome.DELETED, [], {})
    (echo,) = await river.take(river.change(gone.other, river.ids[gone.other]))
    assert echo.outcome is Outcome.IGNORED


@BOTH
@pytest.mark.parametrize("known", [True, False])
async def test_a_partner_that_has_changed_is_not_deleted(gone: Side, known: bool) -> None:
    river = await pair("delete")
    if not known:
        forget_version(river, gone.other)
    river.edited(gone.other, river.ids[gone.other], **{CITY[gone.other]: "Wien"})
    (end,) = await river.take(river.lost(gone))
    assert end.outcome is Outcome.FAILED
    assert end.problem is not None
    assert end.problem.code == "deleted-but-changed"
    assert river.there(gone.other) == [river.ids[gone.other]]
    assert (await river.survivor_edited(gone)).outcome is Outcome.FAILED
    assert river.there(gone.other) == [river.ids[gone.other]]


@BOTH
async def test_a_partner_of_unknown_version_is_deleted_if_it_says_what_was_agreed(gone: Side) -> None:
    river = await pair("delete")
    forget_version(river, gone.other)
    (end,) = await river.take(river.lost(gone))
    assert (end.outcome, river.rows(gone.other)) == (Outcome.DELETED, [])


def forget_version(river: Pair, side: Side) -> None:
    (coupling,) = river.memory.kept.values()
    river.memory.couple(coupling.with_half(side, replace(coupling.half(side), version="")))


@BOTH
@pytest.mark.parametrize("error", [LOST, BUSY])
async def test_deleting_is_repeated_until_it_is_answered(gone: Side, error: ApiError) -> None:
    river = await pair("delete")
    river.sides[gone.other].fail(river.ids[gone.other], error, applied=error is LOST)
    (end,) = await river.take(river.lost(gone))
    assert (end.outcome, river.rows(gone.other), river.memory.kept) == (Outcome.DELETED, [], {})


async def test_a_kill_after_deleting_ends_the_coupling_all_the_same() -> None:
    river = await pair("delete")
    lost = river.lost(SALES)
    river.memory.fail_record = [Killed()]
    with pytest.raises(Killed):
        await river.take(lost)
    (end,) = await river.take(lost)
    assert (end.outcome, river.memory.kept) == (Outcome.UNCOUPLED, {})


async def test_a_partner_that_the_side_refuses_to_delete_stays_and_fails() -> None:
    river = await pair("delete")
    river.bc.fail(river.ids[BC], ApiError(400, "Application_DialogException", "it has ledger entries"))
    (end,) = await river.take(river.lost(SALES))
    assert end.outcome is Outcome.FAILED
    assert end.problem is not None
    assert "ledger entries" in end.problem.message
    assert "coupled uncouple CUSTOMER" in end.problem.hint
    assert river.memory.kept


@BOTH
@pytest.mark.parametrize("policy", POLICIES)
async def test_where_both_are_gone_the_coupling_goes_without_an_error(gone: Side, policy: str) -> None:
    river = await pair(policy)
    river.lost(gone.other)
    (end,) = await river.take(river.lost(gone))
    assert (end.outcome, end.problem, river.memory.kept) == (Outcome.UNCOUPLED, None, {})


@BOTH
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_deletion_told_late_is_not_believed_of_a_record_that_is_there(gone: Side, policy: str) -> None:
    river = await pair(policy)
    row = dict(river.sides[gone].row(river.table(gone), river.ids[gone]))
    lost = river.lost(gone)
    river.sides[gone].tables[river.table(gone).name][river.ids[gone]] = row
    (end,) = await river.take(lost)
    assert (end.outcome, end.superseded, len(river.memory.kept)) == (Outcome.IGNORED, True, 1)
    assert river.there(gone.other) == [river.ids[gone.other]]


@pytest.mark.parametrize("policy", ["restore", "delete"])
async def test_a_survivor_outside_the_filter_is_left_alone(policy: str) -> None:
    river = await pair(policy, sales={"table": "accounts", "filter": "address1_city ne 'Rom'"})
    river.edited(SALES, river.ids[SALES], address1_city="Rom")
    (end,) = await river.take(river.lost(BC))
    assert (end.outcome, len(river.rows(BC)), len(river.rows(SALES))) == (Outcome.IGNORED, 0, 1)


async def test_one_way_mappings_act_in_their_direction_only() -> None:
    def one_way(policy: str) -> River:
        fields = [{"bc": "displayName", "sales": "name"}, {"bc": "city", "sales": "address1_city"}]
        return Pair(part(direction="to_sales", only_coupled=False, on_delete=policy, fields=fields))

    for policy, event, write in (
        ("restore", Outcome.FAILED, Outcome.INSERTED),
        ("delete", Outcome.DELETED, Outcome.FAILED),
    ):
        by_event, by_write = [await r.made() for r in (one_way(policy), one_way(policy)) if isinstance(r, Pair)]
        (end,) = await by_event.take(by_event.lost(BC))
        assert end.outcome is event
        by_write.lost(SALES)
        end = await by_write.survivor_edited(SALES)
        assert end.outcome is write
        assert len(by_write.rows(BC)) == 1
        if end.problem:
            assert end.problem.code == "coupled-to-deleted"


async def test_uncoupled_survivors_are_created_anew_where_new_records_are_carried() -> None:
    for only_coupled, outcome in ((True, Outcome.IGNORED), (False, Outcome.INSERTED)):
        river = await pair("uncouple")
        river.memory.only_coupled["CUSTOMER"] = only_coupled
        await river.take(river.lost(SALES))
        assert (await river.survivor_edited(SALES)).outcome is outcome


async def test_while_a_side_is_away_the_deletion_waits() -> None:
    river = await pair("delete")
    river.bc.read_faults = [BUSY]
    lost = river.lost(SALES)
    with pytest.raises(ApiError):
        await river.take(lost)
    (end,) = await river.take(lost)
    assert end.outcome is Outcome.DELETED


async def test_a_side_that_refuses_to_be_read_fails_the_deletion() -> None:
    river = await pair("delete")
    river.bc.read_faults = [ApiError(403, "forbidden", "no privilege")]
    (end,) = await river.take(river.lost(SALES))
    assert (end.outcome, end.partner, len(river.rows(BC))) == (Outcome.FAILED, river.ids[BC], 1)


async def test_a_deletion_reaches_every_mapping_of_its_table() -> None:
    def on(bc_table: str) -> dict[str, Any]:
        return {"bc": {"table": bc_table}, "only_coupled": False, "on_delete": "delete"}

    river = River(part("CUSTOMER", **on("customers")), part("VENDOR", **on("vendors")))
    vendors = river.mappings["VENDOR"].bc
    vendor = river.bc.put(vendors, displayName="Supplier", city="Graz")
    born = river.bc.change(vendors, vendor)
    await river.synchronise.batch("bc.vendors", LOG, [river.message("bc.vendors", encode(born))])
    (account,) = river.rows(SALES)
    river.sales.remove(river.table(SALES), account["accountid"])
    await river.deliver(SALES, [river.message(river.topic(SALES), encode(river.change(SALES, account["accountid"])))])
    ends = {one.mapping: one.outcome for one in river.observed[-2:]}
    assert ends == {"CUSTOMER": Outcome.IGNORED, "VENDOR": Outcome.DELETED}
    assert river.bc.tables["vendors"] == {}


@pytest.mark.parametrize("killed", [False, True])
async def test_what_we_delete_in_bc_is_told_on_its_topic(killed: bool) -> None:
    """BC tells of no deletion (wire-protocols A4.4): an older change of the record, still on the topic, would make a
    partner anew. Also by whoever repeats it after a kill, and finds the record gone."""
    river = await pair("delete")
    gone = [river.message(river.topic(SALES), encode(river.lost(SALES)))]
    if killed:
        river.bc.fail(ANY, LOST, applied=True)
        river.bc.fail(ANY, Killed())
        with pytest.raises(Killed):
            await river.deliver(SALES, gone)
        assert river.told == []
    await river.deliver(SALES, gone)
    assert (river.there(BC), river.memory.kept) == ([], {})
    assert [(one.op, one.key) for one in river.told] == [(Op.DELETE, river.ids[BC])]
