"""Queries, pages, shapes (wire-protocols D4 84–85, 89–90, 92, 95–100, 121)."""

from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from daemon.sandbox.dataverse import DataverseSettings
from tests.contract.sandbox.dataverse_support import ID, accounts, code, org

_FIRST = f"accounts({ID.format(0)})"


async def test_d_084_if_none_match_304_then_200_after_a_change() -> None:
    async with org(accounts=accounts(1)) as dataverse:
        first = await dataverse.get(_FIRST)
        tag = first.json()["@odata.etag"]
        same = await dataverse.get(_FIRST, If_None_Match=tag)
        assert (same.status_code, same.content) == (304, b"")
        annotated = await dataverse.get(_FIRST, If_None_Match=tag, Prefer='odata.include-annotations="*"')
        assert annotated.status_code == 200
        await dataverse.send("PATCH", _FIRST, {"name": "x"})
        assert (await dataverse.get(_FIRST, If_None_Match=tag)).status_code == 200


async def test_d_085_etag_is_versionnumber_and_grows_over_all_tables() -> None:
    async with org() as dataverse:
        seen = []
        for entity_set in ("accounts", "contacts", "accounts"):
            row = await dataverse.create(entity_set)
            assert row["@odata.etag"] == f'W/"{row["versionnumber"]}"'
            seen.append(row["versionnumber"])
        assert seen == sorted(set(seen))


async def test_d_090_unset_columns_are_null_and_single_properties_can_be_read() -> None:
    async with org(accounts=accounts(1)) as dataverse:
        row = (await dataverse.get(f"{_FIRST}?$select=fax,_primarycontactid_value")).json()
        assert row["fax"] is None
        assert row["_primarycontactid_value"] is None
        assert (await dataverse.get(f"{_FIRST}/name")).json()["value"] == "Account 00000"
        assert (await dataverse.get(f"{_FIRST}/fax")).status_code == 204
        assert (await dataverse.get(f"{_FIRST}/name/$value")).text == "Account 00000"


async def test_d_092_polymorphic_lookup_with_annotations() -> None:
    async with org(accounts=accounts(1)) as dataverse:
        made = await dataverse.create(
            "contacts", lastname="B", **{"parentcustomerid_account@odata.bind": f"/accounts({ID.format(0)})"}
        )
        assert made["_parentcustomerid_value"] == ID.format(0)
        assert made["_accountid_value"] == ID.format(0)
        path = f"contacts({made['contactid']})?$select=_parentcustomerid_value"
        row = (await dataverse.get(path, Prefer='odata.include-annotations="*"')).json()
        prefix = "_parentcustomerid_value@"
        assert row[f"{prefix}Microsoft.Dynamics.CRM.lookuplogicalname"] == "account"
        assert row[f"{prefix}Microsoft.Dynamics.CRM.associatednavigationproperty"] == "parentcustomerid_account"
        assert row[f"{prefix}OData.Community.Display.V1.FormattedValue"] == "Account 00000"
        related = await dataverse.get(f"contacts({made['contactid']})/parentcustomerid_account?$select=name")
        assert related.json()["name"] == "Account 00000"


async def test_d_095_money_brings_its_currency_and_four_decimals() -> None:
    async with org() as dataverse:
        made = await dataverse.create("accounts", name="x", creditlimit=20000)
        answer = await dataverse.get(f"accounts({made['accountid']})?$select=creditlimit")
        assert '"creditlimit":20000.0000' in answer.text
        assert set(answer.json()) == {
            "@odata.context", "@odata.etag", "creditlimit", "_transactioncurrencyid_value", "accountid",
        }  # fmt: skip
        assert answer.json()["_transactioncurrencyid_value"] is not None
        part = (await dataverse.get(f"accounts({made['accountid']})?$select=address1_city")).json()
        assert "address1_composite" in part
        assert "name" not in part


