"""The dry run of a full synchronisation names what the real one then does, and writes nothing (DESIGN 5)."""

from typing import Any

import pytest

from schemas.command_outcome import CommandOutcome
from schemas.job import RunState
from schemas.side import Side
from schemas.survey import Finding, Foretold, Kind, foretold, recommended
from tests.support.house import ANN, CUSTOMERS, account, customer, names, pair
from tests.support.stage import Killed, Stage
from tests.support.verifying import all_listed

# What a dry run calls what a job then counts.
COUNTED = {"insert": "inserted", "couple": "coupled", "modify": "modified", "fail": "failed", "conflict": "conflict"}


async def dry_run(stage: Stage, *wanted: str) -> CommandOutcome:
    """Refuses to pass if it wrote anything, or left anything behind."""
    marks = stage.bc.mark(), stage.sales.mark()
    given = {"mappings": list(wanted)} if wanted else {}
    told = await stage.command("full-sync", dry_run=True, **given)
    assert told.state is RunState.DONE, told
    assert told.command == "full-sync"
    assert (stage.bc.writes(marks[0]), stage.sales.writes(marks[1])) == ([], [])
    await all_listed(stage, told)
    for job in told.jobs:
        for side in Side:
            assert await stage.store.surveys.page(job["id"], side, "", 1) == []
    return told


async def findings(stage: Stage, told: CommandOutcome, kind: Kind) -> list[Finding]:
    return [one for _, _, one in await stage.store.findings.of_run(told.id, kind)]


