"""`mappings check` against what both simulators serve: each kind of mistake, in the standard file made wrong."""

import re
from pathlib import Path

import httpx
import pytest

from daemon import metadata
from daemon.sandbox.dataverse import DataverseSettings
from daemon.sandbox.faults import Fault
from schemas.errors import Unreachable
from schemas.finding import Level
from schemas.mapping_check import check
from schemas.mapping_file import read, standard_text
from schemas.metadata import Kind, Served
from schemas.side import Side
from tests.contract.clients.client_support import Script, bc, sales, scripted, state

STANDARD = standard_text()
DOCS = Path(__file__).resolve().parents[3] / "docs"
_YAML = re.compile(r"^```yaml\n(mappings:.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    *_YAML.findall((DOCS / "mappings.md").read_text(encoding="utf-8")),
    *(path.read_text(encoding="utf-8") for path in sorted((DOCS / "examples").glob("*.yaml"))),
]
Told = tuple[str, int, str, str, str]


async def serve(chosen: DataverseSettings | None = None) -> Served:
    return await metadata.served({Side.BC: bc(), Side.SALES: sales(chosen=chosen)}, read(STANDARD).mappings)


def told(text: str, served: Served) -> list[Told]:
    """Level, line, field, sentence and hint of each finding."""
    file = read(text, "my.yaml")
    return [
        (one.level.value, file.line(one.place), ".".join(map(str, one.place)), one.message, one.hint)
        for one in check(file, served)
    ]


async def test_the_standard_file_fits_what_both_sides_serve() -> None:
    assert told(STANDARD, await serve()) == []


@pytest.mark.parametrize("text", EXAMPLES)
async def test_the_examples_of_the_documentation_have_no_errors(text: str) -> None:
    """Some are too short to carry `max_length` everywhere: that is a warning."""
    served = await metadata.served({Side.BC: bc(), Side.SALES: sales()}, read(text).mappings)
    assert [one for one in told(text, served) if one[0] == "error"] == []


CITY = "{bc: city, sales: address1_city, max_length: 30}"
CURRENCY = "{bc: currencyCode, sales: transactioncurrencyid, lookup: CURRENCY}"


