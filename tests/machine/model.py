"""What both sides must hold once all is quiet, by a reckoning that shares nothing with the daemon's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
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
Rows = Mapping[Side, Mapping[str, Mapping[str, Any]]]


@dataclass
class Pair:
    """Two coupled records: what both agreed on last, what either was told of a field since, and in which spells.

    A spell ends when the daemon carries something: between two it learns of no edit.
    """

    bc: str
    sales: str
    agreed: dict[str, str | None]
    since: dict[Side, dict[str, str]] = field(default_factory=lambda: {side: {} for side in Side})
    spells: dict[str, set[int]] = field(default_factory=dict)

    @property
    def edited(self) -> bool:
        return any(self.since.values())

    def edit(self, side: Side, name: str, value: str, spell: int) -> None:
        self.since[side][name] = value
        self.spells.setdefault(name, set()).add(spell)

    def due(self, name: str, winner: Side) -> set[str | None]:
        """What a field may hold. One side's last word holds. Of both sides' words that of the winner, if it says
        anything new; if one may have been carried before the other was said, either may be the last.
        """
        said = {side: words[name] for side, words in self.since.items() if name in words}
        if len(said) < len(Side):
            return set(said.values()) or {self.agreed[name]}
        if len(self.spells[name]) > 1:
            return set(said.values())
        return {said[winner] if said[winner] != self.agreed[name] else said[winner.other]}


class Model:
    """`winner` settles what both sides have said; `spell` counts how often the daemon may have carried something."""

    def __init__(self, winner: OnUpdateConflict) -> None:
        self.winner = winner
        self.pairs: list[Pair] = []
        self._names: list[str] = []
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
        return self._names[-1]

    def begin(self, bc: str, sales: str, row: Mapping[str, Any]) -> None:
        if all(pair.bc != bc for pair in self.pairs):
            self.pairs.append(Pair(bc, sales, _held(row, Side.BC)))

    def delete(self, pair: Pair) -> None:
        self.pairs.remove(pair)
        self._gone |= {pair.bc, pair.sales}

    def agree(self, rows: Rows) -> None:
        """What both hold now."""
        for pair in self.pairs:
            row = rows[Side.BC][pair.bc]
            self.pairs[self.pairs.index(pair)] = Pair(pair.bc, pair.sales, _held(row, Side.BC))
        self._names.clear()

    def wrong(self, rows: Rows) -> list[str]:
        """In words."""
        found = [f"{key} is still there" for side in Side for key in self._gone & rows[side].keys()]
        for pair in self.pairs:
            found += self._wrong(pair, rows)
        for side, name in ((Side.BC, "displayName"), (Side.SALES, "name")):
            there = Counter(row[name] for row in rows[side].values())
            found += [f"{one} is {there[one]} times in {side}" for one in self._names if there[one] != 1]
        return found

    def _wrong(self, pair: Pair, rows: Rows) -> list[str]:
        bc, sales = rows[Side.BC].get(pair.bc), rows[Side.SALES].get(pair.sales)
        if bc is None or sales is None:
            return [f"{pair} is gone from {Side.SALES if bc else Side.BC}"]
        mine, theirs = _held(bc, Side.BC), _held(sales, Side.SALES)
        found = [] if mine == theirs else [f"{pair} is not equal: {mine} and {theirs}"]
        due = {name: pair.due(name, self._side) for name in FIELDS}
        return found + [f"{name} of {pair} is {mine[name]}" for name in FIELDS if mine[name] not in due[name]]


def _held(row: Mapping[str, Any], side: Side) -> dict[str, str | None]:
    return {name: row[columns[side is Side.SALES]] or None for name, columns in FIELDS.items()}