def counts(told: CommandOutcome) -> dict[tuple[str, str], dict[str, int]]:
    """By mapping and direction, in the words of a real run's jobs."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for job in told.jobs:
        for name, count in job["found"].items():
            way, _, kind = name.partition(".")
            if kind in COUNTED and count:
                found.setdefault((job["mapping"], way), {})[COUNTED[kind]] = count
    return found


async def really(stage: Stage, *wanted: str) -> dict[tuple[str, str], dict[str, int]]:
    done = await stage.full_sync(*wanted)
    left = {place: {n: c for n, c in told.items() if n in COUNTED.values()} for place, told in done.items()}
    return {place: told for place, told in left.items() if told}


async def test_a_first_run_does_what_was_foretold(stage: Stage) -> None:
    customer(stage, "Adatum", currencyCode="USD")
    customer(stage, "Contoso")
    account(stage, "Fabrikam")
    stage.bc.create("items", number="1000", displayName="Bicycle", baseUnitOfMeasureCode="PCS")
    stage.bc.create("items", number="2000", displayName="No unit")
    told = await dry_run(stage)
    assert counts(told) == await really(stage)


async def test_the_second_run_would_do_nothing(stage: Stage) -> None:
    customer(stage, "Adatum", currencyCode="USD")
    await stage.full_sync()
    assert counts(await dry_run(stage)) == {} == await really(stage)


async def test_what_was_edited_would_be_modified_and_is_told_by_field(stage: Stage) -> None:
    bc, sales = await pair(stage)
    stage.bc.edit(bc, city="Graz")
    stage.sales.edit(sales, telephone1="123")
    told = await dry_run(stage, *CUSTOMERS)
    to_sales, to_bc = await findings(stage, told, Kind.MODIFY)
    assert to_sales.detail["fields"] == {"address1_city": [None, "Graz"]}
    assert to_bc.detail["fields"] == {"phoneNumber": [None, "123"]}
    assert counts(told) == await really(stage, *CUSTOMERS)


async def test_a_conflict_and_a_blank_that_must_have_a_value_are_foretold(stage: Stage) -> None:
    bc, sales = await pair(stage)
    stage.bc.edit(bc, city="Graz")
    stage.sales.edit(sales, address1_city="Wien")
    stage.bc.create("items", number="1", displayName="No unit")
    told = await dry_run(stage, *CUSTOMERS, "ITEM-PRODUCT")
    assert len(await findings(stage, told, Kind.CONFLICT)) == 2
    (failing,) = await findings(stage, told, Kind.FAIL)
    assert failing.detail["code"] == "value-missing"
    assert failing.label == "1 No unit"
    assert counts(told) == await really(stage, *CUSTOMERS, "ITEM-PRODUCT")


async def test_a_look_up_that_this_run_would_make_possible_does_not_fail(stage: Stage) -> None:
    customer(stage, "Adatum", currencyCode="USD")
    assert ("CUSTOMER", "to_sales") in counts(await dry_run(stage, *CUSTOMERS))
    alone = await dry_run(stage, "CUSTOMER")
    assert counts(alone) == {("CUSTOMER", "to_sales"): {"failed": 1}} == await really(stage, "CUSTOMER")


async def test_what_both_sides_hold_uncoupled_looks_like_a_duplicate_and_is_none_after_matching(stage: Stage) -> None:
    customer(stage, "Adatum")
    account(stage, "ADATUM")
    await stage.full_sync("CURRENCY")
    told = await dry_run(stage, "CUSTOMER")
    (duplicate,) = await findings(stage, told, Kind.DUPLICATE)
    assert duplicate.label.endswith("Adatum")
    assert duplicate.detail["partner"] == "ADATUM"
    assert counts(told) == {("CUSTOMER", "to_sales"): {"inserted": 1}, ("CUSTOMER", "to_bc"): {"inserted": 1}}

    await stage.command("match", mappings=["CUSTOMER"])
    assert await findings(stage, await dry_run(stage, "CUSTOMER"), Kind.DUPLICATE) == []
    await stage.full_sync("CUSTOMER")
    assert names(stage) == (["Adatum"], ["ADATUM"])


async def test_currencies_and_salespeople_that_exist_would_be_coupled(stage: Stage) -> None:
    stage.sales.create("transactioncurrencies", isocurrencycode="USD", currencyname="Dollar", currencysymbol="$",
                       currencyprecision=2, exchangerate=1.2)  # fmt: skip
    stage.bc.create("salespeoplePurchasers", code="AB", displayName="A. Beebe", email="ANN@house.example")
    told = await dry_run(stage, "CURRENCY", "SALESPEOPLE")
    coupled = {(one.label, one.sales_id == ANN) for one in await findings(stage, told, Kind.COUPLE)}
    assert {label for label, _ in coupled} >= {"USD US-Dollar"}
    assert True in {ann for _, ann in coupled}
    assert counts(told) == await really(stage, "CURRENCY", "SALESPEOPLE")


async def test_a_deleted_partner_is_foretold(stage: Stage) -> None:
    bc, sales = await pair(stage)
    stage.sales.delete(sales)
    stage.bc.edit(bc, city="Graz")
    told = await dry_run(stage, "CUSTOMER")
    (failing,) = await findings(stage, told, Kind.FAIL)
    assert failing.detail["code"] == "coupled-to-deleted"


@pytest.mark.parametrize("part", ["stage", "add", "seal", "forget"])
async def test_a_dry_run_that_is_killed_goes_on_and_tells_nothing_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    customer(stage, "Adatum")
    account(stage, "ADATUM")
    told = await dry_run(stage, *CUSTOMERS)
    expected = counts(told), len(await findings(stage, told, Kind.DUPLICATE))
    owner = stage.store.findings if part in ("add", "seal") else stage.store.surveys

    async def killed(*given: Any, **named: Any) -> None:
        raise Killed

    monkeypatch.setattr(owner, part, killed)
    with pytest.raises(Killed):
        await stage.command("full-sync", id="again", dry_run=True, mappings=list(CUSTOMERS))
    monkeypatch.undo()
    await stage.restart()
    await stage.work()
    last = stage.outcomes("again")[-1]
    assert (counts(last), len(await findings(stage, last, Kind.DUPLICATE))) == expected


async def test_no_flag_is_cleared_and_no_answer_due(stage: Stage) -> None:
    before = await stage.only_coupled()
    seen: list[Any] = []
    told = await dry_run(stage)
    seen.append(await stage.only_coupled())
    assert seen == [before]
    run = await stage.store.jobs.run(told.id)
    assert run is not None
    assert (run.cleared, run.answer) == ((), None)


@pytest.mark.parametrize(
    ("in_bc", "in_sales", "coupled", "by_itself", "what"),
    [
        (0, 0, 0, False, "no records"),
        (3, 2, 0, False, "match"),
        (3, 0, 0, False, "full-sync"),
        (0, 2, 5, False, "full-sync"),
        (3, 2, 0, True, "full-sync"),
        (0, 0, 5, False, "nothing to do"),
    ],
)
def test_row_034_what_is_recommended(in_bc: int, in_sales: int, coupled: int, by_itself: bool, what: str) -> None:
    assert recommended(in_bc, in_sales, coupled, by_itself) == what
    found = {
        "uncoupled_bc": in_bc,
        "uncoupled_sales": in_sales,
        "to_sales.insert": 4,
        "to_bc.insert": 2,
        "duplicate": 1,
    }
    told = foretold(found, in_bc + in_sales + coupled, by_itself)
    assert told == Foretold({Side.SALES: 4, Side.BC: 2}, 1, what)
