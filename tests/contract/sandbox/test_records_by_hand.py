"""The pages of both simulators: their records looked at and edited by hand, through the service's own rules."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from daemon.sandbox import alone
from tests.contract.sandbox import business_central_support as bc_support
from tests.contract.sandbox import dataverse_support

HTML = {"Accept": "text/html,application/xhtml+xml"}
BASE = "/_sandbox/records"


@dataclass(frozen=True)
class Place:
    """One simulator as a person and as another client meet it: `table` holds firms whose name is `name`."""

    http: httpx.AsyncClient
    api: str
    table: str
    name: str
    mail: str
    system: Any

    def page(self, rest: str = "") -> str:
        return f"{BASE}/{self.table}{rest}"

    async def all(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.http.get(f"{self.api}/{self.table}")).json()["value"]
        return found

    async def one(self) -> dict[str, Any]:
        (found,) = await self.all()
        return found

    async def edited_elsewhere(self, own: str) -> None:
        """The mail address of a record, by another client."""
        place, headers = f"{self.api}/{self.table}({own})", {"If-Match": "*"}
        (await self.http.patch(place, json={self.mail: "a@b.example"}, headers=headers)).raise_for_status()

    def id(self, record: dict[str, Any]) -> str:
        return str(record.get("id") or record["accountid"])


@contextlib.asynccontextmanager
async def _bc(count: int = 1, wire: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[Place]:
    rows = [{**row, "displayName": f"Firm {n:03d}"} for n, row in enumerate(bc_support.customers(count)["customers"])]
    async with bc_support.tenant({"customers": rows}, wire) as side:
        api = f"{bc_support.ROOT}/{bc_support.COMPANY}"
        yield Place(side.http, api, "customers", "displayName", "email", side)


@contextlib.asynccontextmanager
async def _sales(count: int = 1, wire: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[Place]:
    rows = [{**row, "name": f"Firm {n:03d}"} for n, row in enumerate(dataverse_support.accounts(count))]
    async with dataverse_support.org(None, wire, accounts=rows) as side:
        yield Place(side.http, dataverse_support.ROOT.rstrip("/"), "accounts", "name", "emailaddress1", side)


SIDES = pytest.mark.parametrize("side", [_bc, _sales])
Side = Callable[..., contextlib.AbstractAsyncContextManager[Place]]


class _Form(HTMLParser):
    """The fields of a page's one form that is sent by POST, as a browser sends them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._inside, self._area, self._select = False, "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("method") == "post"
        if not self._inside:
            return
        if tag == "input":
            self.fields[given["name"]] = given.get("value", "")
        if tag in {"textarea", "select"}:
            self.fields[given["name"]] = ""
            self._area, self._select = (given["name"], "") if tag == "textarea" else ("", given["name"])
        if tag == "option" and self._select and "selected" in given:
            self.fields[self._select] = given["value"]

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"textarea", "select", "form"}:
            self._area = self._select = ""
            self._inside = self._inside and tag != "form"


async def _form(place: Place, rest: str) -> dict[str, str]:
    page = await place.http.get(place.page(rest), headers=HTML)
    assert page.status_code == 200, page.text
    return _Form(page.text).fields


async def _send(place: Place, rest: str, fields: dict[str, str], **headers: str) -> httpx.Response:
    given = {"Origin": str(place.http.base_url).rstrip("/"), **{k.replace("_", "-"): v for k, v in headers.items()}}
    return await place.http.post(place.page(rest), data=fields, headers=given)


@SIDES
async def test_the_front_page_leads_to_every_table(side: Side) -> None:
    async with side() as place:
        page = await place.http.get("/", headers=HTML)
        assert page.headers["Content-Type"].startswith("text/html")
        assert f'href="{place.page()}"' in page.text
        tables = re.findall(rf'href="{BASE}/(\w+)"', page.text)
        for table in dict.fromkeys(tables):
            shown = await place.http.get(f"{BASE}/{table}", headers=HTML)
            assert shown.status_code == 200, (table, shown.text)
        assert len(tables) > 8
        assert (await place.http.get("/")).headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("which", ["bc", "sales"])
