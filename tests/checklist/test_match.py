"""Match-based coupling on real simulators and a real store (business-central-sync 5.3, rows 105 to 107)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from schemas.command_outcome import CommandOutcome
from schemas.job import RunState
from schemas.survey import Finding, Kind
from tests.support.house import CUSTOMERS, account, customer, names
from tests.support.stage import Killed, Stage, jobs

MAIL = "info@{}.example"


@pytest.fixture(autouse=True)
async def currencies(stage: Stage) -> None:
    """What customers refer to is coupled."""
    await stage.full_sync("CURRENCY")


def both(stage: Stage, name: str, **fields: Any) -> tuple[str, str]:
    """The same customer on both sides, known by its e-mail address."""
    mail = MAIL.format(name.lower())
    return customer(stage, name, email=mail), account(stage, f"{name} Inc.", emailaddress1=mail, **fields)


async def match(stage: Stage, *wanted: str, **fields: Any) -> CommandOutcome:
    told = await stage.command("match", mappings=list(wanted or ["CUSTOMER"]), **fields)
    assert told.state is RunState.DONE, told
    return told


async def findings(stage: Stage, told: CommandOutcome, kind: str | None = None) -> list[Finding]:
    return [one for _, _, one in await stage.store.findings.of_run(told.id, kind)]


def found(told: CommandOutcome) -> dict[str, int]:
    return {name: count for job in told.jobs for name, count in job["found"].items() if count}


async def test_row_105_a_unique_match_couples_and_writes_nothing_to_either_side(stage: Stage) -> None:
    adatum, contoso = both(stage, "Adatum"), both(stage, "Contoso")
    await stage.live()
    marks = stage.bc.mark(), stage.sales.mark()

    told = await match(stage)

    assert (stage.bc.writes(marks[0]), stage.sales.writes(marks[1])) == ([], [])
    assert await stage.couplings("CUSTOMER") == dict([adatum, contoso])
    assert jobs(told) == {("CUSTOMER", "both"): {"coupled": 2}}
    assert found(told) == {"matched": 2}
    assert [job["read"] for job in told.jobs] == [4]


async def test_a_full_synchronisation_after_matching_duplicates_nothing(stage: Stage) -> None:
    both(stage, "Adatum")
    customer(stage, "Only in BC")
    await stage.live()
    await match(stage)
    await stage.full_sync(*CUSTOMERS)
    await stage.live()
    assert names(stage) == (["Adatum", "Only in BC"], ["Adatum Inc.", "Only in BC"])


async def test_row_105_none_and_several_are_left_uncoupled_and_told_with_all_candidates(stage: Stage) -> None:
    lonely = customer(stage, "Lonely", email="lonely@x.example")
    first, second = (customer(stage, name, email="both@x.example") for name in ("First", "Second"))
    candidate = account(stage, "Candidate", emailaddress1="both@x.example")
    told = await match(stage)

    assert await stage.couplings("CUSTOMER") == {}
    assert found(told) == {"ambiguous": 1, "unmatched": 1}
    (ambiguous,) = await findings(stage, told, Kind.AMBIGUOUS)
    assert set(ambiguous.detail["bc"]) == {first, second}
    assert list(ambiguous.detail["sales"].values()) == ["Candidate"]
    assert list(ambiguous.detail["sales"]) == [candidate]
    (unmatched,) = await findings(stage, told, Kind.UNMATCHED)
    assert unmatched.bc_id == lonely
    assert unmatched.label.endswith("Lonely")


async def test_row_106_priorities_are_tried_in_order_and_blank_values_match_nothing(stage: Stage) -> None:
    by_mail, by_name = customer(stage, "Adatum", email="a@x.example"), customer(stage, "Contoso")
    named_alike = account(stage, "ADATUM", emailaddress1="other@x.example")
    mailed_alike = account(stage, "Somebody", emailaddress1="a@x.example")
    contoso = account(stage, "CONTOSO")
    await match(stage)
    assert await stage.couplings("CUSTOMER") == {by_mail: mailed_alike, by_name: contoso}
    assert named_alike not in (await stage.couplings("CUSTOMER")).values()


async def test_matching_again_couples_nothing_more(stage: Stage) -> None:
    both(stage, "Adatum")
    await match(stage)
    before = await stage.couplings("CUSTOMER")
    told = await match(stage)
    assert (found(told), jobs(told)) == ({}, {("CUSTOMER", "both"): {}})
    assert await stage.couplings("CUSTOMER") == before


async def test_a_dry_run_tells_what_would_be_created(stage: Stage) -> None:
    both(stage, "Adatum")
    only = customer(stage, "Only in BC")
    account(stage, "Only in Sales")
    told = await match(stage, dry_run=True, create=True)
    assert found(told) == {"matched": 1, "insert": 1, "unmatched": 1}
    (one,) = await findings(stage, told, Kind.INSERT)
    assert (one.direction, one.bc_id, one.sales_id) == ("to_sales", only, None)
    assert len(stage.sales.rows("accounts")) == 2


async def test_a_dry_run_only_tells(stage: Stage) -> None:
    both(stage, "Adatum")
    told = await match(stage, dry_run=True)
    assert found(told) == {"matched": 1}
    assert await stage.couplings("CUSTOMER") == {}


async def test_each_side_keeps_its_values_until_one_of_them_changes(stage: Stage) -> None:
    bc, sales = both(stage, "Adatum")
    await stage.live()
    await match(stage)
    await stage.live()
    assert names(stage) == (["Adatum"], ["Adatum Inc."])
    stage.bc.edit(f"customers({bc})", city="Graz")
    await stage.live()
    assert stage.sales.get(f"accounts({sales})")["address1_city"] == "Graz"


@pytest.mark.parametrize(("use", "name"), [("bc", "Adatum"), ("sales", "Adatum Inc.")])
async def test_the_winners_values_are_carried_across(stage: Stage, use: str, name: str) -> None:
    both(stage, "Adatum")
    await stage.live()
    told = await match(stage, use=use)
    assert jobs(told) == {("CUSTOMER", "both"): {"coupled": 1, "modified": 1}}
    await stage.live()
    assert names(stage) == ([name], [name])


async def test_row_107_who_has_no_match_is_created_in_sales_if_so_asked(stage: Stage) -> None:
    both(stage, "Adatum")
    customer(stage, "Lonely")
    account(stage, "Alone")
    await stage.live()
    told = await match(stage, create=True)
    assert jobs(told) == {("CUSTOMER", "both"): {"coupled": 1, "inserted": 1}}
    assert names(stage) == (["Adatum", "Lonely"], ["Adatum Inc.", "Alone", "Lonely"])


async def test_row_107_no_user_is_made_of_a_salesperson(stage: Stage) -> None:
    stage.bc.create("salespeoplePurchasers", code="JD", displayName="John", email="john@house.example")
    users = len(stage.sales.rows("systemusers"))
    await match(stage, "SALESPEOPLE", create=True)
    assert len(stage.sales.rows("systemusers")) == users


async def test_an_edit_between_looking_and_coupling_is_agreed_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has come by as a change of an uncoupled record, and been ignored: nobody would tell of it again."""
    both(stage, "Adatum")
    (bc,) = (row["id"] for row in stage.bc.rows("customers"))
    await stage.live()
    seal = stage.store.findings.seal

    async def edited(job: int, counts: Mapping[str, int]) -> None:
        await seal(job, counts)
        stage.bc.edit(f"customers({bc})", city="Graz")
        await stage.live()

    monkeypatch.setattr(stage.store.findings, "seal", edited)
    await match(stage)
    (coupled,) = await stage.store.views.couplings("CUSTOMER")
    assert coupled.coupling.bc.base["city"] == "Graz"


