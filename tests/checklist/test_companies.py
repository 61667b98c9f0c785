"""Two companies of Business Central and one Sales, row 131: a daemon each, and a column that says whose a row is."""

from __future__ import annotations

from pathlib import Path

from schemas.mapping import Mappings
from tests.support import house
from tests.support.house import account, customer, names
from tests.support.stage import Stage
from tests.support.stage_mappings import standard

PEOPLE = ("CURRENCY", "CUSTOMER")


def of_company(number: int) -> Mappings:
    """The standard mappings, with the accounts of this company only: docs/operate.md, "Several companies"."""
    ours = f"statecode eq 0 and customertypecode eq 3 and accountcategorycode eq {number}"
    mark = {"sales": "accountcategorycode", "constant": number, "direction": "to_sales", "on": "insert"}
    return standard(CUSTOMER={"sales": {"table": "accounts", "filter": ours}, "fields": lambda fields: [*fields, mark]})


async def test_row_131_each_company_has_its_own_accounts_in_one_sales(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with (
        Stage(tmp_path / "one", house.BC, house.SALES, of_company(1)) as one,
        Stage(tmp_path / "two", house.BC, {}, of_company(2), beside=one) as two,
    ):
        ours, theirs = customer(one, "Adatum"), customer(two, "Contoso")
        account(one, "Fabrikam", accountcategorycode=2)
        for stage in (one, two):
            await stage.full_sync(*PEOPLE)
            await stage.live()
        assert names(one) == (["Adatum"], ["Adatum", "Contoso", "Fabrikam"])
        assert names(two) == (["Contoso", "Fabrikam"], ["Adatum", "Contoso", "Fabrikam"])
        assert len([row for row in one.sales.rows("transactioncurrencies") if row["isocurrencycode"] == "USD"]) == 1

        one.sales.edit(f"accounts({theirs})", address1_city="Ulm")
        two.bc.edit(f"customers({theirs})", phoneNumber="7")
        one.bc.edit(f"customers({ours})", city="Bonn")
        for stage in (one, two, one):
            await stage.live()
        assert two.bc.get(f"customers({theirs})")["city"] == "Ulm"
        found = {key: one.sales.get(f"accounts({key})") for key in (ours, theirs)}
        assert (found[ours]["address1_city"], found[theirs]["telephone1"]) == ("Bonn", "7")
        assert [row["displayName"] for row in one.bc.rows("customers")] == ["Adatum"]
        for stage in (one, two):
            assert await stage.errors() == []