async def test_d_096_dates() -> None:
    async with org() as dataverse:
        made = await dataverse.create("contacts", lastname="x", birthdate="1980-02-29")
        assert made["birthdate"] == "1980-02-29"
        assert made["createdon"] == "2026-01-05T12:00:00Z"
        old = await dataverse.create("contacts", lastname="y", overriddencreatedon="2020-01-01T00:00:00.987+01:00")
        assert old["createdon"] == "2019-12-31T23:00:00Z"
        for bad in ("1980-02-30", "1980-02-29T00:00:00Z", 5):
            assert (await dataverse.send("POST", "contacts", {"birthdate": bad})).status_code == 400


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("name eq 'ACCOUNT 00003'", 1),
        ("contains(name,'OUNT 0000')", 10),
        ("startswith(name,'acc%1')", 3),
        ("name ne 'x' and statecode eq 0", 12),
        ("fax eq null", 12),
        ("createdon ge 2026-01-01T00:00:00Z", 12),
        ("accountid eq 11111111-0000-0000-0000-000000000007", 1),
        ("_ownerid_value ne null", 12),
        ("not contains(name,'0000')", 2),
        ("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['account 00001','x','Account 00002'])", 2),
        ("Microsoft.Dynamics.CRM.NotIn(PropertyName='statecode',PropertyValues=['0','1']) or fax ne null", 0),
        (f"Microsoft.Dynamics.CRM.In(PropertyName='accountid',PropertyValues=[\"{ID.format(3)}\"])", 1),
    ],
)
async def test_d_097_filters(text: str, count: int) -> None:
    async with org(accounts=accounts(12)) as dataverse:
        answer = await dataverse.get(f"accounts?$filter={text.replace('%', '%25')}&$select=name")
        assert len(answer.json()["value"]) == count


@pytest.mark.parametrize(
    "query",
    [
        "$skip=1",
        "$filter=name in ('a')",
        "$filter=name eq 5",
        "$filter=statecode eq 'Active'",
        "$filter=name eq 'open",
        "$filter=createdon ge 'x'",
        "$top=x",
        "$orderby=name up",
        "$count=yes",
        "$expand=primarycontactid",
        "$select=name&$select=fax",
    ],
)
async def test_d_097_what_the_service_refuses(query: str) -> None:
    async with org() as dataverse:
        assert (await dataverse.get(f"accounts?{query}")).status_code == 400


async def test_long_or_chains_up_to_the_condition_limit() -> None:
    async with org(accounts=accounts(450)) as dataverse:
        chain = " or ".join(f"accountid eq {ID.format(number)}" for number in range(440))
        answer = await dataverse.get(f"accounts?$select=name&$filter=({chain})")
        assert len(answer.json()["value"]) == 440
    async with org(DataverseSettings(condition_limit=3)) as dataverse:
        answer = await dataverse.get("accounts?$filter=name eq '1' or name eq '2' or name eq '3' or name eq '4'")
        assert code(answer) == (400, "0x8004430C")


@pytest.mark.parametrize("query", ["$select=name", "$select=name&$orderby=name desc", "$filter=statecode eq 0"])
async def test_d_098_pages_follow_the_next_link(query: str) -> None:
    async with org(accounts=accounts(5)) as dataverse:
        answer = await dataverse.get(f"accounts?{query}", Prefer="odata.maxpagesize=2")
        assert answer.headers["Preference-Applied"] == "odata.maxpagesize=2"
        names, sizes = [], []
        while True:
            body = answer.json()
            names += [row["name"] for row in body["value"]]
            sizes.append(len(body["value"]))
            link = body.get("@odata.nextLink")
            if link is None:
                break
            assert "%3Ccookie" in link
            assert f"pagenumber=%22{len(sizes) + 1}%22" in link
            assert query.split("&")[0] in unquote(link)
            answer = await dataverse.get(link, Prefer="odata.maxpagesize=2")
            assert answer.headers["Preference-Applied"] == "odata.maxpagesize=2"
        assert sizes == [2, 2, 1]
        assert sorted(names, reverse="desc" in query) == names


