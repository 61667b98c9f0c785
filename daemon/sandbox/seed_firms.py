"""Made-up firms and people: neutral facts, before either system's field names are put on them."""

from __future__ import annotations

import re
import unicodedata
import uuid
from dataclasses import dataclass
from random import Random

from daemon.sandbox.seed_words import COUNTRIES, Country

_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
_FOLDED = str.maketrans({"ß": "ss", "ø": "oe", "Ø": "oe", "æ": "ae", "Æ": "ae", "ı": "i", "ł": "l"})


@dataclass(frozen=True)
class Place:
    """Where a firm or person can be reached; a blank is an empty text."""

    street: str
    extra: str
    town: str
    region: str
    country: str
    postal: str
    phone: str
    email: str
    website: str


@dataclass(frozen=True)
class Firm:
    """A company."""

    name: str
    place: Place
    words: Country


@dataclass(frozen=True)
class Person:
    """Somebody who works for a firm."""

    first: str
    last: str
    job: str
    mobile: str
    place: Place


class Maker:
    """Draws firms and people from one seeded source; the same seed gives the same ones in the same order."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - invented data must repeat, not surprise
        self._names: dict[str, int] = {}
        self._domains: dict[str, int] = {}
        self._mails: dict[str, int] = {}

    def guid(self) -> str:
        """The next identifier."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def chance(self, share: float) -> bool:
        """Yes in this share of cases."""
        return self.random.random() < share

    def digits(self, template: str) -> str:
        """The template with digits for `#` and letters for `@`."""
        filled = (self.random.choice(_LETTERS) if sign == "@" else sign for sign in template)
        return "".join(str(self.random.randrange(10)) if sign == "#" else sign for sign in filled)

    def firm(self, name: str = "") -> Firm:
        """A company with a name (the given one, if any) and web domain that no other one has."""
        words = self.random.choice(COUNTRIES)
        town, postal, region = self.random.choice(words.towns)
        name = self._new(name or self._firm_name(words, town), self._names, " {}")
        domain = f"{self._new(slug(name)[:40], self._domains, '-{}')}.{words.domain}"
        place = Place(
            street=self.digits(self.random.choice(words.streets)),
            extra=self.random.choice(("", "", "", "c/o Empfang", "2nd floor", "Postfach 10 20 30")),
            town=town,
            region=self.random.choice((region, region, "")),
            country=words.code,
            postal=self.digits(postal),
            phone=self.digits(self.random.choice(words.phones)) if self.chance(0.9) else "",
            email=f"info@{domain}" if self.chance(0.9) else "",
            website=self.random.choice(
                (f"https://www.{domain}/", f"www.{domain}", f"http://{domain}/start?l=de&x=1", "")
            ),
        )
        return Firm(name, place, words)

    def person(self, firm: Firm) -> Person:
        """Somebody at that firm, mostly at its address."""
        words = firm.words
        first, last = self.random.choice(words.first_names), self.random.choice(words.last_names)
        domain = firm.place.email.partition("@")[2] or "post.example"
        mail = self._new(f"{slug(first)}.{slug(last)}@{domain}", self._mails, ".{}")
        there = self.chance(0.8)
        place = Place(
            street=firm.place.street if there else self.digits(self.random.choice(words.streets)),
            extra=firm.place.extra if there else "",
            town=firm.place.town,
            region=firm.place.region,
            country=firm.place.country,
            postal=firm.place.postal,
            phone=self.digits(self.random.choice(words.phones)) if self.chance(0.6) else "",
            email=mail if self.chance(0.85) else "",
            website="",
        )
        mobile = self.digits(self.random.choice(words.phones)) if self.chance(0.5) else ""
        return Person(first, last, self.random.choice((*words.jobs, "")), mobile, place)

    def _firm_name(self, words: Country, town: str) -> str:
        last, other = self.random.sample(words.last_names, 2)
        trade = self.random.choice(words.trades)
        return self.random.choice(words.firms).format(last=last, other=other, trade=trade, town=town)

    @staticmethod
    def _new(wanted: str, taken: dict[str, int], pattern: str) -> str:
        """`wanted`, or with a number in it if another one has it already (in any letter case)."""
        found, key = wanted, wanted.casefold()
        while found.casefold() in taken:
            taken[key] += 1
            found = _numbered(wanted, pattern.format(taken[key]))
        taken[found.casefold()] = 1
        return found


def _numbered(wanted: str, mark: str) -> str:
    """A mark put before the @ of an address, else at the end."""
    name, at, domain = wanted.partition("@")
    return f"{name}{mark}{at}{domain}"


def slug(text: str) -> str:
    """The text in plain lower-case ASCII, for addresses."""
    plain = unicodedata.normalize("NFKD", text.translate(_FOLDED)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "firma"
