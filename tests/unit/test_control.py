"""Commands: each takes effect once and gets one outcome, however often delivered (promise 8)."""

from typing import Any

import pytest

from schemas.command import FullSync, Resume
from schemas.errors import Refused
from schemas.job import Keep, RunKind, RunState
from schemas.side import Direction, Side
from schemas.use import Use
from tests.support.desk import Desk
from tests.support.made import BC_ID, SALES_ID

TO_SALES, TO_BC = Direction.TO_SALES, Direction.TO_BC


async def test_a_full_synchronisation_has_a_job_per_direction_in_order_of_dependence() -> None:
    desk = Desk()
    outcome = await desk.send("full-sync")
    assert (outcome.state, outcome.run) == (RunState.ACCEPTED, "c1")
    assert desk.jobs["c1"] == [
        ("CURRENCY", TO_SALES),
        ("CURRENCY", TO_BC),
        ("CUSTOMER", TO_SALES),
        ("CUSTOMER", TO_BC),
        ("ITEM", TO_SALES),
    ]
    assert desk.woken == 1


async def test_only_the_flags_that_were_on_are_cleared() -> None:
    desk = Desk(CUSTOMER=False)
    await desk.send("full-sync", mappings=["CUSTOMER", "ITEM"])
    assert (desk.runs["c1"].mappings, desk.runs["c1"].cleared) == (("CUSTOMER", "ITEM"), ("ITEM",))
    await desk.send("sync", "c2")
    assert desk.runs["c2"].cleared == ()


async def test_a_command_delivered_again_does_nothing_and_says_nothing() -> None:
    desk = Desk()
    for _ in range(3):
        await desk.send("sync")
    assert len(desk.announced) == len(desk.runs) == 1
    for _ in range(3):
        await desk.send("nonsense", "c2")
    assert len(desk.announced) == 2


async def test_an_accepted_command_may_take_effect_again_after_a_crash() -> None:
    desk = Desk()
    desk.killed_before_runs = True
    with pytest.raises(KeyboardInterrupt):
        await desk.send("full-sync")
    desk.killed_before_runs = False
    for _ in range(2):
        await desk.control.effect(FullSync(id="c1", command="full-sync"))
    assert list(desk.runs) == ["c1"]
    assert {outcome.state for outcome in desk.announced} == {RunState.ACCEPTED}


async def test_a_dry_run_is_a_job_per_mapping_and_clears_no_flag_even_beside_a_full_synchronisation() -> None:
    desk = Desk()
    await desk.send("full-sync", "c0")
    outcome = await desk.send("full-sync", mappings=["CUSTOMER"], dry_run=True)
    assert (outcome.state, outcome.run) == (RunState.ACCEPTED, "c1")
    assert (desk.runs["c1"].kind, desk.runs["c1"].cleared) == (RunKind.PREVIEW, ())
    assert desk.jobs["c1"] == [("CUSTOMER", Direction.BOTH)]


async def test_matching_is_a_job_per_mapping_in_order_with_its_options() -> None:
    desk = Desk()
    await desk.send("match", mappings=["CUSTOMER", "CURRENCY"], use="sales", create=True)
    assert desk.jobs["c1"] == [("CURRENCY", Direction.BOTH), ("CUSTOMER", Direction.BOTH)]
    assert desk.runs["c1"].options == {"create": True, "dry_run": False, "use": "sales"}


