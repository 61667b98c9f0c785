"""The page of a mapping: everything its file may say of it, in the file's words and in plain ones."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from daemon.web import setting_words
from daemon.web.ports import MappingStatus
from schemas import mapping_parts
from schemas.command import Pause, Resume, Sync
from schemas.mapping_file import parse
from schemas.mapping_words import flow
from schemas.side import Direction

from .conftest import NOW, World
from .test_console import Strict, submit

# Every setting that there is, each with another value than its default.
FILE = """
mappings:
  - name: COUNTRY
    bc: {table: countriesRegions, key: iso}
    sales: {table: new_countries}
    direction: to_sales
    fields: [{bc: displayName, sales: new_name}]
  - name: VENDOR
    bc:
      table: vendors
      filter: "blocked eq '_x0020_'"
      id: systemId
      key: accountNo
      api: fabrikam/buying/v3.1
      references:
        firm: {child: vendorInformation, field: firmNumber, where: "kind eq 'Firm'", of: firms, never: "kin eq 'None'"}
    sales:
      table: new_vendors
      filter: "new_kind eq 11"
      id: new_vendorid
      references:
        branch: {child: new_branches, field: new_branchid, parent: new_vendorlookup, where: "new_main eq true"}
    direction: to_sales
    depends_on: [COUNTRY]
    uncouple_with: [COUNTRY]
    only_coupled: false
    live: false
    couple_existing: true
    on_update_conflict: sales_wins
    on_delete: restore
    match_on: [[{bc: taxNumber, sales: new_tax, ignore_case: true}], [{bc: mail, sales: new_mail}]]
    templates:
      - {name: ABROAD, side: sales, priority: 7, filter: "land ne 'GB'", values: {new_terms: 41}}
    fields:
      - {bc: displayName, sales: [new_first, new_last], max_length: 87, transform: [trim, {replace: {Ltd: Limited}}]}
      - {bc: city, sales: new_city, transform: [upper], transform_direction: to_sales, required: true}
      - {bc: land, sales: new_countryid, lookup: COUNTRY, by: iso, to: name, navigation: new_Land, not_null: true}
      - {bc: home, sales: new_homeid, lookup: COUNTRY, blank_outside: true, ignore_outside: to_sales}
      - {bc: birth, sales: new_birthid, lookup: COUNTRY, clear_on_failure: true}
      - {sales: new_origin, constant: 4711, direction: to_sales, on: insert}
      - {bc: code, sales: new_code, direction: to_bc, status: disabled}
      - {bc: nickname, generate: "V {:07d}", direction: to_bc, status: disabled}
"""
WRITTEN = parse(FILE).written
# What a heading of the page says, in place of the name of the setting.
HEADED = {
    *(("MappingPart", name) for name in ("name", "bc", "sales", "fields")),
    *(("FieldPart", name) for name in ("bc", "sales", "direction", "status")),
    *(("MatchPart", name) for name in ("bc", "sales")),
    ("SidePart", "table"),
}
RULES = mapping_parts.MappingPart.model_fields.keys() - {"name", "bc", "sales", "fields"}
# What a setting holds tables of.
HOLDS = {
    ("MappingPart", "bc"): "SidePart",
    ("MappingPart", "sales"): "SidePart",
    ("MappingPart", "match_on"): "MatchPart",
    ("MappingPart", "templates"): "TemplatePart",
    ("MappingPart", "fields"): "FieldPart",
    ("SidePart", "references"): "ReferencePart",
}


@pytest.fixture
def world() -> World:
    made = World()
    for name, given in WRITTEN.items():
        named = name, Direction.TO_SALES, given["bc"]["table"], given["sales"]["table"]
        made.reader.mapping_list.append(MappingStatus(*named, only_coupled=given.get("only_coupled", True)))
        made.reader.written[name] = given
    return made


def settings(given: Any, part: str = "MappingPart") -> Iterator[tuple[str, str, Any]]:
    """Of each table of the mapping: the name of its part, and each of its settings."""
    for name, value in given.items():
        yield part, name, value
        if below := HOLDS.get((part, name)):
            for one in tables(list(value.values()) if name == "references" else value):
                yield from settings(one, below)


def tables(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (one for each in value for one in tables(each))
    else:
        yield value


def leaves(value: Any) -> Iterator[Any]:
    """The names and values in what is no table of settings."""
    if isinstance(value, dict):
        yield from (leaf for name, one in value.items() for leaf in (name, *leaves(one)))
    elif isinstance(value, list):
        yield from (leaf for one in value for leaf in leaves(one))
    else:
        yield value


def plain(text: str) -> str:
    """What a reader sees."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split())


def row(text: str, name: str) -> str:
    """What a reader sees of a table's row of that name."""
    return next(one for one in map(plain, re.findall(r"<tr\b.*?</tr>", text, re.S)) if one.startswith(name))