async def test_every_table_of_the_seeded_data_has_forms_that_say_what_is_stored(which: alone.Which) -> None:
    app = alone.app(which, 3, 1)
    base = "http://127.0.0.1:8098"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base) as http:
        tables = re.findall(rf'href="{BASE}/(\w+)"', (await http.get("/", headers=HTML)).text)
        for table in tables:
            found = await http.get(f"{BASE}/{table}", headers=HTML)
            adds = f'href="{BASE}/{table}/new"' in found.text
            assert (await http.get(f"{BASE}/{table}/new")).status_code == 200
            for link in dict.fromkeys(re.findall(rf'href="({BASE}/{table}/[0-9a-f-]{{36}})"', found.text)):
                form = await http.get(link)
                assert form.status_code == 200, (link, form.text)
                if fields := _Form(form.text).fields:
                    sent = await http.post(link, data=fields, headers={"Origin": base})
                    assert sent.headers["Location"].endswith("?done=nothing"), (link, sent.text)
                    assert adds or table == "companyInformation"
        writes = (await http.get("/_sandbox/requests?writes=1")).json()["entries"]
        assert writes == [], "forms sent as they came change nothing"


@SIDES
@pytest.mark.parametrize("page", ["0", "-1", "x", "", "9" * 5000, "²"])
async def test_a_page_that_is_none_is_answered(side: Side, page: str) -> None:
    async with side(3) as place:
        assert (await place.http.get(place.page(), params={"page": page}, headers=HTML)).status_code == 200


@SIDES
async def test_every_page_runs_no_script_and_is_framed_by_nobody(side: Side) -> None:
    async with side() as place:
        own = place.id(await place.one())
        for path in ("/", place.page(), place.page(f"/{own}"), place.page("/new"), f"{BASE}/nothing"):
            page = await place.http.get(path, headers=HTML)
            policy = page.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'self';")
            assert "frame-ancestors 'none'" in policy
            assert "form-action 'self'" in policy
            assert "unsafe" not in policy
            assert "<script" not in page.text
            assert "style=" not in page.text
            for found in re.findall(r'href="([^"]+\.css)"', page.text):
                assert (await place.http.get(found)).headers["Content-Type"].startswith("text/css")


@SIDES
async def test_a_list_is_searched_and_paged(side: Side) -> None:
    async with side(120) as place:
        seen: list[str] = []
        path = place.page()
        while path:
            page = await place.http.get(path, headers=HTML)
            seen += re.findall(r">(Firm \d{3})<", page.text)
            further = re.search(r'href="([^"]+)" rel="next"', page.text)
            path = str(page.url.join(further.group(1).replace("&amp;", "&"))) if further else ""
        assert sorted(seen) == [f"Firm {n:03d}" for n in range(120)]
        found = await place.http.get(place.page("?search=firm+077"), headers=HTML)
        assert re.findall(r">(Firm \d{3})<", found.text) == ["Firm 077"]
        assert (await place.http.get(place.page("?search=firm+0&page=2"), headers=HTML)).text.count(">Firm 0") == 50
        assert "Nothing" in (await place.http.get(place.page("?search=<b>"), headers=HTML)).text


@SIDES
async def test_a_record_is_changed(side: Side) -> None:
    async with side() as place:
        before = await place.one()
        own = place.id(before)
        fields = await _form(place, f"/{own}")
        assert fields[place.name] == "Firm 000"
        answer = await _send(place, f"/{own}", {**fields, place.name: "Firma Ö & <Söhne>"})
        assert answer.status_code == 303
        after = await place.one()
        told = {"@odata.etag", "lastModifiedDateTime", "modifiedon", "versionnumber", place.name}
        told |= {"_modifiedby_value"}
        assert after[place.name] == "Firma Ö & <Söhne>"
        assert {name for name in after if after[name] != before[name]} <= told
        page = await place.http.get(answer.headers["Location"], headers=HTML)
        assert 'value="Firma Ö &amp; &lt;Söhne&gt;"' in page.text
        assert "<Söhne>" not in page.text