async def test_d_098_a_last_page_that_is_full_has_no_link_either() -> None:
    async with org(accounts=accounts(4)) as dataverse:
        first = await dataverse.get("accounts", Prefer="odata.maxpagesize=2")
        last = (await dataverse.get(first.json()["@odata.nextLink"], Prefer="odata.maxpagesize=2")).json()
        assert (len(last["value"]), "@odata.nextLink" in last) == (2, False)
        again = (await dataverse.get(first.json()["@odata.nextLink"])).json()
        assert [row["name"] for row in again["value"]] == ["Account 00002", "Account 00003"], "read twice, the same"


async def test_d_098_a_changed_cookie_or_query_is_refused() -> None:
    async with org(accounts=accounts(5)) as dataverse:
        link = (await dataverse.get("accounts", Prefer="odata.maxpagesize=2")).json()["@odata.nextLink"]
        for bad in (
            link.replace("pagenumber=%222", "pagenumber=%223"),
            link.replace("pagingcookie=%22", "pagingcookie=%22e"),
            link.replace("accounts?", "accounts?$filter=statecode eq 0&"),
            link.split("$skiptoken=")[0] + "$skiptoken=5",
        ):
            assert bad != link
            assert code(await dataverse.get(bad)) == (400, "0x80041129")
        assert (await dataverse.get(link)).status_code == 200


async def test_rows_deleted_or_created_between_pages_shift_nothing() -> None:
    async with org(accounts=accounts(6)) as dataverse:
        answer = await dataverse.get("accounts?$orderby=name", Prefer="odata.maxpagesize=3")
        await dataverse.send("DELETE", _FIRST)
        await dataverse.create("accounts", name="AAA")
        rest = (await dataverse.get(answer.json()["@odata.nextLink"], Prefer="odata.maxpagesize=3")).json()
        assert [row["name"] for row in rest["value"]] == [f"Account {number:05d}" for number in (3, 4, 5)]