async def test_matching_leaves_out_what_has_no_match_on_and_refuses_it_by_name() -> None:
    desk = Desk()
    await desk.send("match")
    assert [name for name, _ in desk.jobs["c1"]] == ["CURRENCY", "CUSTOMER"]
    assert (await desk.send("match", "c2", mappings=["ITEM"])).state is RunState.REFUSED
    assert desk.code() == "match-on-missing"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"not json", "command-not-json"),
        (None, "command-not-json"),
        (b"[1]", "command-not-object"),
        (b'{"id": "c1", "command": "explode"}', "command-invalid"),
        (b'{"id": "c1"}', "command-invalid"),
        (b'{"command": "sync"}', "command-invalid"),
        (b'{"id": "c1", "command": "sync", "speed": "high"}', "command-invalid"),
        (b'{"id": "c1", "command": "answer", "run": "r", "answer": "perhaps"}', "command-invalid"),
        (b'{"id": "c1", "command": "sync", "mappings": "CUSTOMER"}', "command-invalid"),
        (b'{"id": "c1", "command": "sync", "mappings": ["PLANETS"]}', "mapping-unknown"),
    ],
)
async def test_what_is_not_understood_in_full_is_refused(value: bytes | None, code: str) -> None:
    desk = Desk()
    await desk.control.take(value, "fallback")
    (outcome,) = desk.announced
    assert (outcome.state, desk.code()) == (RunState.REFUSED, code)
    assert outcome.id in {"c1", "fallback"}
    assert desk.runs == {}


@pytest.mark.parametrize("command", ["pause", "full-sync", "explode"])
async def test_a_command_whose_outcome_could_not_be_told_is_told_when_it_is_delivered_again(command: str) -> None:
    desk = Desk()
    desk.away = 1
    with pytest.raises(OSError, match="away"):
        await desk.send(command)
    if command == "full-sync":
        desk.runs.clear()  # a run is told by the runner; one that was never stored is the command's to make
    await desk.send(command)
    await desk.send(command)
    (outcome,) = desk.announced
    assert outcome.id == "c1"
    assert desk.paused == ({"CURRENCY", "CUSTOMER", "ITEM"} if command == "pause" else set())


async def test_a_second_full_synchronisation_waits_for_the_first() -> None:
    desk = Desk()
    await desk.send("full-sync")
    desk.set("c1", state=RunState.AWAITING_ANSWER)
    assert (await desk.send("full-sync", "c2")).state is RunState.REFUSED
    assert desk.code() == "full-sync-active"
    assert "coupled answer c1" in str(desk.announced[-1].error)
    assert (await desk.send("sync", "c3")).state is RunState.ACCEPTED
    desk.set("c1", state=RunState.DONE)
    assert (await desk.send("full-sync", "c4")).state is RunState.ACCEPTED


async def test_the_answer_can_come_with_the_command_or_before_the_end() -> None:
    desk = Desk()
    await desk.send("full-sync", answer="keep")
    assert desk.runs["c1"].answer is Keep.KEEP
    desk.set("c1", state=RunState.DONE)
    await desk.send("full-sync", "c2")
    outcome = await desk.send("answer", "c3", run="c2", answer="restore")
    assert (outcome.state, desk.runs["c2"].answer) == (RunState.DONE, Keep.RESTORE)


async def test_a_run_that_failed_before_its_answer_wants_none() -> None:
    desk = Desk()
    await desk.send("full-sync")
    desk.set("c1", state=RunState.FAILED)
    await desk.send("answer", "c2", run="c1", answer="restore")
    assert desk.code() == "run-over"


async def test_while_the_run_is_not_over_the_last_answer_counts() -> None:
    desk = Desk()
    await desk.send("full-sync", answer="keep")
    assert (await desk.send("answer", "c2", run="c1", answer="restore")).state is RunState.DONE
    assert desk.runs["c1"].answer is Keep.RESTORE


@pytest.mark.parametrize(("given", "again", "value"), [("keep", "restore", None), ("restore", "keep", False)])
async def test_after_the_run_another_answer_puts_only_coupled_as_it_says(
    given: str, again: str, value: bool | None
) -> None:
    desk = Desk(ITEM=False)
    await desk.send("full-sync", answer=given)
    desk.set("c1", state=RunState.DONE)
    assert (await desk.send("answer", "c2", run="c1", answer=again)).state is RunState.DONE
    assert desk.overridden == {"CURRENCY": value, "CUSTOMER": value}


