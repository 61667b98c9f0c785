"""Business Central's half of the seeded data: a company with its customers, their people, items and resources."""

from __future__ import annotations

from typing import Any

from daemon.sandbox.seed_firms import Firm, Maker, Place
from daemon.sandbox.seed_words import AWKWARD_FIRMS, ITEM_KINDS, ITEM_NOUNS, LONG_TAIL, RESOURCE_WORK, USERS, User

Row = dict[str, Any]
LOCAL_CURRENCY = "EUR"  # not in the table of currencies, as in a real company
ZERO_GUID = "00000000-0000-0000-0000-000000000000"
_SETS = (
    "currencies currencyExchangeRates salespeoplePurchasers unitsOfMeasure customers vendors contacts items resources"
)
# code: name, symbol, decimals, (date, LCY for 100)...
_CURRENCIES: dict[str, tuple[str, str, str, tuple[tuple[str, float], ...]]] = {
    "USD": ("US-Dollar", "$", "2:2", (("2025-07-01", 92.7618), ("2026-01-01", 91.3242))),
    "GBP": ("Pfund Sterling", "£", "2:2", (("2026-01-01", 116.2791),)),
    "DKK": ("Dänische Krone", "kr.", "2:2", (("2025-01-01", 13.4081), ("2026-01-01", 13.4048))),
    "CHF": ("Schweizer Franken", "CHF", "2:2", (("2026-01-01", 106.383),)),
    "SEK": ("Schwedische Krone", "kr", "0:2", (("2026-01-01", 8.7719),)),
}
_UNITS = {"STK": "Stück", "PCS": "Piece", "KG": "Kilogramm", "HOUR": "Stunde", "BOX": "Karton"}
_ISO_UNITS = {"STK": "H87", "PCS": "H87", "KG": "KGM", "HOUR": "HUR", "BOX": "XBX"}