async def test_a_pair_that_no_longer_agrees_is_left_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    bc, _ = both(stage, "Adatum")
    await stage.live()
    seal = stage.store.findings.seal

    async def edited(job: int, counts: Mapping[str, int]) -> None:
        await seal(job, counts)
        stage.bc.edit(f"customers({bc})", email="other@x.example")

    monkeypatch.setattr(stage.store.findings, "seal", edited)
    told = await match(stage, use="bc")
    assert await stage.couplings("CUSTOMER") == {}
    assert jobs(told) == {("CUSTOMER", "both"): {}}


@pytest.mark.parametrize("part", ["stage", "add", "seal", "record", "published", "forget"])
@pytest.mark.parametrize("later", [False, True])
async def test_a_kill_at_any_step_is_gone_on_from_and_does_nothing_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, part: str, later: bool
) -> None:
    pairs = dict(both(stage, name) for name in ("Adatum", "Contoso"))
    customer(stage, "Lonely")
    account(stage, "Alone")
    await stage.live()
    store = stage.store
    places: dict[str, Any] = {
        "stage": store.surveys, "add": store.findings, "seal": store.findings,
        "record": store.memory, "published": store.positions, "forget": store.surveys,
    }  # fmt: skip
    monkeypatch.setattr(places[part], part, killed_in(getattr(places[part], part), later))
    with pytest.raises(Killed):
        await stage.command("match", id="m", mappings=["CUSTOMER"], use="bc", create=True)
    monkeypatch.undo()
    await stage.restart()
    await stage.work()

    last = stage.outcomes("m")[-1]
    assert last.state is RunState.DONE
    assert pairs.items() <= (await stage.couplings("CUSTOMER")).items()
    counters = jobs(last)["CUSTOMER", "both"]
    counters.pop("unchanged", None)  # a page published twice is applied twice, and the second time finds nothing to do
    assert counters == {"coupled": 2, "modified": 2, "inserted": 1}
    assert found(last) == {"matched": 2, "unmatched": 2}
    assert len(await findings(stage, last)) == 4
    assert names(stage) == (["Adatum", "Contoso", "Lonely"], ["Adatum", "Alone", "Contoso", "Lonely"])


def killed_in(work: Callable[..., Awaitable[Any]], later: bool) -> Callable[..., Awaitable[Any]]:
    """The first call ends the process: before it does its work, or after."""

    async def call(*given: Any, **named: Any) -> Any:
        if later:
            await work(*given, **named)
        raise Killed

    return call


async def test_a_mapping_without_match_on_is_refused_by_name_and_passed_over_otherwise(stage: Stage) -> None:
    await stage.configure(CUSTOMER={"match_on": []})
    told = await stage.command("match", mappings=["CUSTOMER"])
    assert (told.state, told.error.code if told.error else "") == (RunState.REFUSED, "match-on-missing")
    everything = await stage.command("match", dry_run=True)
    assert "CUSTOMER" not in [job["mapping"] for job in everything.jobs]
