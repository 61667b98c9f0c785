"""`$metadata` as both sides write it, and what is no metadata."""

import pytest

from schemas import csdl
from schemas.metadata import Kind, Navigation

HEAD = '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
SCHEMA = '<Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
TYPES = """
<EntityType Name="principal" Abstract="true"><Key><PropertyRef Name="ownerid"/></Key>
  <Property Name="ownerid" Type="Edm.Guid"/></EntityType>
<EntityType Name="systemuser" BaseType="mscrm.principal">
  <Property Name="fullname" Type="Edm.String" MaxLength="200">
    <Annotation Term="Org.OData.Core.V1.Computed" Bool="true"/></Property>
  <Property Name="isdisabled" Type="Edm.Boolean"><Annotation Term="Org.OData.Core.V1.Computed" Bool="false"/></Property>
  <Property Name="mode" Type="mscrm.Mode"/><Property Name="image" Type="Edm.Binary"/>
  <Property Name="amount" Type="Edm.Decimal" Scale="Variable"/><Property Name="note" Type="Edm.String" MaxLength="Max"/>
  <Property Name="_unit_value" Type="Edm.Guid"/>
  <NavigationProperty Name="unit" Type="mscrm.businessunit"><ReferentialConstraint Property="_unit_value"
    ReferencedProperty="businessunitid"/></NavigationProperty>
  <NavigationProperty Name="accounts" Type="Collection(mscrm.account)"/></EntityType>
<EntityType Name="loop" BaseType="mscrm.loop"><Property Name="a" Type="Edm.Int32"/></EntityType>
<EnumType Name="Mode"><Member Name="_x0020_" Value="0"/><Member Name="Full" Value="1"/></EnumType>
<EntityContainer Name="System"><EntitySet Name="systemusers" EntityType="Microsoft.Dynamics.CRM.systemuser"/>
  <EntitySet Name="lost" EntityType="Microsoft.Dynamics.CRM.gone"/></EntityContainer>
"""
TAIL = "</Schema></edmx:DataServices></edmx:Edmx>"
DOCUMENT = HEAD + SCHEMA + TYPES + TAIL


def test_types_fields_lengths_and_links_are_read() -> None:
    found = csdl.service(DOCUMENT.encode())
    user = found.sets["systemusers"]
    kinds = {name: one.kind for name, one in user.properties.items()}
    assert kinds == {
        "ownerid": Kind.GUID,
        "fullname": Kind.TEXT,
        "isdisabled": Kind.BOOLEAN,
        "mode": Kind.ENUM,
        "image": Kind.OTHER,
        "amount": Kind.NUMBER,
        "note": Kind.TEXT,
        "_unit_value": Kind.GUID,
    }
    assert user.properties["mode"].members == ("_x0020_", "Full")
    assert [user.properties[name].max_length for name in ("fullname", "note")] == [200, None]
    assert user.navigations["unit"] == Navigation("unit", "businessunit", "_unit_value")
    assert user.navigations["accounts"].target == "account"
    assert user.lookups == ("unit",)
    assert user.bases == ("principal",)


def test_what_the_side_computes_may_not_be_written() -> None:
    user = csdl.service(DOCUMENT.encode()).sets["systemusers"]
    written = {name: (one.creatable, one.updatable) for name, one in user.properties.items()}
    assert written["fullname"] == (False, False)
    assert written["isdisabled"] == written["mode"] == (True, True)


def test_a_set_of_an_unknown_type_and_a_type_based_on_itself_stop_nothing() -> None:
    found = csdl.service(DOCUMENT.encode())
    assert list(found.sets) == ["systemusers"]
    assert list(found.types["loop"].properties) == ["a"]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not XML"),
        (b"{}", "not XML"),
        (b"<html><body>Sign in</body></html>", "no entity sets"),
        (DOCUMENT[:-20].encode(), "not XML"),
        ((BOMB + DOCUMENT).encode(), "document type"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "document type"),
    ],
)
def test_what_is_no_metadata_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(csdl.NotMetadata, match=reason):
        csdl.service(content)


def test_what_is_far_too_large_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csdl, "MOST_BYTES", 100)
    with pytest.raises(csdl.NotMetadata, match="MB"):
        csdl.service(DOCUMENT.encode())