async def test_the_same_answer_again_is_no_mistake() -> None:
    desk = Desk()
    await desk.send("full-sync", answer="keep")
    assert (await desk.send("answer", "c2", run="c1", answer="keep")).state is RunState.DONE


@pytest.mark.parametrize("run", ["nobody", "c1"])
async def test_only_full_synchronisations_are_answered(run: str) -> None:
    desk = Desk()
    await desk.send("sync")
    await desk.send("answer", "c2", run=run, answer="keep")
    assert desk.code() == "run-unknown"


async def test_pausing_and_resuming_is_done_at_once() -> None:
    desk = Desk()
    assert (await desk.send("pause", mappings=["ITEM"])).state is RunState.DONE
    assert desk.paused == {"ITEM"}
    assert (await desk.send("resume", "c2")).state is RunState.DONE
    assert (desk.paused, desk.runs) == (set(), {})


async def test_what_was_missed_while_paused_is_caught_up_with_once() -> None:
    desk = Desk()
    desk.missed = {"CUSTOMER", "CURRENCY"}
    await desk.send("resume")
    (run,) = desk.runs.values()
    assert (run.kind, sorted(run.mappings)) == (RunKind.CATCH_UP, ["CURRENCY", "CUSTOMER"])
    assert desk.jobs[run.id][0] == ("CURRENCY", TO_SALES)
    await desk.send("resume", "c2")
    assert len(desk.runs) == 1


async def test_a_kill_while_resuming_loses_nothing_that_was_missed() -> None:
    desk = Desk()
    desk.missed, desk.killed_before_runs = {"CUSTOMER"}, True
    with pytest.raises(KeyboardInterrupt):
        await desk.send("resume")
    desk.killed_before_runs = False
    await desk.control.effect(Resume(id="c1", command="resume"))
    assert [run.mappings for run in desk.runs.values()] == [("CUSTOMER",)]


async def test_failed_records_are_carried_again_by_mapping_or_by_id() -> None:
    desk = Desk()
    assert (await desk.send("retry", mappings=["ITEM"])).state is RunState.DONE
    assert (await desk.send("retry", "c2", records=[BC_ID])).state is RunState.DONE
    assert (await desk.send("retry", "c3", causes=["c0ffee"])).state is RunState.DONE
    everything = ["CURRENCY", "CUSTOMER", "ITEM"]
    assert desk.retried == [(["ITEM"], None, None), (everything, [BC_ID], None), (everything, None, ["c0ffee"])]


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ({"records": [BC_ID]}, "record-not-failing"),
        ({"records": [BC_ID, SALES_ID]}, "record-not-failing"),
        ({"records": [BC_ID], "causes": ["c0ffee"]}, "record-not-failing"),
        ({"causes": ["c0ffee"]}, "cause-unknown"),
        ({"records": []}, "nothing-chosen"),
    ],
)
async def test_a_retry_that_hits_nothing_is_refused(chosen: dict[str, Any], code: str) -> None:
    desk = Desk()
    desk.failing = 0
    assert (await desk.send("retry", mappings=["ITEM"], **chosen)).state is RunState.REFUSED
    assert desk.code() == code


async def test_of_whole_mappings_there_may_be_nothing_to_carry_again() -> None:
    desk = Desk()
    desk.failing = 0
    assert (await desk.send("retry", mappings=["ITEM"])).state is RunState.DONE


@pytest.mark.parametrize("chosen", [{"records": [BC_ID]}, {"causes": ["c0ffee"]}])
async def test_a_retry_that_is_taken_again_after_what_it_woke_went_through_is_done(chosen: dict[str, Any]) -> None:
    desk = Desk()
    desk.away = 1
    with pytest.raises(OSError, match="away"):
        await desk.send("retry", **chosen)
    desk.failing, desk.touched_since = 0, True
    assert (await desk.send("retry", **chosen)).state is RunState.DONE