@pytest.mark.parametrize(
    ("old", "new", "field", "message", "hint"),
    [
        ("table: accounts,", "table: acounts,", "sales.table", "no entity set 'acounts'", "'accounts'"),
        ("table: customers", "table: customer", "bc.table", "no entity set 'customer'", "'customers'"),
        ("api: coupled/sync/v1.0", "api: coupled/sync/v9.0", "bc.api", "no API 'coupled/sync/v9.0'", "custom API page"),
        ("sales: telephone1", "sales: telefon1", "sales", "accounts has no field 'telefon1'", "'telephone1'"),
        ("bc: phoneNumber", "bc: phonenumber", "bc", "customers has no field 'phonenumber'", "'phoneNumber'"),
        (CITY, CITY.replace("city,", "balanceDue,", 1), "bc", "does not let balanceDue", "direction: to_sales"),
        ("isocurrencycode, on: insert", "isocurrencycode", "sales", "only when a record is created", "on: insert"),
        ("statecode, constant: 0, direction: to_sales, on: after_insert", "statecode, constant: 0, direction: to_sales",
         "sales", "cannot be set when a record is created", "on: after_insert"),
        (CURRENCY, CURRENCY.replace(", lookup: CURRENCY", ""), "sales", "is a lookup column", "`lookup`"),
        (CITY, CITY.replace("max_length: 30", "lookup: CURRENCY"), "sales", "is no lookup column", "Take `lookup` out"),
        (CURRENCY, CURRENCY.replace("transactioncurrencyid", "transactioncurrency"), "sales", "no lookup column",
         "'transactioncurrencyid'"),
        (CURRENCY, CURRENCY.replace("CURRENCY}", "CURRENCY, navigation: Currency}"), "navigation",
         "not written by a navigation property 'Currency'", "transactioncurrencyid"),
        ("ownerid, lookup: SALESPEOPLE", "ownerid, lookup: CURRENCY", "lookup", "takes records of 'systemuser'",
         "`lookup`"),
        ("by: contact", "by: contct", "by", "no reference 'contct'", "'contact'"),
        ("to: uom,", "to: unit,", "to", "no reference 'unit'", "id, uom"),
        ("sales: creditlimit", "sales: description", "sales", "holds text, but gets a number", "`transform`"),
        (CITY, CITY.replace("max_length: 30", "transform: [unix_time]"), "sales", "gets a whole number", "`transform`"),
        (CITY, CITY.replace(", max_length: 30", ""), "max_length",
         "city of customers takes 30 characters, but may get 80", "max_length: 30"),
        ("constant: Person", "constant: Persn", "constant", "no value 'Persn'", "'Person'"),
        ("blocked eq '_x0020_'", "blockd eq '_x0020_'", "bc.filter", "no field 'blockd'", "'blocked'"),
        ("blocked eq '_x0020_'", "blocked eq 'Shop'", "bc.filter", "blocked has no value 'Shop'", "'Ship'"),
        ("blocked eq '_x0020_'", "blocked eq 1", "bc.filter", "the filter compares it with '1'", "single quotes"),
        ("statecode eq 0", "statecode eq '0'", "sales.filter", "a whole number, but", "single quotes"),
        ("isdisabled eq false", "isdisabled eq 0", "sales.filter", "true or false, but", "single quotes"),
        ("_parentcustomerid_value ne null", "parentcustomerid ne null", "sales.filter", "lookup column",
         "'_parentcustomerid_value'"),
        ("child: uoms", "child: uom", "sales.references.uom.child", "no entity set 'uom'", "'uoms'"),
        ("field: uomid", "field: unitid", "sales.references.uom.field", "uoms has no field 'unitid'", "uomid"),
        ("parent: uomscheduleid", "parent: schedule", "sales.references.uom.parent", "no lookup column 'schedule'", ""),
        ("isschedulebaseuom eq true", "isbase eq true", "sales.references.uom.where", "no field 'isbase'", ""),
        ("child: contactsInformation", "child: contactInformation", "bc.references.contact.child", "no part",
         "'contactsInformation'"),
        ("field: contactNumber", "field: contactNr", "bc.references.contact.field", "no field 'contactNr'",
         "'contactNumber'"),
        ("{bc: email, sales: emailaddress1}], [{", "{bc: mail, sales: emailaddress1}], [{", "match_on.0.0.bc",
         "no field 'mail'", "'email'"),
        ("sales: name, ignore_case", "sales: nme, ignore_case", "match_on.1.0.sales", "no field 'nme'", "'name'"),
        ("    match_on: [[{bc: email, sales: emailaddress1}], [{",
         "    templates: [{name: T, side: sales, values: {creditonhlod: true}}]\n"
         "    match_on: [[{bc: email, sales: emailaddress1}], [{",
         "templates.0.values.creditonhlod", "accounts has no field 'creditonhlod'", "'creditonhold'"),
        ("    match_on: [[{bc: email, sales: emailaddress1}], [{",
         "    templates: [{name: T, side: sales, filter: countri eq 'AT', values: {creditonhold: true}}]\n"
         "    match_on: [[{bc: email, sales: emailaddress1}], [{",
         "templates.0.filter", "customers has no field 'countri'", "'country'"),
        ("    match_on: [[{bc: email, sales: emailaddress1}], [{",
         "    templates: [{name: T, side: bc, values: {balanceDue: 1}}]\n"
         "    match_on: [[{bc: email, sales: emailaddress1}], [{",
         "templates.0.values.balanceDue", "does not let balanceDue of customers be set", ""),
        ("    match_on: [[{bc: email, sales: emailaddress1}], [{",
         "    templates: [{name: T, side: bc, values: {taxLiable: maybe}}]\n"
         "    match_on: [[{bc: email, sales: emailaddress1}], [{",
         "templates.0.values.taxLiable", "holds true or false, but gets 'maybe'", "without quotes"),
        ("    match_on: [[{bc: email, sales: emailaddress1}], [{",
         "    templates: [{name: T, side: bc, values: {paymentTermsId: 30 DAYS}}]\n"
         "    match_on: [[{bc: email, sales: emailaddress1}], [{",
         "templates.0.values.paymentTermsId", "holds an id, but gets '30 DAYS'", "Such as 5d115c9c-"),
        ("isdisabled eq false", "fullname", "sales.filter", "holds text: by itself it is no", "fullname ne null"),
        ("table: customers\n", "table: customers\n      key: nummer\n", "bc.key", "no field 'nummer'", "Give `key`"),
        ("sales: {table: accounts,", "sales: {table: accounts, id: accoundid,", "sales.id", "no field 'accoundid'",
         "'accountid'"),
    ],
)  # fmt: skip
async def test_each_mistake_is_told_with_line_field_and_hint(
    old: str, new: str, field: str, message: str, hint: str
) -> None:
    assert old in STANDARD
    wrong = STANDARD.replace(old, new, 1)
    found = told(wrong, await serve())
    right = [one for one in found if one[2].endswith(field) and message in one[3] and hint in one[4]]
    assert right, found
    line = STANDARD[: STANDARD.index(old)].count("\n") + 1
    assert right[0][1] in range(line, line + 2 + new.count("\n"))


