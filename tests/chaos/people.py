"""What people do to both systems while the daemon lives and dies: every edit of a kind that no rule may lose."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.chaos.books import Books
from tests.support.faults import called
from tests.support.simulators import Row, Side

_FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 503, "after_commit": True},
    {"kind": "drop", "after_commit": True},
    {"kind": "drop"},
    {"status": 429, "retry_after": 1},
    {"kind": "truncate", "after_commit": True},
    {"status": 401},
)


@dataclass(frozen=True)
class _Place:
    """A column of one side."""

    side: str
    table: str
    name: str

    def held(self, rows: Mapping[tuple[str, str], Mapping[str, Row]], key: str) -> Any:
        return rows[self.side, self.table].get(key, {}).get(self.name)


@dataclass(frozen=True)
class _Field:
    """Where people edit it, and where the daemon is to carry it."""

    mapping: str
    here: _Place
    there: _Place


# Each side's people have fields of their own, so that no edit contradicts another and the last word is known.
_FIELDS = (
    _Field("CUSTOMER", _Place("bc", "customers", "addressLine2"), _Place("sales", "accounts", "address1_line2")),
    _Field("CUSTOMER", _Place("sales", "accounts", "telephone1"), _Place("bc", "customers", "phoneNumber")),
    _Field("CONTACTS", _Place("bc", "contacts", "jobTitle"), _Place("sales", "contacts", "jobtitle")),
    _Field("CONTACTS", _Place("sales", "contacts", "mobilephone"), _Place("bc", "contacts", "mobilePhoneNumber")),
)
_TABLES = (("bc", "customers"), ("bc", "contacts"), ("sales", "accounts"), ("sales", "contacts"))


class People:
    """They remember what they have written last, whom they have made and whom deleted: `lost` compares with it.

    `expected` is how many pairs of a kind there must be, and is kept up to date.
    """

    def __init__(self, bc: Side, sales: Side, books: Books, expected: dict[str, int]) -> None:
        self._bc, self._sales, self._books, self._expected = bc, sales, books, expected
        self._sides = {side.name: side for side in (bc, sales)}
        self._deleted: set[str] = set()
        # Edited, and perhaps not across yet: such a record is kept when its partner is deleted, as it should be.
        self._edited: set[str] = set()
        # No value comes twice, so that an older one is known for what it is.
        self._last: dict[tuple[_Field, str], str] = {}
        self._newcomers: list[str] = []
        self.edits = self.deletions = self.compared = 0
        self.faults: Counter[str] = Counter()

    @property
    def made(self) -> int:
        return len(self._newcomers)

    def work(self, random: Random) -> None:
        """Some edits, perhaps a new record, a deletion; then a fault of a service, which is the daemon's to meet."""
        for side in self._sides.values():
            side.disarm()
        self._edit_some(random)
        if random.random() < 0.5:
            self._create(random)
        if random.random() < 0.2:
            self._delete(random)
        if random.random() < 0.4:
            self._fault(random)

    def go_on(self, random: Random) -> None:
        """Some edits more; a fault that nobody has met yet goes on waiting for the daemon."""
        with contextlib.ExitStack() as stack:
            for side in self._sides.values():
                stack.enter_context(_well(side))
            self._edit_some(random)

    def all_is_across(self) -> None:
        """Both sides are equal."""
        self._edited.clear()

    def lost(self) -> list[str]:
        """Where either side holds something else than was written last; who is not there, or is and should not be."""
        partners = self._partners()
        held = {(side, table): self._held(side, table) for side, table in _TABLES}
        found: list[str] = []
        for (field, key), value in self._last.items():
            for place, one in ((field.here, key), (field.there, partners.get(key, ""))):
                if (has := place.held(held, one)) != value:
                    found.append(f"{one}: {place} is {has!r}, where {value!r} was written last")
                self.compared += 1
        return found + self._wrong_records(held)

    def _partners(self) -> dict[str, str]:
        """The other side's id, by either's; a record created in Sales for one of Business Central has the same."""
        return {one: other for pair in self._coupled() for one, other in (pair, pair[::-1])}

    def _held(self, side: str, table: str) -> dict[str, Row]:
        return {row[_key(side, table)]: row for row in self._sides[side].rows(table)}

    def _wrong_records(self, held: dict[tuple[str, str], dict[str, Row]]) -> list[str]:
        found = [f"{key} is still there" for rows in held.values() for key in self._deleted & rows.keys()]
        for table, name in ((("bc", "customers"), "displayName"), (("sales", "accounts"), "name")):
            there = Counter(row[name] for row in held[table].values())
            found += [f"{one} is there {there[one]} times: {table}" for one in self._newcomers if there[one] != 1]
        return found

    def _edit_some(self, random: Random) -> None:
        for _ in range(random.randint(2, 5)):
            self._edit(random)

    def _edit(self, random: Random) -> None:
        field = random.choice(_FIELDS)
        side, table = self._sides[field.here.side], field.here.table
        key = random.choice(self._ids(side, table))
        self.edits += 1
        value = f"+61 {self.edits}"
        self._edited.add(key)
        side.edit(f"{table}({key})", **{field.here.name: value})
        self._last[field, key] = value

    def _ids(self, side: Side, table: str) -> list[str]:
        """Of the records people work on, in the order they were made."""
        kept = {
            "customers": lambda row: row["blocked"] == "_x0020_",
            "accounts": lambda row: row["customertypecode"] == 3 and row["statecode"] == 0,
            "contacts": _of_a_firm,
        }[table]
        key = _key(side.name, table)
        return [row[key] for row in side.rows(table) if kept(row) and row[key] not in self._deleted]

    def _coupled(self) -> list[tuple[str, str]]:
        return [pair for mapping in ("CUSTOMER", "CONTACTS") for pair in self._books.couplings(mapping)]

    def _create(self, random: Random) -> None:
        name = f"Newcomer {self.made + 1}"
        email = f"newcomer{self.made + 1}@example.com"
        if random.random() < 0.5:
            self._bc.create("customers", displayName=name, email=email)
        else:
            self._sales.create("accounts", name=name, customertypecode=3, emailaddress1=email)
        self._newcomers.append(name)
        self._expected["customers"] += 1

    def _delete(self, random: Random) -> None:
        """A contact both sides have: deleted on the one, it must go on the other."""
        touched = self._deleted | self._edited
        pairs = [pair for pair in self._books.couplings("CONTACTS") if not touched.intersection(pair)]
        if not pairs:
            return
        pair = random.choice(pairs)
        if random.random() < 0.5:
            self._bc.delete(f"contacts({pair[0]})")
        else:
            self._sales.delete(f"contacts({pair[1]})")
        self.deletions += 1
        self._expected["contacts"] -= 1
        self._deleted |= set(pair)
        self._last = {place: value for place, value in self._last.items() if place[1] not in pair}

    def _fault(self, random: Random) -> None:
        side = random.choice((self._bc, self._sales))
        method, path = random.choice((("POST", "/$batch"), ("PATCH", "("), ("POST", "/customers"), ("GET", "/")))
        fault = random.choice(_FAULTS)
        self.faults[called(fault)] += 1
        side.arm(method=method, path=path, count=1, **fault)


@contextlib.contextmanager
def _well(side: Side) -> Iterator[None]:
    """Its faults are the daemon's to meet: they wait meanwhile."""
    waiting = side.armed()
    side.disarm()
    yield
    for fault in waiting:
        side.arm(**fault)


def _of_a_firm(row: Row) -> bool:
    """A contact on either side, as the standard mappings take it."""
    if "type" in row:
        return bool(row["type"] == "Person" and row["companyNumber"])
    return bool(row["statecode"] == 0 and row["_parentcustomerid_value"])


def _key(side: str, table: str) -> str:
    return "id" if side == "bc" else f"{table.removesuffix('s')}id"
