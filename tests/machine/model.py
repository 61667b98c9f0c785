"""What both sides must hold once all is quiet, by a reckoning that shares nothing with the daemon's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.mapping import OnUpdateConflict
from schemas.side import Side

# By our name for it, what either side calls it.
FIELDS = {
    "street": ("addressLine1", "address1_line1"),
    "city": ("city", "address1_city"),
    "state": ("state", "address1_stateorprovince"),
}
# The one that is taken out of the mapping at times.
OPTIONAL = "state"
Held = Mapping[str, str | None]
Rows = Mapping[Side, Mapping[str, Mapping[str, Any]]]


@dataclass
class Pair:
    """Two coupled records: what both agreed on last, what either was told of a field since, and in which spells.

    A spell ends when the daemon carries something: between two it learns of no edit. `back` are fields that are in the
    mapping again since both agreed on the rest.
    """

    bc: str
    sales: str
    agreed: dict[str, str | None]
    since: dict[Side, dict[str, str]] = field(default_factory=lambda: {side: {} for side in Side})
    spells: dict[str, set[int]] = field(default_factory=dict)
    back: set[str] = field(default_factory=set)

    def id(self, side: Side) -> str:
        return self.bc if side is Side.BC else self.sales

    @property
    def edited(self) -> bool:
        return any(self.since.values())

    def edit(self, side: Side, name: str, value: str, spell: int) -> None:
        self.since[side][name] = value
        self.spells.setdefault(name, set()).add(spell)

    def own(self, name: str, side: Side) -> str | None:
        """What a side holds of a field that nobody carries."""
        return self.since[side].get(name, self.agreed[name])

    def due(self, name: str, winner: Side) -> set[str | None]:
        """What a field may hold. One side's last word holds. Of both sides' words that of the winner, if it says
        anything new; if one may have been carried before the other was said, either may be the last. A field that is
        new to the mapping takes either side's, if there is one.
        """
        if name in self.back:
            both = {self.own(name, side) for side in Side}
            return both - {None} or both
        said = {side: words[name] for side, words in self.since.items() if name in words}
        if len(said) < len(Side):
            return set(said.values()) or {self.agreed[name]}
        if len(self.spells[name]) > 1:
            return set(said.values())
        return {said[winner] if said[winner] != self.agreed[name] else said[winner.other]}

    def agree(self, held: Held, names: Collection[str]) -> None:
        """Both hold these values of these fields."""
        for name in names:
            self.agreed[name] = held[name]
            self.spells.pop(name, None)
            for words in self.since.values():
                words.pop(name, None)
        self.back.difference_update(names)


class Model:
    """`winner` settles what both sides have said; `spell` counts how often the daemon may have carried something.

    `only_coupled`: whoever is new has a partner only after a full synchronisation. `mapped` are the fields that are
    carried, `outside` the pair (by its id in Business Central) that the filters leave out.
    """

    def __init__(self, winner: OnUpdateConflict, *, only_coupled: bool) -> None:
        self.winner, self.only_coupled = winner, only_coupled
        self.mapped = set(FIELDS)
        self.outside = ""
        self.pairs: list[Pair] = []
        # Since all was quiet, and those of them that nothing may have given a partner.
        self._names: list[str] = []
        self._alone: set[str] = set()
        self._gone: set[str] = set()
        self._made = 0
        self.spell = 0

    @property
    def _side(self) -> Side:
        return Side.BC if self.winner is OnUpdateConflict.BC_WINS else Side.SALES

    def new(self) -> str:
        """The name of a record somebody makes."""
        self._made += 1
        self._names.append(f"Newcomer-{self._made}")
        if self.only_coupled:
            self._alone.add(self._names[-1])
        return self._names[-1]

    def full_sync(self, answer: str) -> None:
        """All there are have got partners; with `keep` all others will, too."""
        self._alone.clear()
        self.only_coupled = self.only_coupled and answer != "keep"

    def begin(self, bc: str, sales: str, row: Mapping[str, Any]) -> None:
        if all(pair.bc != bc for pair in self.pairs):
            self.pairs.append(Pair(bc, sales, held(row, Side.BC)))

    def delete(self, pair: Pair) -> None:
        self.pairs.remove(pair)
        self._gone |= {pair.bc, pair.sales}

    def change_rules(self, winner: OnUpdateConflict, mapped: Collection[str], outside: str) -> None:
        """Other rules from now on. A field that comes back is new; a pair that does, was merely not looked at."""
        for pair in self.pairs:
            pair.back |= set(mapped) - self.mapped
        self.winner, self.mapped, self.outside = winner, set(mapped), outside

    def _carried(self, pair: Pair) -> set[str]:
        return set() if pair.bc == self.outside else self.mapped

    def agree(self, rows: Rows) -> None:
        """What both hold now."""
        for pair in self.pairs:
            pair.agree(held(rows[Side.BC][pair.bc], Side.BC), self._carried(pair))
        self._names.clear()

    def strays(self, rows: Rows) -> list[str]:
        """Who has got a partner though nobody asked for one."""
        there = _names(rows[Side.BC], Side.BC) + _names(rows[Side.SALES], Side.SALES)
        return [f"{name} is there {there[name]} times" for name in self._alone if there[name] != 1]

    def wrong(self, rows: Rows) -> list[str]:
        """In words."""
        found = [f"{key} is still there" for side in Side for key in self._gone & rows[side].keys()]
        for pair in self.pairs:
            found += self._wrong(pair, rows)
        for side in Side:
            there = _names(rows[side], side)
            found += [f"{one} is {there[one]} times in {side}" for one in self._names if there[one] != 1]
        return found

    def _wrong(self, pair: Pair, rows: Rows) -> list[str]:
        bc, sales = rows[Side.BC].get(pair.bc), rows[Side.SALES].get(pair.sales)
        if bc is None or sales is None:
            return [f"{pair} is gone from {Side.SALES if bc else Side.BC}"]
        both = {Side.BC: held(bc, Side.BC), Side.SALES: held(sales, Side.SALES)}
        found: list[str] = []
        for name in FIELDS:
            has = {side: one[name] for side, one in both.items()}
            if name not in self._carried(pair):
                right = all(has[side] == pair.own(name, side) for side in Side)
            else:
                right = has[Side.BC] == has[Side.SALES] and has[Side.BC] in pair.due(name, self._side)
            found += [] if right else [f"{name} of {pair} is {has}"]
        return found


def held(row: Mapping[str, Any], side: Side) -> dict[str, str | None]:
    return {name: row[columns[side is Side.SALES]] or None for name, columns in FIELDS.items()}


def _names(rows: Mapping[str, Mapping[str, Any]], side: Side) -> Counter[str]:
    return Counter(str(row["displayName" if side is Side.BC else "name"]) for row in rows.values())
