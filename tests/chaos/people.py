"""What people do to both systems while the daemon lives and dies: every edit of a kind that no rule may lose."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from tests.chaos.books import Books
from tests.support.faults import called
from tests.support.simulators import Side
from tests.support.world import World

_FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 503, "after_commit": True},
    {"kind": "drop", "after_commit": True},
    {"kind": "drop"},
    {"status": 429, "retry_after": 1},
    {"kind": "truncate", "after_commit": True},
    {"status": 401},
)


class People:
    """Each side's people change fields of their own, so that no edit contradicts another."""

    def __init__(self, world: World, books: Books, random: Random) -> None:
        self._world, self._books, self._random = world, books, random
        self._deleted: set[str] = set()
        # Edited, and perhaps not across yet: such a record is kept when its partner is deleted, as it should be.
        self._edited: set[str] = set()
        self.made = self.edits = self.deletions = 0
        self.faults: Counter[str] = Counter()

    def work(self) -> None:
        """Some edits, perhaps a new record, a deletion; then a fault of a service, which is the daemon's to meet."""
        for side in (self._world.bc, self._world.sales):
            side.disarm()
        for _ in range(self._random.randint(2, 5)):
            self._edit()
        if self._random.random() < 0.5:
            self._create()
        if self._random.random() < 0.2:
            self._delete()
        if self._random.random() < 0.4:
            self._fault()

    def all_is_across(self) -> None:
        """Both sides are equal."""
        self._edited.clear()

    def _edit(self) -> None:
        side, table, field = self._random.choice(
            [
                (self._world.bc, "customers", "addressLine2"),
                (self._world.bc, "contacts", "jobTitle"),
                (self._world.sales, "accounts", "telephone1"),
                (self._world.sales, "contacts", "mobilephone"),
            ]
        )
        key = self._random.choice(self._ids(side, table))
        self.edits += 1
        self._edited.add(key)
        side.edit(f"{table}({key})", **{field: f"+61 {self.edits}"})

    def _ids(self, side: Side, table: str) -> list[str]:
        """Of the records people work on, in the order they were made."""
        kept = {
            "customers": lambda row: row["blocked"] == "_x0020_",
            "accounts": lambda row: row["customertypecode"] == 3 and row["statecode"] == 0,
            "contacts": lambda row: row.get("type") == "Person" or row.get("statecode") == 0,
        }[table]
        key = "id" if side is self._world.bc else f"{table.removesuffix('s')}id"
        return [row[key] for row in side.rows(table) if kept(row) and row[key] not in self._deleted]

    def _create(self) -> None:
        self.made += 1
        name, email = f"Newcomer {self.made}", f"newcomer{self.made}@example.com"
        self._world.expected["customers"] += 1
        if self._random.random() < 0.5:
            self._world.bc.create("customers", displayName=name, email=email)
        else:
            self._world.sales.create("accounts", name=name, customertypecode=3, emailaddress1=email)

    def _delete(self) -> None:
        """A contact both sides have: deleted on the one, it must go on the other."""
        touched = self._deleted | self._edited
        pairs = [pair for pair in self._books.couplings("CONTACTS") if not touched.intersection(pair)]
        if not pairs:
            return
        bc, sales = self._random.choice(pairs)
        self._deleted |= {bc, sales}
        self.deletions += 1
        self._world.expected["contacts"] -= 1
        if self._random.random() < 0.5:
            self._world.bc.delete(f"contacts({bc})")
        else:
            self._world.sales.delete(f"contacts({sales})")

    def _fault(self) -> None:
        side = self._random.choice((self._world.bc, self._world.sales))
        method, path = self._random.choice((("POST", "/$batch"), ("PATCH", "("), ("POST", "/customers"), ("GET", "/")))
        fault = self._random.choice(_FAULTS)
        self.faults[called(fault)] += 1
        side.arm(method=method, path=path, count=1, **fault)