@SIDES
async def test_a_form_that_changes_nothing_writes_nothing(side: Side) -> None:
    async with side() as place:
        before = await place.one()
        own = place.id(before)
        answer = await _send(place, f"/{own}", await _form(place, f"/{own}"))
        assert answer.status_code == 303
        assert (await place.one())["@odata.etag"] == before["@odata.etag"]


@SIDES
async def test_a_change_that_another_made_meanwhile_is_not_overwritten(side: Side) -> None:
    async with side() as place:
        own = place.id(await place.one())
        fields = await _form(place, f"/{own}")
        await place.edited_elsewhere(own)
        answer = await _send(place, f"/{own}", {**fields, place.name: "Mine"})
        assert answer.status_code in {409, 412}
        assert ("Another user has already changed the record" in answer.text) or ("0x80060882" in answer.text)
        assert 'value="Mine"' in answer.text
        record = await place.one()
        assert (record[place.name], record[place.mail]) == ("Firm 000", "a@b.example")


@SIDES
async def test_what_the_service_refuses_stands_in_the_form(side: Side) -> None:
    async with side() as place:
        own = place.id(await place.one())
        fields = await _form(place, f"/{own}")
        answer = await _send(place, f"/{own}", {**fields, place.name: "x" * 500})
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
        assert "length" in answer.text
        assert "x" * 500 in answer.text
        assert (await place.one())[place.name] == "Firm 000"


@SIDES
async def test_a_record_is_added_and_deleted(side: Side) -> None:
    async with side(0) as place:
        fields = await _form(place, "/new")
        answer = await _send(place, "/new", {**fields, place.name: "New"})
        assert answer.status_code == 303
        record = await place.one()
        assert record[place.name] == "New"
        assert answer.headers["Location"].startswith(place.page(f"/{place.id(record)}"))
        gone = await _send(place, f"/{place.id(record)}/delete", await _form(place, f"/{place.id(record)}/delete"))
        assert gone.status_code == 303
        assert await place.all() == []
        assert (await place.http.get(place.page(f"/{place.id(record)}"), headers=HTML)).status_code == 404


@SIDES
async def test_a_record_changed_meanwhile_is_not_deleted(side: Side) -> None:
    async with side() as place:
        own = place.id(await place.one())
        fields = await _form(place, f"/{own}/delete")
        await place.edited_elsewhere(own)
        assert (await _send(place, f"/{own}/delete", fields)).status_code in {409, 412}
        assert len(await place.all()) == 1


@SIDES
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://elsewhere.example"}, {"Origin": "null"}, {"Origin": "", "Sec_Fetch_Site": "cross-site"}],
)
async def test_a_form_of_another_origin_is_refused(side: Side, headers: dict[str, str]) -> None:
    async with side() as place:
        own = place.id(await place.one())
        fields = await _form(place, f"/{own}")
        for rest in (f"/{own}", "/new", f"/{own}/delete"):
            answer = await _send(place, rest, {**fields, place.name: "Theirs"}, **headers)
            assert answer.status_code == 403
        assert (await place.one())[place.name] == "Firm 000"


@SIDES
async def test_a_name_that_is_not_this_machines_is_refused(side: Side) -> None:
    async with side() as place:
        given = {**HTML, "Host": "elsewhere.example"}
        assert (await place.http.get(place.page(), headers=given)).status_code == 403
        assert (await place.http.get("/", headers=given)).status_code == 403


@SIDES
async def test_edits_are_logged_as_those_of_any_client_and_looking_is_not(side: Side) -> None:
    async with side() as place:
        own = place.id(await place.one())
        fields = await _form(place, f"/{own}")
        await place.http.get("/", headers=HTML)
        await _send(place, f"/{own}", {**fields, place.name: "Mine"})
        log = (await place.http.get("/_sandbox/requests?writes=1")).json()["entries"]
        assert [(entry["method"], entry["status"]) for entry in log] in ([("PATCH", 200)], [("PATCH", 204)])
        everything = (await place.http.get("/_sandbox/requests")).json()["entries"]
        assert not [entry for entry in everything if entry["path"] == "/" or entry["path"].startswith(BASE)]


