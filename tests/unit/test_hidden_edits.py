"""An edit of the other side that our last write saw and did not carry; a name, one field in two columns (3.6)."""

import pytest

from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.made import coupled
from tests.support.river import River

NAME = {"bc": "displayName", "sales": ["firstname", "lastname"], "max_length": 100}
PHONE = {"bc": "phoneNumber", "sales": "telephone1"}
CITY = {"bc": "city", "sales": "address1_city"}


def pair(policy: str, first: str | None = "Ann", last: str | None = "Lee") -> tuple[River, str, str]:
    river = River(fields=[NAME, PHONE, CITY], on_update_conflict=policy)
    whole = " ".join(filter(None, (first, last)))
    bc = river.bc.put(river.table(Side.BC), displayName=whole, phoneNumber="", city="")
    sales = river.sales.put(
        river.table(Side.SALES), firstname=first, lastname=last, telephone1=None, address1_city=None
    )
    rows = (river.bc.row(river.table(Side.BC), bc), river.sales.row(river.table(Side.SALES), sales))
    river.memory.couple(coupled(river.mapping, *rows))
    return river, bc, sales


@pytest.mark.parametrize(("policy", "phone"), [("merge", "sales"), ("bc_wins", "bc"), ("sales_wins", "sales")])
async def test_the_next_write_meets_an_edit_that_the_last_one_passed_by(policy: str, phone: str) -> None:
    """Our write of the city saw Sales' phone and moved the version on; BC's phone then went over it unseen."""
    river, bc, sales = pair(policy)
    river.edited(Side.SALES, sales, telephone1="sales")
    [one] = await river.take(river.edited(Side.BC, bc, city="Graz"))
    assert one.outcome is Outcome.MODIFIED
    [two] = await river.take(river.edited(Side.BC, bc, phoneNumber="bc"))
    assert two.outcome is {"merge": Outcome.CONFLICT, "bc_wins": Outcome.MODIFIED}.get(policy, Outcome.UNCHANGED)
    assert river.sales.row(river.table(Side.SALES), sales)["telephone1"] == phone


async def test_a_partner_without_such_an_edit_is_written_without_reading_it() -> None:
    river, bc, sales = pair("merge")
    river.edited(Side.SALES, sales, telephone1="sales")
    await river.take(river.edited(Side.BC, bc, city="Graz"))
    await river.take(river.change(Side.SALES, sales))
    reads = river.sales.reads
    await river.take(river.edited(Side.BC, bc, phoneNumber="bc"))
    assert river.sales.reads == reads


@pytest.mark.parametrize(("policy", "name"), [("bc_wins", (None, "Cher")), ("sales_wins", ("Ann", "Ray"))])
async def test_a_name_is_one_field_though_sales_has_two_columns_of_it(policy: str, name: tuple[str, str]) -> None:
    """BC's Cher and Sales' Ann Ray became Ann Cher, whom nobody knows."""
    river, bc, sales = pair(policy, None, None)
    river.edited(Side.SALES, sales, firstname="Ann", lastname="Ray")
    await river.take(river.edited(Side.BC, bc, displayName="Cher"))
    await river.take(river.change(Side.SALES, sales))
    row = river.sales.row(river.table(Side.SALES), sales)
    assert (row["firstname"], row["lastname"]) == name
    assert river.bc.row(river.table(Side.BC), bc)["displayName"] == " ".join(filter(None, name))


async def test_halves_of_a_name_edited_on_two_sides_are_a_conflict_under_merge() -> None:
    river, bc, sales = pair("merge")
    river.edited(Side.SALES, sales, firstname="Bob")
    [one] = await river.take(river.edited(Side.BC, bc, displayName="Ann Ray"))
    assert one.outcome is Outcome.CONFLICT
    assert one.problem is not None
    assert "firstname: Business Central 'Ann', Sales 'Bob'" in one.problem.message


@pytest.mark.parametrize("policy", ["fail", "merge"])
async def test_a_name_that_sales_splits_at_another_space_is_no_difference(policy: str) -> None:
    """Made equal in BC, it stayed a conflict for ever: BC's first space is not where Sales splits."""
    river, bc, sales = pair(policy, "Ann", "Lee")
    river.edited(Side.SALES, sales, firstname="Mary Ann", lastname="Ray")
    [one] = await river.take(river.edited(Side.BC, bc, displayName="Cher"))
    assert one.outcome is Outcome.CONFLICT
    [two] = await river.take(river.edited(Side.BC, bc, displayName="Mary Ann Ray"))
    assert two.outcome is Outcome.UNCHANGED
    assert river.sales.row(river.table(Side.SALES), sales)["firstname"] == "Mary Ann"
