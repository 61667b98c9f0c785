"""Dataverse's half of the seeded data: users, prospects typed in by hand, a few products."""

from __future__ import annotations

from typing import Any

from daemon.sandbox.seed_firms import Firm, Maker, Person, Place
from daemon.sandbox.seed_words import AWKWARD_PROSPECTS, ITEM_KINDS, ITEM_NOUNS, LONG_TAIL, USERS, User

Row = dict[str, Any]
BASE_CURRENCY_ID = "0e2f6a52-6c3c-4a5e-9b0e-6d1c5f0a7b04"  # the Dataverse simulator's base currency
_SETS = "transactioncurrencies systemusers uomschedules uoms products accounts contacts"
_NEW_PRODUCTS = (
    ("PROMO-KAFFEE-1", 'Kaffee "Crema" lose'),
    ("TEE-EARL-GREY", "Earl Grey – Großgebinde"),
    ("ZUCKER/WEISS", "Zucker weiß"),
    ("MUSTER 01", "Mustermischung"),
)


class Sales:
    """Its rows while they are being made."""

    def __init__(self, make: Maker) -> None:
        self.make = make
        self.rows: dict[str, list[Row]] = {name: [] for name in _SETS.split()}
        self._owners: list[str] = []
        self._currencies: list[str] = []

    def _add(self, table: str, logical: str, **values: Any) -> Row:
        """A new row; blank texts are nulls there."""
        row = {f"{logical}id": self.make.guid(), **{name: None if v == "" else v for name, v in values.items()}}
        self.rows[table].append(row)
        return row

    def tables(self) -> None:
        """The small tables that others refer to."""
        self._currency("EUR", "Euro", "€", 1, transactioncurrencyid=BASE_CURRENCY_ID)
        self._currency("USD", "US Dollar", "$", 1.08)
        self.schedule = self._add("uomschedules", "uomschedule", name="NAV KG", baseuomname="KG")
        self.kilogram = self._add(
            "uoms",
            "uom",
            name="KG",
            quantity=1,
            isschedulebaseuom=True,
            _uomscheduleid_value=self.schedule["uomscheduleid"],
        )
        for user in USERS:
            self._user(user)

    def _currency(self, code: str, name: str, symbol: str, rate: float, **values: Any) -> None:
        row = self._add(
            "transactioncurrencies",
            "transactioncurrency",
            isocurrencycode=code,
            currencyname=name,
            currencysymbol=symbol,
            currencyprecision=2,
            exchangerate=rate,
        )
        row |= values
        self._currencies.append(row["transactioncurrencyid"])

    def _user(self, user: User) -> None:
        row = self._add(
            "systemusers",
            "systemuser",
            domainname=user.email,
            internalemailaddress=user.email,
            firstname=user.first,
            lastname=user.last,
            mobilephone=self.make.digits("+49 171 #######"),
            isdisabled=user.disabled,
            islicensed=user.licensed,
            isintegrationuser=user.integration,
            accessmode=4 if user.integration else 0,
        )
        if user.works:
            self._owners.append(row["systemuserid"])

    def account(self, index: int, people: int | None = None) -> None:
        """A customer account that only Sales knows, with so many people (by itself up to three); typed by hand, as
        salespeople do."""
        make = self.make
        firm = make.firm(AWKWARD_PROSPECTS[index] if index < len(AWKWARD_PROSPECTS) else "")
        row = self._account(firm, index, customertypecode=3)
        for _ in range(make.random.randint(0, 3) if people is None else people):
            self._contact(make.person(firm), row["accountid"])

    def _account(self, firm: Firm, index: int, **values: Any) -> Row:
        make = self.make
        name = f"{firm.name}{LONG_TAIL}{LONG_TAIL}"[:160].strip() if index % 16 == 3 else firm.name
        place = _place(firm.place, lower=index % 3 == 0)
        return self._add(
            "accounts",
            "account",
            name=name,
            _ownerid_value=make.random.choice(self._owners),
            _transactioncurrencyid_value=make.random.choice(self._currencies),
            accountnumber=make.digits("a-####") if make.chance(0.5) else "",
            **place,
            **values,
        )

    def _contact(self, person: Person, account: str | None, **values: Any) -> None:
        single = self.make.chance(0.05)
        self._add(
            "contacts",
            "contact",
            firstname="" if single else person.first,
            lastname=person.last,
            jobtitle=person.job[:30],
            mobilephone=person.mobile,
            _parentcustomerid_value=account,
            _ownerid_value=self.make.random.choice(self._owners),
            **_place(person.place, lower=self.make.chance(0.3)),
            **values,
        )

    def products(self, count: int = len(_NEW_PRODUCTS)) -> None:
        """Products that a salesperson has begun: active, not yet priced, for prices come from BC."""
        for number, name in _NEW_PRODUCTS[:count]:
            self._product(number, name, statecode=0, statuscode=1)
        for index in range(len(_NEW_PRODUCTS), count):
            name = f"{self.make.random.choice(ITEM_NOUNS)} {self.make.random.choice(ITEM_KINDS)}"
            self._product(f"NEU-{index:06d}", name, statecode=0, statuscode=1)

    def _product(self, number: str, name: str, **values: Any) -> None:
        self._add(
            "products",
            "product",
            productnumber=number,
            name=name,
            producttypecode=1,
            quantitydecimal=2,
            productstructure=1,
            price=0,
            standardcost=0,
            currentcost=0,
            quantityonhand=0,
            _defaultuomid_value=self.kilogram["uomid"],
            _transactioncurrencyid_value=BASE_CURRENCY_ID,
            _defaultuomscheduleid_value=self.schedule["uomscheduleid"],
            **values,
        )

    def out_of_filter(self) -> None:
        """Records that no standard mapping lets through."""
        for index in range(3):
            self._account(self.make.firm(), index, customertypecode=11)  # a vendor
            self._account(self.make.firm(), index, customertypecode=3, statecode=1, statuscode=2)
            self._contact(self.make.person(self.make.firm()), None)
        self._product("ENTWURF-1", "Noch in Arbeit", statecode=2, statuscode=0)


def _place(place: Place, *, lower: bool) -> Row:
    """A place in Dataverse's fields; `lower` as a hasty salesperson types codes."""
    codes = {"address1_country": place.country, "address1_postalcode": place.postal}
    return {
        "address1_line1": place.street,
        "address1_line2": place.extra,
        "address1_city": place.town,
        "address1_stateorprovince": place.region,
        "telephone1": place.phone,
        "emailaddress1": place.email,
        "websiteurl": place.website,
        **{name: code.lower() if lower else code for name, code in codes.items()},
    }