def test_the_sample_has_every_setting_of_a_mappings_file() -> None:
    """A setting that is new fails here, until it is in the sample, and thereby on the page."""
    there: dict[str, set[str]] = {}
    for part, name, _ in settings(WRITTEN["VENDOR"]):
        there.setdefault(part, set()).add(name)
    models = {name: one for name, one in vars(mapping_parts).items() if re.fullmatch("[A-Z]\\w+Part", name)}
    assert there == {name: set(one.model_fields) for name, one in models.items() if name != "FilePart"}


async def test_every_setting_is_on_the_page_with_its_value(browser):
    text = (await browser.get("/mappings/VENDOR")).text
    for part, name, value in settings(WRITTEN["VENDOR"]):
        if (part, name) in HOLDS or (part, name) == ("FieldPart", "direction"):
            continue
        for leaf in leaves(value):
            shown = leaf if name == "filter" and part == "SidePart" else flow(leaf)
            told = shown if (part, name) in HEADED or isinstance(value, list | dict) else f"{name}: {shown}"
            where = row(text, name).replace(name, f"{name}:", 1) if part == "MappingPart" and name in RULES else text
            assert told in plain(where), f"{part}.{name}: {leaf}"


async def test_every_setting_is_told_in_words(browser):
    text = plain((await browser.get("/mappings/VENDOR")).text)
    for part, name, value in settings(WRITTEN["VENDOR"]):
        if (part, name) not in HEADED - {("FieldPart", "status")}:
            says = setting_words.of_value(part, name, value) if not isinstance(value, list | dict) else ""
            said = says or setting_words.of_setting(part, name)
            assert said.replace("`", "") in text, f"{part}.{name}: {said}"
    for step in ("trim", "replace", "upper"):
        assert setting_words.of_step(step).replace("`", "") in text


async def test_what_the_file_leaves_as_it_is_is_told_too(browser):
    text = (await browser.get("/mappings/COUNTRY")).text
    assert row(text, "on_delete").startswith("on_delete ignore Nothing, until")
    assert row(text, "couple_existing").startswith("couple_existing false A partner is created without")
    assert "match_on" not in plain(text)
    assert "No filter: every record takes part." in text


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("displayName", "new_first + new_last max_length: 87, transform: trim, {replace: {Ltd: Limited}}"),
        ("land", "new_countryid lookup: COUNTRY, by: iso, to: name, navigation: new_Land, not_null: true"),
        ("constant: 4711", "new_origin on: insert"),
    ],
)
async def test_a_field_is_told_with_both_names_its_direction_and_how(browser, field, told):
    assert row((await browser.get("/mappings/VENDOR")).text, field) == f"{field} BC → Sales {told}"


async def test_a_disabled_field_is_told_as_one(browser):
    text = (await browser.get("/mappings/VENDOR")).text
    assert row(text, "code") == "code Sales → BC disabled new_code as it is"
    assert row(text, "nickname") == 'nickname Sales → BC disabled generate: "V {:07d}" as it is'


async def test_a_field_against_its_mappings_way_is_never_carried(world, browser):
    given = {**WRITTEN["VENDOR"], "fields": [{"bc": "code", "sales": "new_code", "direction": "to_bc"}]}
    world.reader.written["VENDOR"] = given
    text = (await browser.get("/mappings/VENDOR")).text
    assert row(text, "code") == "code Sales → BC never carried new_code as it is"
    assert "Never carried: the mapping does not travel the way" in text


async def test_a_field_of_a_one_way_mapping_travels_that_way_only(world, browser):
    world.reader.written["VENDOR"] = {**WRITTEN["VENDOR"], "fields": [{"bc": "a", "sales": "b", "direction": "both"}]}
    assert row((await browser.get("/mappings/VENDOR")).text, "a ") == "a BC → Sales b as it is"


async def test_mappings_lead_to_each_other(browser):
    vendor, country = [(await browser.get(f"/mappings/{name}")).text for name in ("VENDOR", "COUNTRY")]
    linked = '<a href="/mappings/COUNTRY">COUNTRY</a>'
    assert f"lookup: {linked}" in vendor
    for rule in ("depends_on", "uncouple_with"):
        assert re.search(rf"<code>{rule}</code></th>\s*<td[^>]*><code>{linked}", vendor)
    for said in ("Depend on it, and run after it", "Look up its records", "Are uncoupled with its records"):
        assert f'<p>{said}: <a href="/mappings/VENDOR">VENDOR</a></p>' in country
        assert said not in vendor


async def test_a_disabled_field_looks_nothing_up(world, browser):
    line = {"bc": "land", "sales": "new_countryid", "lookup": "COUNTRY", "status": "disabled"}
    world.reader.written["VENDOR"] = {**WRITTEN["VENDOR"], "fields": [line, {**line, "lookup": "GONE"}]}
    assert "Look up its records" not in (await browser.get("/mappings/COUNTRY")).text
    assert "/mappings/GONE" not in (await browser.get("/mappings/VENDOR")).text


