"""Servers differ in what they serve: what is missing is told, or done without."""

import httpx
import pytest

from daemon import preflight
from schemas import mapping_file
from schemas.errors import ConfigurationError, Unreachable
from schemas.mapping import Mappings
from schemas.side import Side
from tests.support.made import mappings, part

STANDARD = mapping_file.parse(mapping_file.standard_text())


def clients(bc: httpx.Response, sales: httpx.Response | None = None) -> dict[Side, httpx.AsyncClient]:
    """Two sides that answer every request alike."""
    answers = {Side.BC: bc, Side.SALES: sales or httpx.Response(200, json={"value": []})}
    return {
        side: httpx.AsyncClient(base_url="http://127.0.0.1", transport=httpx.MockTransport(lambda _, a=answer: a))
        for side, answer in answers.items()
    }


def company_lookup(mappings: Mappings) -> str:
    return next(rule.lookup.by for rule in mappings["CONTACTS"].fields if rule.lookup)


@pytest.mark.parametrize(
    ("answer", "by"),
    [
        (httpx.Response(200, json={"value": [{"id": "1", "contactsInformation": []}]}), "contact"),
        (httpx.Response(200, json={"value": []}), "contact"),
        (httpx.Response(200, json={"value": [{"id": "1"}]}), "number"),
        (httpx.Response(400, json={"error": {"code": "BadRequest", "message": "no such part"}}), "number"),
        (httpx.Response(501, json={"error": {"code": "", "message": "not implemented"}}), "number"),
    ],
)
async def test_a_server_without_contacts_information_knows_companies_by_the_customer_number(
    answer: httpx.Response, by: str
) -> None:
    mappings = await preflight.expanding(clients(answer), "c", STANDARD)
    assert company_lookup(mappings) == by
    assert bool(mappings["CUSTOMER"].bc.references) == (by == "contact")


async def test_a_field_that_is_not_there_is_named_with_its_mapping_and_a_hint() -> None:
    refusal = httpx.Response(400, json={"error": {"code": "BadRequest", "message": "Could not find 'nmae'"}})
    with pytest.raises(ConfigurationError, match=r"Mapping CURRENCY: Business Central refuses.*nmae.*docs/mappings.md"):
        await preflight.check_mappings(clients(refusal), "c", STANDARD)


async def test_a_side_that_is_down_is_unreachable() -> None:
    down = httpx.Response(503, text="maintenance")
    with pytest.raises(Unreachable, match=r"Business Central at .* does not let us in"):
        await preflight.check_mappings(clients(down), "c", STANDARD)


async def test_a_column_that_only_an_insert_template_writes_is_checked_too() -> None:
    template = {"name": "A", "side": "sales", "values": {"creditonhld": True, "ownerid@odata.bind": "/systemusers(1)"}}
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["$select"])
        return httpx.Response(200, json={"value": []})

    side = httpx.AsyncClient(base_url="http://127.0.0.1", transport=httpx.MockTransport(answer))
    await preflight.check_mappings(dict.fromkeys(Side, side), "c", mappings(part(templates=[template])))
    assert [select.count("creditonhld") for select in asked] == [0, 1]
    assert not any("odata" in select for select in asked)
