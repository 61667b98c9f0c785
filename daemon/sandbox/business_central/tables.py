"""The entity sets: fields with their kinds and lengths, keys and verbs (wire-protocols A2).

Kinds: guid, code (stored upper-case and trimmed), text, enum (XML-escaped member names), decimal, int, bool, date,
datetime. Outside `v2.0` there are two custom API pages: one over Resource, and one over Customer that shows more than
the standard one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

STANDARD = "v2.0"
CUSTOM = "coupled/sync/v1.0"
RUNTIME = "microsoft/runtime/beta"
ZERO_GUID = "00000000-0000-0000-0000-000000000000"
BLANK_ENUM = "_x0020_"
_BLANKS: Mapping[str, Any] = {
    "guid": ZERO_GUID,
    "code": "",
    "text": "",
    "decimal": 0,
    "int": 0,
    "bool": False,
    "date": "0001-01-01",
    "datetime": "0001-01-01T00:00:00Z",
}
EDM: Mapping[str, str] = {
    "guid": "Edm.Guid",
    "code": "Edm.String",
    "text": "Edm.String",
    "decimal": "Edm.Decimal",
    "int": "Edm.Int32",
    "bool": "Edm.Boolean",
    "date": "Edm.Date",
    "datetime": "Edm.DateTimeOffset",
}


@dataclass(frozen=True)
class Field:
    """One property of an entity."""

    name: str
    kind: str
    length: int = 0
    read_only: bool = False
    members: tuple[str, ...] = ()

    @property
    def blank(self) -> Any:
        """What an unset field shows: never null (D11)."""
        return self.members[0] if self.members else _BLANKS[self.kind]


@dataclass(frozen=True)
class Table:
    """One entity set. `key` is the natural key field, `mandatory` must be given and not be blank.

    `shows`: the set whose rows this page shows, if it has none of its own; `unseen`: what rows hold that this page does
    not show.
    """

    set_name: str
    entity: str
    caption: str
    fields: Mapping[str, Field]
    key: str = ""
    mandatory: tuple[str, ...] = ()
    verbs: frozenset[str] = frozenset({"GET", "POST", "PATCH", "DELETE"})
    api: str = STANDARD
    parts: tuple[str, ...] = ()
    shows: str = ""
    unseen: tuple[Field, ...] = ()

    @cached_property
    def _blank_row(self) -> Mapping[str, Any]:
        return {field.name: field.blank for field in (*self.fields.values(), *self.unseen)}

    @property
    def blanks(self) -> dict[str, Any]:
        """A new row with every field unset."""
        return dict(self._blank_row)


def _fields(spec: str, **enums: tuple[str, ...]) -> Mapping[str, Field]:
    """Fields from `name kind[length][!]`, one per word pair; `!` marks a read-only one."""
    words = spec.split()
    found = {"id": Field("id", "guid", read_only=True)}
    for name, kind in zip(words[::2], words[1::2], strict=True):
        read_only, bare = kind.endswith("!"), kind.rstrip("!")
        letters = bare.rstrip("0123456789")
        length = int(bare[len(letters) :] or 0)
        found[name] = Field(name, letters, length, read_only, enums.get(name, ()))
    found["lastModifiedDateTime"] = Field("lastModifiedDateTime", "datetime", read_only=True)
    return found


_ADDRESS = "addressLine1 text100 addressLine2 text50 city text30 state text30 country code10 postalCode code20"
_RELATIONS = (
    BLANK_ENUM,
    "Customer",
    "Vendor",
    "Bank_x0020_Account",
    "Employee",
    "None",
    "Other",
    "Multiple",
)
_PRIVACY = "privacyBlocked bool"
_PRIMARY = "primaryContactNumber code20"
_CUSTOMER = (
    f"number code20 displayName text100 type enum {_ADDRESS} phoneNumber text30 email text80 website text255 "
    "salespersonCode code20 balanceDue decimal! creditLimit decimal taxLiable bool taxAreaId guid "
    "taxAreaDisplayName text100! taxRegistrationNumber text20 currencyId guid currencyCode code10 "
    "paymentTermsId guid shipmentMethodId guid paymentMethodId guid blocked enum"
)
_CUSTOMER_ENUMS = {"type": ("Company", "Person"), "blocked": (BLANK_ENUM, "Ship", "Invoice", "All")}

_ALL = (
    Table(
        "companies",
        "company",
        "Company",
        {
            name: Field(name, kind, read_only=True)
            for name, kind in {
                "id": "guid",
                "systemVersion": "text",
                "timestamp": "int",
                "name": "text",
                "displayName": "text",
                "businessProfileId": "text",
                "systemCreatedAt": "datetime",
                "systemCreatedBy": "guid",
                "systemModifiedAt": "datetime",
                "systemModifiedBy": "guid",
            }.items()
        },
        verbs=frozenset({"GET"}),
    ),
    Table(
        "companyInformation",
        "companyInformation",
        "Company Information",
        _fields(
            f"displayName text100 {_ADDRESS} phoneNumber text30 faxNumber text30 email text80 website text255 "
            "taxRegistrationNumber text20 currencyCode code10! industry text30"
        ),
        verbs=frozenset({"GET", "PATCH"}),
    ),
    Table(
        "currencies",
        "currency",
        "Currency",
        _fields(
            "code code10 displayName text30 symbol text10 amountDecimalPlaces text5 amountRoundingPrecision decimal"
        ),
        key="code",
        mandatory=("code",),
    ),
    Table(
        "currencyExchangeRates",
        "currencyExchangeRate",
        "Currency Exchange Rate",
        _fields(
            "currencyCode code10 startingDate date exchangeRateAmount decimal relationalCurrencyCode code10 "
            "relationalExchangeRateAmount decimal"
        ),
        mandatory=("currencyCode",),
    ),
    Table(
        "salespeoplePurchasers",
        "salespersonPurchaser",
        "Salesperson/Purchaser",
        _fields(
            "code code20 displayName text50 email text80 email2 text80 phoneNo text30 jobTitle text30 "
            f"commisionPercent decimal {_PRIVACY} blocked bool"
        ),
        key="code",
        mandatory=("code",),
    ),
    Table(
        "unitsOfMeasure",
        "unitOfMeasure",
        "Unit of Measure",
        _fields("code code10 displayName text50 internationalStandardCode code10 symbol text10"),
        key="code",
        mandatory=("code",),
    ),
    Table(
        "customers",
        "customer",
        "Customer",
        _fields(_CUSTOMER, **_CUSTOMER_ENUMS),
        key="number",
        mandatory=("displayName",),
        parts=("contactsInformation",),
        unseen=tuple(field for name, field in _fields(_PRIMARY).items() if name == "primaryContactNumber"),
    ),
    Table(
        "vendors",
        "vendor",
        "Vendor",
        _fields(
            f"number code20 displayName text100 {_ADDRESS} phoneNumber text30 email text80 website text255 "
            "taxRegistrationNumber text20 currencyId guid currencyCode code10 irs1099Code code10 paymentTermsId guid "
            "paymentMethodId guid taxLiable bool blocked enum balance decimal!",
            blocked=(BLANK_ENUM, "Payment", "All"),
        ),
        key="number",
        mandatory=("displayName",),
        parts=("contactsInformation",),
    ),
    Table(
        "contacts",
        "contact",
        "Contact",
        _fields(
            "number code20 type enum displayName text100 jobTitle text30 companyNumber code20 companyName text100! "
            f"contactBusinessRelation enum! {_ADDRESS} phoneNumber text30 mobilePhoneNumber text30 email text80 "
            f"website text255 searchName code100 {_PRIVACY} taxRegistrationNumber text20 lastInteractionDate date!",
            type=("Company", "Person"),
            contactBusinessRelation=_RELATIONS,
        ),
        key="number",
        mandatory=("displayName",),
    ),
    Table(
        "items",
        "item",
        "Item",
        _fields(
            "number code20 displayName text100 displayName2 text50 type enum itemCategoryId guid "
            "itemCategoryCode code20 blocked bool gtin code14 inventory decimal unitPrice decimal "
            "priceIncludesTax bool unitCost decimal "
            "taxGroupId guid taxGroupCode code20 baseUnitOfMeasureId guid baseUnitOfMeasureCode code10 "
            "generalProductPostingGroupId guid generalProductPostingGroupCode code20 inventoryPostingGroupId guid "
            "inventoryPostingGroupCode code20",
            type=("Inventory", "Service", "Non_x002D_Inventory"),
        ),
        key="number",
    ),
    Table(
        "resources",
        "resource",
        "Resource",
        _fields(
            "number code20 displayName text100 type enum baseUnitOfMeasureCode code10 unitPrice decimal "
            "unitCost decimal vendorNumber code20 capacity decimal! blocked bool",
            type=("Person", "Machine"),
        ),
        key="number",
        api=CUSTOM,
    ),
    Table(
        "coupledCustomers",
        "coupledCustomer",
        "Customer (custom page)",
        _fields(f"{_CUSTOMER} {_PRIMARY}", **_CUSTOMER_ENUMS),
        key="number",
        mandatory=("displayName",),
        api=CUSTOM,
        parts=("contactsInformation",),
        shows="customers",
    ),
)
TABLES: Mapping[str, Table] = {table.set_name: table for table in _ALL}
# The sets that have rows of their own.
STORED: Mapping[str, Table] = {table.set_name: table for table in _ALL if not table.shows}


def stored_in(table: Table) -> Table:
    """The set whose rows a page shows."""
    return TABLES[table.shows or table.set_name]


CONTACTS_INFORMATION = Table(
    "contactsInformation",
    "contactInformation",
    "Contact Information Buffer",
    {
        "contactId": Field("contactId", "guid", read_only=True),
        "contactNumber": Field("contactNumber", "code", 20, read_only=True),
        "contactName": Field("contactName", "text", 100, read_only=True),
        "contactType": Field("contactType", "enum", read_only=True, members=("Company", "Person")),
        "relatedId": Field("relatedId", "guid", read_only=True),
        "relatedType": Field(
            "relatedType", "enum", read_only=True, members=("Customer", "Vendor", "Bank_x0020_Account")
        ),
    },
    verbs=frozenset({"GET"}),
)