async def test_a_step_that_looks_up_counts_too(world, browser):
    step = {"lookup": {"mapping": "COUNTRY", "field": "displayName"}}
    line = {"bc": "land", "sales": "new_land", "transform": ["trim", step]}
    world.reader.written["VENDOR"] = {**WRITTEN["VENDOR"], "fields": [line]}
    assert "Look up its records" in (await browser.get("/mappings/COUNTRY")).text


async def test_what_a_full_synchronisation_has_set_is_told_beside_the_file(world, browser):
    assert "Right now it is" not in (await browser.get("/mappings/CUSTOMER")).text
    world.reader.mapping_list = [replace(one, only_coupled=False) for one in world.reader.mapping_list]
    told = row((await browser.get("/mappings/CUSTOMER")).text, "only_coupled")
    assert told.startswith("only_coupled true A record without a partner is ignored")
    assert "Right now it is false, set by a full synchronisation. A record without a partner gets a new one" in told


@pytest.mark.parametrize(("name", "possible"), [("CUSTOMER", True), ("CURRENCY", False)])
async def test_where_all_fields_travel_one_way_nothing_is_in_conflict(browser, name, possible):
    told = row((await browser.get(f"/mappings/{name}")).text, "on_update_conflict")
    assert ("none is edited on both sides" in told) is not possible


async def test_its_numbers_lead_to_what_they_count_and_its_name_to_it(browser):
    text = (await browser.get("/mappings/CUSTOMER")).text
    for path, number in (("couplings", "8\u202f412"), ("errors", "12"), ("blanks", "0")):
        assert f'<a href="/{path}?mapping=CUSTOMER">{number}</a>' in text
    for path in ("/jobs?mapping=CUSTOMER", "/records?mapping=CUSTOMER", "/jobs/4", "/jobs/4#failures"):
        assert f'href="{path}"' in text
    for path in ("/", "/mappings", "/couplings/CUSTOMER/10000", "/jobs/4", "/errors?cause=c0ffee"):
        assert '<a href="/mappings/CUSTOMER">CUSTOMER</a>' in (await browser.get(path)).text, path


async def test_a_mapping_that_is_gone_is_no_link(world, browser):
    world.reader.mapping_list = [one for one in world.reader.mapping_list if one.name != "CUSTOMER"]
    for path in ("/jobs/4", "/errors?cause=c0ffee"):
        assert "/mappings/CUSTOMER" not in (await browser.get(path)).text, path


async def test_what_is_still_to_run_and_that_it_is_paused(world, browser):
    owes = {"coupled full-sync CUSTOMER": ["bc.filter"], "coupled verify CUSTOMER --repair": ["fields city ↔ city"]}
    world.reader.mapping_list = [replace(one, owes=owes, paused_at=NOW) for one in world.reader.mapping_list]
    text = (await browser.get("/mappings/CUSTOMER")).text
    assert "bc.filter. Still to run: <code>coupled full-sync CUSTOMER</code>" in text
    assert "fields city ↔ city. Still to run: <code>coupled verify CUSTOMER --repair</code>" in text
    assert text.count('href="/full-sync?mapping=CUSTOMER"') == 1
    assert "paused since <time" in text


@pytest.mark.parametrize(("paused", "button", "expected"), [(None, "Pause", Pause), (NOW, "Resume", Resume)])
async def test_it_is_paused_resumed_and_synchronised_here(world, browser, paused, button, expected):
    world.reader.mapping_list = [replace(one, paused_at=paused) for one in world.reader.mapping_list]
    text = (await browser.get("/mappings/CUSTOMER")).text
    forms = [
        dict(re.findall(r'name="(\w+)" value="([^"]*)"', one)) for one in re.findall(r"<form.*?</form>", text, re.S)
    ]
    wanted = {"sync": Sync, button.lower(): expected}
    assert {"sync", "verify", "match", button.lower()} == {form["command"] for form in forms}
    for name, kind in wanted.items():
        answer = await submit(browser, **next(form for form in forms if form["command"] == name))
        assert answer.headers["location"].startswith("/mappings/CUSTOMER?command=")
        command = world.submitted.pop()
        assert isinstance(command, kind)
        assert command.mappings == ["CUSTOMER"]


@pytest.mark.parametrize(("name", "hint"), [("CUSTOMERS", "Did you mean"), ("%3Cb%3E", "")])
async def test_a_mapping_that_is_not_there(browser, name, hint):
    answer = await browser.get(f"/mappings/{name}")
    assert answer.status_code == 404
    assert "There is no mapping" in answer.text
    assert hint in answer.text
    assert Strict(answer.text).blocked == []
    assert "<b>" not in answer.text


async def test_texts_of_the_file_are_shown_as_text(world, browser):
    name = "<script>alert(1)</script>"
    world.reader.written["VENDOR"] = {**WRITTEN["VENDOR"], "fields": [{"bc": name, "sales": name, "constant": name}]}
    assert name not in (await browser.get("/mappings/VENDOR")).text