async def test_d_099_page_limit_and_capped_count() -> None:
    async with org(accounts=accounts(6000)) as dataverse:
        plain = await dataverse.get("accounts?$select=name")
        assert (len(plain.json()["value"]), "Preference-Applied" in plain.headers) == (5000, False)
        rest = (await dataverse.get(plain.json()["@odata.nextLink"])).json()
        assert (len(rest["value"]), "@odata.nextLink" in rest) == (1000, False)
        answer = await dataverse.get("accounts?$select=name&$count=true", Prefer="odata.maxpagesize=9999")
        body = answer.json()
        assert answer.headers["Preference-Applied"] == "odata.maxpagesize=5000"
        assert len(body["value"]) == 5000
        assert body["@odata.count"] == 5000
        assert "@odata.nextLink" in body
        noted = await dataverse.get(
            "accounts?$select=name&$count=true", Prefer='odata.include-annotations="*",odata.maxpagesize=1'
        )
        assert noted.json()["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is True
        top = (await dataverse.get("accounts?$select=name&$top=3")).json()
        assert len(top["value"]) == 3
        assert "@odata.nextLink" not in top


@pytest.mark.parametrize("mark", [True, False])
async def test_d_100_count_as_text(mark: bool) -> None:
    async with org(DataverseSettings(count_with_bom=mark), accounts=accounts(7)) as dataverse:
        answer = await dataverse.get("accounts/$count")
        assert answer.content == (b"\xef\xbb\xbf7" if mark else b"7")
        assert (await dataverse.get("accounts/$count?$filter=name eq 'x'")).text.lstrip("\ufeff") == "0"


async def test_d_121_entity_definitions() -> None:
    async with org(DataverseSettings(change_tracking=frozenset({"accounts"}))) as dataverse:
        select = "$select=LogicalName,EntitySetName,PrimaryIdAttribute,ChangeTrackingEnabled"
        found = (await dataverse.get(f"EntityDefinitions?{select}&$filter=LogicalName eq 'account'")).json()["value"]
        assert [row["EntitySetName"] for row in found] == ["accounts"]
        assert found[0]["PrimaryIdAttribute"] == "accountid"
        assert found[0]["ChangeTrackingEnabled"] is True
        rows = (await dataverse.get(f"EntityDefinitions?{select}")).json()["value"]
        assert {row["LogicalName"]: row["ChangeTrackingEnabled"] for row in rows}["contact"] is False
        one = await dataverse.get("EntityDefinitions(LogicalName='account')?$select=EntitySetName")
        assert one.json()["EntitySetName"] == "accounts"
        attributes = await dataverse.get(
            "EntityDefinitions(LogicalName='account')/Attributes?$select=LogicalName,AttributeType,MaxLength"
        )
        by_name = {row["LogicalName"]: row for row in attributes.json()["value"]}
        assert by_name["name"]["MaxLength"] == 160
        assert by_name["primarycontactid"]["AttributeType"] == "Lookup"
        one = await dataverse.get(
            "EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='parentcustomerid')?$select=Targets"
        )
        assert one.json()["Targets"] == ["account", "contact"]
        choices = await dataverse.get(
            "EntityDefinitions(LogicalName='account')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
            "?$select=LogicalName&$expand=OptionSet"
        )
        options = {row["LogicalName"]: row["OptionSet"]["Options"] for row in choices.json()["value"]}
        assert {"Value": 3, "Label": options["customertypecode"][2]["Label"]} in options["customertypecode"]
        level = (
            "EntityDefinitions(LogicalName='account')/Attributes?$select=RequiredLevel&$filter=LogicalName eq 'name'"
        )
        assert (await dataverse.get(level)).json()["value"][0]["RequiredLevel"] == {"Value": "ApplicationRequired"}
        assert (await dataverse.get("EntityDefinitions(LogicalName='nosuch')")).status_code == 404


async def test_d_121_properties_that_do_not_exist_are_refused_and_keys_have_names() -> None:
    async with org(DataverseSettings(alternate_keys={"accounts": (("accountnumber",),)})) as dataverse:
        for query in ("$select=Nothing", "$filter=Nothing eq 'x'"):
            assert (await dataverse.get(f"EntityDefinitions?{query}")).status_code == 400
        public = (await dataverse.get("EntityDefinitions?$select=LogicalName&$filter=IsPrivate eq false")).json()
        assert "account" in {row["LogicalName"] for row in public["value"]}
        (key,) = (await dataverse.get("EntityDefinitions(LogicalName='account')/Keys")).json()["value"]
        assert key["SchemaName"] == "accountnumber"
        assert len(key["MetadataId"]) == 36


async def test_metadata_document_lists_every_property_and_navigation() -> None:
    async with org() as dataverse:
        answer = await dataverse.get("$metadata?annotations=true")
        root = ElementTree.fromstring(answer.content)
        space = "{http://docs.oasis-open.org/odata/ns/edm}"
        types = {each.get("Name"): each for each in root.iter(f"{space}EntityType")}
        contact = types["contact"]
        assert "_parentcustomerid_value" in {each.get("Name") for each in contact.iter(f"{space}Property")}
        navigations = {each.get("Name") for each in contact.iter(f"{space}NavigationProperty")}
        assert {"parentcustomerid_account", "parentcustomerid_contact", "ownerid"} <= navigations
        key = types["systemuser"].find(f"{space}Key/{space}PropertyRef")
        assert key is not None
        assert key.get("Name") == "ownerid"
        assert "accounts" in {each.get("Name") for each in root.iter(f"{space}EntitySet")}


async def test_systemusers_are_keyed_by_ownerid() -> None:
    async with org() as dataverse:
        user = (await dataverse.get("WhoAmI")).json()["UserId"]
        assert (await dataverse.get(f"systemusers({user})")).status_code == 200
        assert (await dataverse.get(f"systemusers(ownerid={user})")).status_code == 200
        assert (await dataverse.get(f"systemusers(systemuserid={user})")).status_code == 400