@SIDES
async def test_a_connection_that_dies_is_told(side: Side) -> None:
    async with side() as place:
        own = place.id(await place.one())
        fields = await _form(place, f"/{own}")
        await place.http.post("/_sandbox/faults", json={"kind": "drop", "method": "PATCH", "after_commit": True})
        answer = await _send(place, f"/{own}", {**fields, place.name: "Mine"})
        assert answer.status_code == 502
        assert "not known" in answer.text
        assert (await place.one())[place.name] == "Mine"


async def test_an_edit_by_hand_reaches_business_centrals_webhooks() -> None:
    told: list[bytes] = []

    def receive(asked: httpx.Request) -> httpx.Response:
        told.append(asked.content)
        return httpx.Response(200, text=asked.url.params.get("validationToken", ""))

    async with _bc(1, httpx.MockTransport(receive)) as place:
        resource = f"api/v2.0/{bc_support.COMPANY}/customers"
        subscription = {"notificationUrl": "https://here.example/", "resource": resource}
        assert (await place.system.send("POST", f"{bc_support.ROOT}/subscriptions", subscription)).status_code == 201
        own = place.id(await place.one())
        await _send(place, f"/{own}", {**await _form(place, f"/{own}"), place.name: "Mine"})
        place.system.clock.advance(seconds=31)
        await place.system.webhooks.deliver()
        assert f"customers({own})".encode() in told[-1]
        assert b'"updated"' in told[-1]


async def test_an_edit_by_hand_is_a_change_of_sales() -> None:
    async with _sales() as place:
        first = await place.system.get("accounts?$select=name", **dataverse_support.TRACK)
        own = place.id(await place.one())
        await _send(place, f"/{own}", {**await _form(place, f"/{own}"), place.name: "Mine"})
        (changed,) = (await place.system.get(first.json()["@odata.deltaLink"])).json()["value"]
        assert changed["name"] == "Mine"


async def test_a_lookup_of_sales_is_set_shown_and_cleared() -> None:
    async with _sales(2) as place:
        one, other = await place.all()
        own, parent = place.id(one), place.id(other)
        fields = await _form(place, f"/{own}")
        assert fields["_parentaccountid_value"] == ""
        lookup = {"_parentaccountid_value": f"accounts({parent})"}
        assert (await _send(place, f"/{own}", {**fields, **lookup})).status_code == 303
        assert (await place.all())[0]["_parentaccountid_value"] == parent
        fields = await _form(place, f"/{own}")
        assert fields["_parentaccountid_value"] == f"accounts({parent})"
        assert (await _send(place, f"/{own}", {**fields, "_parentaccountid_value": ""})).status_code == 303
        assert (await place.all())[0]["_parentaccountid_value"] is None


async def test_numbers_choices_and_switches_are_sent_as_such() -> None:
    async with _sales() as place:
        own = place.id(await place.one())
        values = {"creditlimit": "1234.5", "customertypecode": "3", "creditonhold": "true", "description": "a\r\nb"}
        answer = await _send(place, f"/{own}", {**await _form(place, f"/{own}"), **values})
        assert answer.status_code == 303, answer.text
        record = await place.one()
        shown = [record[name] for name in values]
        assert shown == [1234.5, 3, True, "a\nb"]
        assert (await _send(place, f"/{own}", await _form(place, f"/{own}"))).status_code == 303
        assert (await place.one())["@odata.etag"] == record["@odata.etag"]
        wrong = await _send(place, f"/{own}", {**await _form(place, f"/{own}"), "creditlimit": "much"})
        assert wrong.status_code == 400
        assert "much" in wrong.text


async def test_a_blank_choice_of_business_central() -> None:
    async with _bc() as place:
        own = place.id(await place.one())
        fields = await _form(place, f"/{own}")
        assert fields["blocked"] == "_x0020_"
        assert "balanceDue" not in fields
        assert (await _send(place, f"/{own}", {**fields, "blocked": "All", "creditLimit": "12"})).status_code == 303
        record = await place.one()
        assert (record["blocked"], record["creditLimit"]) == ("All", 12)
