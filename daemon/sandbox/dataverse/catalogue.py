"""The tables of the simulator, column by column, as the reference pages list them (wire-protocols B2)."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.sandbox.dataverse import price_lists
from daemon.sandbox.dataverse.tables import (
    Column,
    Kind,
    OnDelete,
    Table,
    choice,
    decimal,
    flag,
    lookup,
    memo,
    money,
    plain,
    state,
    text,
    whole,
)

_ACTIVE = {0: "Active", 1: "Inactive"}
_ACTIVE_REASONS = {1: (0, "Active"), 2: (1, "Inactive")}
_ADDRESS_TYPES = {1: "Bill To", 2: "Ship To", 3: "Primary", 4: "Other"}
_CUSTOMER_TYPES = (
    "Competitor|Consultant|Customer|Investor|Partner|Influencer|Press|Prospect|Reseller|Supplier|Vendor|Other"
)
_CONTACT_METHODS = {1: "Any", 2: "Email", 3: "Phone", 4: "Fax", 5: "Mail"}
_PAYMENT_TERMS = {1: "Net 30", 2: "2% 10, Net 30", 3: "Net 45", 4: "Net 60"}
_OWNERSHIP = {1: "Public", 2: "Private", 3: "Subsidiary", 4: "Other"}
_STRUCTURES = {1: "Product", 2: "Product Family", 3: "Product Bundle"}
_PRODUCT_TYPES = {1: "Sales Inventory", 2: "Miscellaneous Charges", 3: "Services", 4: "Flat Fees"}
_PRODUCT_STATES = {0: "Active", 1: "Retired", 2: "Draft", 3: "Under Revision"}
_PRODUCT_REASONS = {1: (0, "Active"), 2: (1, "Retired"), 0: (2, "Draft"), 3: (3, "Under Revision")}
_ACCESS_MODES = dict(enumerate(("Read-Write", "Administrative", "Read", "Support User", "Non-interactive")))
_CURRENCY = ("transactioncurrencies", "transactioncurrencyid")


def _audit(logical: str) -> list[Column]:
    """The columns every table has."""
    return [
        plain(f"{logical}id", Kind.GUID, insert_only=True),
        plain("createdon", Kind.DATETIME, read_only=True),
        plain("modifiedon", Kind.DATETIME, read_only=True),
        lookup("createdby", ("systemusers", "createdby"), read_only=True),
        lookup("modifiedby", ("systemusers", "modifiedby"), read_only=True),
        plain("versionnumber", Kind.BIGINT, read_only=True),
        plain("overriddencreatedon", Kind.DATETIME, insert_only=True),
        whole("importsequencenumber", insert_only=True),
    ]


def _owned() -> list[Column]:
    return [
        lookup("ownerid", ("systemusers", "ownerid"), ("teams", "ownerid")),
        lookup("owningbusinessunit", ("businessunits", "owningbusinessunit"), read_only=True),
    ]


def _address(prefix: str = "address1") -> list[Column]:
    lengths = {"line1": 250, "line2": 250, "line3": 250, "city": 80, "stateorprovince": 50, "county": 50}
    lengths |= {"country": 80, "postalcode": 20, "name": 200, "primarycontactname": 100, "telephone1": 50, "fax": 50}
    columns = [text(f"{prefix}_{part}", length) for part, length in lengths.items()]
    columns.append(choice(f"{prefix}_addresstypecode", _ADDRESS_TYPES))
    return [*columns, memo(f"{prefix}_composite", 1000, read_only=True)]


def _reach() -> list[Column]:
    phones = [text(f"telephone{number}", 50) for number in (1, 2, 3)]
    mails = [text(f"emailaddress{number}", 100) for number in (1, 2, 3)]
    return [*phones, *mails, text("fax", 50), text("websiteurl", 200), memo("description")]


def _credit() -> list[Column]:
    return [
        money("creditlimit"),
        flag("creditonhold"),
        choice("paymenttermscode", _PAYMENT_TERMS),
        choice("preferredcontactmethodcode", _CONTACT_METHODS, default=1),
        lookup("transactioncurrencyid", _CURRENCY, on_delete=OnDelete.RESTRICT),
    ]


def _account() -> list[Column]:
    types = dict(enumerate(_CUSTOMER_TYPES.split("|"), start=1))
    return [
        text("name", 160, form_required=True),
        text("accountnumber", 20),
        money("revenue"),
        whole("numberofemployees", 0, 1_000_000_000),
        choice("customertypecode", types),
        choice("accountcategorycode", {1: "Preferred Customer", 2: "Standard"}),
        choice("industrycode", {number: f"Industry {number}" for number in range(1, 34)}),
        choice("ownershipcode", _OWNERSHIP),
        lookup("primarycontactid", ("contacts", "primarycontactid"), on_delete=OnDelete.REMOVE_LINK),
        lookup("parentaccountid", ("accounts", "parentaccountid"), on_delete=OnDelete.REMOVE_LINK),
        lookup("defaultpricelevelid", ("pricelevels", "defaultpricelevelid")),
    ]


def _contact() -> list[Column]:
    parents = (("accounts", "parentcustomerid_account"), ("contacts", "parentcustomerid_contact"))
    return [
        text("firstname", 50),
        text("middlename", 50),
        text("lastname", 50, form_required=True),
        text("fullname", 160, read_only=True),
        text("salutation", 100),
        text("jobtitle", 100),
        text("department", 100),
        text("mobilephone", 50),
        plain("birthdate", Kind.DATE),
        lookup("parentcustomerid", *parents, on_delete=OnDelete.CASCADE),
        lookup("accountid", ("accounts", "accountid"), read_only=True),
    ]


def _product() -> list[Column]:
    return [
        text("name", 100),
        text("productnumber", 100, required=True),
        lookup("defaultuomid", ("uoms", "defaultuomid"), on_delete=OnDelete.RESTRICT),
        lookup("defaultuomscheduleid", ("uomschedules", "defaultuomscheduleid"), on_delete=OnDelete.RESTRICT),
        whole("quantitydecimal", 0, 5, default=2, form_required=True),
        choice("productstructure", _STRUCTURES, insert_only=True, default=1),
        choice("producttypecode", _PRODUCT_TYPES),
        *(money(name) for name in ("price", "currentcost", "standardcost")),
        *(decimal(name, 5, -1e11, 1e11) for name in ("quantityonhand", "stockvolume", "stockweight")),
        *(text(name, 100) for name in ("vendorid", "vendorname", "vendorpartnumber", "suppliername")),
        text("size", 200),
        text("producturl", 255),
        memo("description"),
        plain("validfromdate", Kind.DATE),
        plain("validtodate", Kind.DATE),
        lookup("transactioncurrencyid", _CURRENCY, on_delete=OnDelete.RESTRICT),
        lookup("pricelevelid", ("pricelevels", "pricelevelid"), update_only=True),
        lookup("parentproductid", ("products", "parentproductid"), insert_only=True, on_delete=OnDelete.RESTRICT),
        flag("iskit"),
        flag("isstockitem"),
        *state(_PRODUCT_STATES, _PRODUCT_REASONS, (2, 0)),
    ]


def _currency() -> list[Column]:
    return [
        text("currencyname", 100, required=True),
        text("isocurrencycode", 5, required=True, insert_only=True),
        text("currencysymbol", 10, required=True),
        whole("currencyprecision", 0, 10, required=True),
        decimal("exchangerate", 12, 1e-12, 1e11, required=True),
        *state(_ACTIVE, _ACTIVE_REASONS, (0, 1)),
    ]


def _uom() -> list[Column]:
    return [
        text("name", 100, required=True),
        decimal("quantity", 5, 0, 1e11, form_required=True),
        lookup("baseuom", ("uoms", "baseuom"), on_delete=OnDelete.RESTRICT),
        lookup(
            "uomscheduleid",
            ("uomschedules", "uomscheduleid"),
            required=True,
            insert_only=True,
            on_delete=OnDelete.CASCADE,
        ),
        flag("isschedulebaseuom", read_only=True),
    ]


def _uomschedule() -> list[Column]:
    base = text("baseuomname", 100, required=True, insert_only=True)
    return [text("name", 200, required=True), base, memo("description"), *state(_ACTIVE, _ACTIVE_REASONS, (0, 1))]


def _systemuser() -> list[Column]:
    return [
        text("domainname", 1024),
        text("internalemailaddress", 100),
        text("firstname", 64),
        text("lastname", 64),
        text("fullname", 200, read_only=True),
        flag("isdisabled"),
        choice("accessmode", _ACCESS_MODES, default=0),
        flag("isintegrationuser"),
        flag("islicensed", default=True),
        plain("azureactivedirectoryobjectid", Kind.GUID),
        plain("applicationid", Kind.GUID),
        lookup("businessunitid", ("businessunits", "businessunitid")),
        text("mobilephone", 64),
        text("jobtitle", 100),
        text("title", 128),
        text("employeeid", 100),
        plain("ownerid", Kind.GUID, read_only=True),
    ]


def _team() -> list[Column]:
    return [
        text("name", 160, required=True),
        choice("teamtype", {0: "Owner", 1: "Access"}, default=0),
        flag("isdefault"),
        lookup("businessunitid", ("businessunits", "businessunitid")),
        plain("ownerid", Kind.GUID, read_only=True),
    ]


def _table(names: tuple[str, str, str], code: int, primary_name: str, columns: list[Column], **rules: object) -> Table:
    entity_set, logical, schema = names
    made = {column.prop: column for column in [*_audit(logical), *columns]}
    return Table(entity_set, logical, schema, code, primary_name, made, **rules)  # type: ignore[arg-type]


def catalogue() -> Mapping[str, Table]:
    """Every table by entity set; an order in which rows can be seeded."""
    customer = [*_owned(), *_reach(), *_address(), *_credit(), *state(_ACTIVE, _ACTIVE_REASONS, (0, 1))]
    name = text("name", 160)
    currency = ("transactioncurrencies", "transactioncurrency", "TransactionCurrency")
    tables = [
        _table(("organizations", "organization", "Organization"), 1019, "name", [name], multiple=False),
        _table(("businessunits", "businessunit", "BusinessUnit"), 10, "name", [name], multiple=False),
        _table(
            ("systemusers", "systemuser", "SystemUser"), 8, "fullname", _systemuser(), multiple=False,
            deletable=False, key_property="ownerid",
        ),
        _table(("teams", "team", "Team"), 9, "name", _team(), multiple=False, key_property="ownerid"),
        _table(currency, 9105, "currencyname", _currency(), multiple=False, org_owned=True),
        _table(("uomschedules", "uomschedule", "UoMSchedule"), 1056, "name", _uomschedule()),
        _table(("uoms", "uom", "UoM"), 1055, "name", _uom(), multiple=False),
        _table(("pricelevels", "pricelevel", "PriceLevel"), 1022, "name", price_lists.list_columns()),
        _table(("products", "product", "Product"), 1024, "name", _product()),
        _table(
            ("productpricelevels", "productpricelevel", "ProductPriceLevel"), 1026, "productidname",
            price_lists.item_columns(), multiple=False,
        ),
        _table(("accounts", "account", "Account"), 1, "name", [*_account(), *customer]),
        _table(("contacts", "contact", "Contact"), 2, "fullname", [*_contact(), *customer]),
    ]  # fmt: skip
    return {table.entity_set: table for table in tables}