class BusinessCentral:
    """Its rows while they are being made."""

    def __init__(self, make: Maker) -> None:
        self.make = make
        self.rows: dict[str, list[Row]] = {name: [] for name in _SETS.split()}
        self._currencies = {"": ZERO_GUID, LOCAL_CURRENCY: ZERO_GUID}
        self._units: dict[str, str] = {}
        self._codes = [user.code for user in USERS if user.code]

    def _add(self, table: str, **values: Any) -> Row:
        row = {"id": self.make.guid(), **values}
        self.rows[table].append(row)
        return row

    def tables(self) -> None:
        """The small tables that others refer to."""
        for code, (name, symbol, places, rates) in _CURRENCIES.items():
            row = self._add(
                "currencies",
                code=code,
                displayName=name,
                symbol=symbol,
                amountDecimalPlaces=places,
                amountRoundingPrecision=0.01,
            )
            self._currencies[code] = row["id"]
            for date, amount in rates:
                self._add(
                    "currencyExchangeRates",
                    currencyCode=code,
                    startingDate=date,
                    exchangeRateAmount=100,
                    relationalCurrencyCode="",
                    relationalExchangeRateAmount=amount,
                )
        for code, name in _UNITS.items():
            unit = self._add(
                "unitsOfMeasure",
                code=code,
                displayName=name,
                internationalStandardCode=_ISO_UNITS[code],
                symbol="kg" if code == "KG" else "",
            )
            self._units[code] = unit["id"]
        for user in USERS:
            if user.code:
                self._salesperson(user)

    def _salesperson(self, user: User) -> None:
        """The same person as a Sales user, found by e-mail address; the first one is spelt in BC's own way."""
        first = user is USERS[0]
        self._add(
            "salespeoplePurchasers",
            code=user.code,
            displayName=user.last if first else f"{user.first} {user.last}",
            email=user.email.title() if first else user.email,
            jobTitle="Vertrieb",
            phoneNo="",
            commisionPercent=5,
        )

    def customer(self, index: int, people: int | None = None) -> None:
        """A BC customer with its company contact and so many people; by itself two to four, unless it is blocked."""
        make, firm = self.make, self.make.firm(AWKWARD_FIRMS[index] if index < len(AWKWARD_FIRMS) else "")
        name = f"{firm.name}{LONG_TAIL}"[:100].strip() if index % 40 == 11 else firm.name
        code = make.random.choice(("", LOCAL_CURRENCY, LOCAL_CURRENCY, LOCAL_CURRENCY, *_CURRENCIES))
        blocked = {7: "All", 23: "Ship", 39: "Invoice"}.get(index % 48, "_x0020_")
        contact = self._contact(
            type="Company", displayName=name, contactBusinessRelation="Customer", **_place(firm.place)
        )
        contact |= {"companyNumber": contact["number"], "companyName": name}
        self._add(
            "customers",
            number=f"D{10000 + index * 10}",
            displayName=name,
            type="Company",
            blocked=blocked,
            currencyCode=code,
            currencyId=self._currencies[code],
            creditLimit=make.random.choice((0, 2500, 10000.5)),
            salespersonCode=make.random.choice((*self._codes, "")),
            taxRegistrationNumber=make.digits("DE#########"),
            balanceDue=round(make.random.uniform(0, 9000), 2),
            _contactNumber=contact["number"],
            **_place(firm.place),
        )
        if people is None:
            people = make.random.randint(2, 4) if blocked == "_x0020_" else 0
        for _ in range(people):
            self.person(firm, contact["number"], name)

    def vendor(self, index: int, name: str = "") -> None:
        """A vendor, with a company contact that the simulator makes; the second is blocked. `name`: not a new one."""
        make, firm = self.make, self.make.firm()
        code = make.random.choice(("", LOCAL_CURRENCY, "USD"))
        self._add(
            "vendors",
            number=f"K{70000 + index * 10}",
            displayName=name or firm.name,
            blocked="All" if index == 1 else "_x0020_",
            currencyCode=code,
            currencyId=self._currencies[code],
            taxRegistrationNumber=make.digits("DE#########"),
            **_place(firm.place),
        )

    def _contact(self, **values: Any) -> Row:
        name, number = values["displayName"], f"KT{len(self.rows['contacts']) + 1:06d}"
        return self._add("contacts", number=number, searchName=name.upper()[:100], **values)

    def person(self, firm: Firm, company: str, company_name: str) -> None:
        """A BC person contact; one in fifty has a single name."""
        person = self.make.person(firm)
        name = person.last if self.make.chance(0.02) else f"{person.first} {person.last}"
        self._contact(
            type="Person",
            displayName=name,
            companyNumber=company,
            companyName=company_name,
            contactBusinessRelation="None",
            jobTitle=person.job[:30],
            mobilePhoneNumber=person.mobile,
            **_place(person.place),
        )

    def item(self, index: int) -> None:
        """A BC item; one in 16 is blocked."""
        make = self.make
        name = f"{make.random.choice(ITEM_NOUNS)} {make.random.choice(ITEM_KINDS)}"
        unit = make.random.choice(("STK", "STK", "PCS", "KG", "BOX"))
        price = round(make.random.uniform(0.05, 900), 2)
        self._add(
            "items",
            number=f"{1000 + index}-{make.random.choice('SW')}",
            displayName=name,
            type="Inventory",
            blocked=index % 16 == 9,
            inventory=make.random.choice((0, 12, 250.5)),
            unitPrice=price,
            unitCost=round(price * 0.6, 5),
            baseUnitOfMeasureCode=unit,
            baseUnitOfMeasureId=self._units[unit],
            gtin=make.digits("40###########") if make.chance(0.3) else "",
        )

    def resource(self, index: int) -> None:
        """A BC resource: somebody or something whose hours are sold."""
        make = self.make
        machine = make.chance(0.4)
        name = make.random.choice(RESOURCE_WORK) if machine else f"{make.person(make.firm()).last}, Außendienst"
        self._add(
            "resources",
            number=f"R{index + 1:04d}",
            displayName=f"{name} {index + 1}",
            vendorNumber="",
            type="Machine" if machine else "Person",
            baseUnitOfMeasureCode="HOUR",
            blocked=index % 12 == 7,
            unitPrice=make.random.choice((54.5, 89, 120)),
            unitCost=make.random.choice((31, 48.75)),
            capacity=make.random.choice((0, 40, 160)),
        )

    def out_of_filter(self) -> None:
        """Records that no standard mapping lets through; blocked ones are among the customers, items and resources."""
        for _ in range(3):
            self.person(self.make.firm(), "", "")


def _place(place: Place) -> Row:
    """A place in Business Central's fields."""
    return {
        "addressLine1": place.street,
        "addressLine2": place.extra,
        "city": place.town,
        "state": place.region,
        "country": place.country,
        "postalCode": place.postal,
        "phoneNumber": place.phone,
        "email": place.email,
        "website": place.website,
    }