@pytest.mark.parametrize("fields", [{}, {"use": "bc"}])
async def test_a_number_wants_its_mapping(fields: dict[str, Any]) -> None:
    desk = Desk()
    assert (await desk.send("retry", records=[BC_ID, "10000"], **fields)).state is RunState.REFUSED
    assert desk.code() == "record-id-invalid"
    assert (desk.retried, desk.pairs.asked) == ([], [])


async def test_uncoupling_what_is_not_coupled_is_refused() -> None:
    desk = Desk()
    desk.pairs.refusal = Refused("record-not-coupled", "It is not.", "See what is.")
    assert (await desk.send("uncouple", mapping="CUSTOMER", records=[BC_ID])).state is RunState.REFUSED
    assert (desk.code(), desk.runs) == ("record-not-coupled", {})


async def test_two_records_are_coupled_by_their_names_and_the_refusal_is_told() -> None:
    desk = Desk()
    named = {"mapping": "CUSTOMER", "bc_id": "10000", "sales_id": "Adatum"}
    assert (await desk.send("couple", **named, use="sales")).state is RunState.DONE
    assert desk.pairs.asked == [("couple", "CUSTOMER", "10000", "Adatum", Use.SALES)]
    desk.pairs.refusal = Refused("record-unknown", "No such record.")
    refused = await desk.send("couple", "c2", **named)
    assert (refused.state, refused.error and refused.error.code) == (RunState.REFUSED, "record-unknown")
    unknown = await desk.send("couple", "c3", **{**named, "mapping": "NOBODY"})
    assert unknown.error
    assert unknown.error.code == "mapping-unknown"


async def test_records_take_a_sides_values_only_if_they_are_named() -> None:
    desk = Desk()
    await desk.send("retry", mappings=["ITEM"], records=["A"], use="bc")
    assert desk.pairs.asked == [("carry", ["ITEM"], ["A"], Side.BC)]
    assert desk.retried == []
    refused = await desk.send("retry", "c2", use="bc")
    assert refused.error
    assert refused.error.code == "nothing-chosen"


async def test_uncoupling_is_a_run_with_one_job_for_each_mapping_concerned() -> None:
    desk = Desk()
    outcome = await desk.send("uncouple", mapping="CUSTOMER", records=[BC_ID.upper(), BC_ID])
    assert (outcome.state, outcome.run) == (RunState.ACCEPTED, "c1")
    assert desk.jobs["c1"] == [("CUSTOMER", Direction.BOTH)]
    run = desk.runs["c1"]
    assert (run.kind, dict(run.options)) == (RunKind.UNCOUPLE, {"mapping": "CUSTOMER", "records": [BC_ID]})


@pytest.mark.parametrize("chosen", [{}, {"records": []}, {"all": True, "records": ["a"]}])
async def test_uncoupling_says_which_records_or_all(chosen: dict[str, Any]) -> None:
    desk = Desk()
    refused = await desk.send("uncouple", mapping="CUSTOMER", **chosen)
    assert refused.error
    assert refused.error.code == "nothing-chosen"
    assert desk.runs == {}


async def test_named_records_are_part_of_the_run() -> None:
    desk = Desk()
    await desk.send("sync", mappings=["CUSTOMER"], records=[BC_ID])
    assert desk.runs["c1"].options == {"records": [BC_ID]}
    assert desk.jobs["c1"] == [("CUSTOMER", TO_SALES), ("CUSTOMER", TO_BC)]


@pytest.mark.parametrize(
    "command", [{"command": "sync"}, {"command": "uncouple", "mapping": "CUSTOMER"}], ids=["sync", "uncouple"]
)
async def test_what_is_no_id_is_told_before_anything_is_asked_of_a_side(command: dict[str, Any]) -> None:
    desk = Desk()
    refused = await desk.send(command_id="c1", records=[BC_ID, "10000"], **command)
    assert refused.error
    assert refused.error.code == "record-id-invalid"
    assert "10000" in refused.error.message
    assert desk.runs == {}