async def test_a_text_that_may_be_cut_off_and_a_part_that_is_not_served_are_warnings() -> None:
    text = STANDARD.replace(CITY, CITY.replace(", max_length: 30", "")).replace(
        "child: contactsInfo", "child: contacts"
    )
    assert {level for level, *_ in told(text, await serve())} == {Level.WARNING.value}


async def test_a_table_without_change_tracking_is_a_warning_where_it_is_captured() -> None:
    tracked = DataverseSettings().change_tracking
    found = told(STANDARD, await serve(DataverseSettings(change_tracking=tracked - {"accounts", "uomschedules"})))
    assert [(level, field, message.split(":")[0]) for level, _, field, message, _ in found] == [
        ("warning", "mappings.3.sales.table", "Change tracking is off for accounts")
    ]


async def test_all_mistakes_are_told_in_the_order_of_the_file() -> None:
    text = STANDARD.replace("sales: telephone1", "sales: telefon1").replace("bc: jobTitle", "bc: jobTitel")
    found = told(text, await serve())
    assert [message for _, _, _, message, _ in found] == [
        "accounts has no field 'telefon1'.",
        "contacts has no field 'jobTitel'.",
        "contacts has no field 'telefon1'.",
    ]
    assert [line for _, line, *_ in found] == sorted(line for _, line, *_ in found)


async def test_lengths_and_what_may_be_written_come_from_the_definitions() -> None:
    found = (await serve()).sales.sets["transactioncurrencies"].properties["isocurrencycode"]
    assert (found.kind, found.max_length, found.creatable, found.updatable) == (Kind.TEXT, 5, True, False)


async def test_an_application_that_may_not_read_definitions_is_checked_without_them() -> None:
    client = sales()
    state(client).control.faults.arm(Fault(status=403, count=50, path="/EntityDefinitions"))
    served = await metadata.served({Side.BC: bc(), Side.SALES: client}, read(STANDARD).mappings)
    assert told(STANDARD, served) == []
    assert told(STANDARD.replace("sales: telephone1", "sales: telefon1", 1), served)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(503, text="maintenance"), "does not let us in"),
        (httpx.Response(200, text="<html>Sign in</html>"), "cannot be read"),
        (httpx.Response(200, text="{}"), "cannot be read"),
    ],
)
async def test_a_side_without_metadata_is_unreachable(answer: httpx.Response, reason: str) -> None:
    clients = {Side.BC: scripted(Side.BC, Script(*[answer] * 8)), Side.SALES: sales()}
    with pytest.raises(Unreachable, match=f"Business Central .*{reason}"):
        await metadata.served(clients, read(STANDARD).mappings)
