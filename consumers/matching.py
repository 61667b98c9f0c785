"""Which uncoupled records of the two sides are the same thing: the groups of `match_on`, pure.

Fields are compared as the mapping would carry them: transformed, cut to the shorter length, codes without case
(business-central-sync 5.3).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from consumers.translate import Untranslatable, fitted, translate
from schemas import rows
from schemas.canonical import as_code, is_code
from schemas.field_mapping import FieldRule
from schemas.mapping import TableMapping
from schemas.side import Direction, Side

# What a record is known by in each group of `match_on`; None if one of the group's values is blank.
Keys = tuple[tuple[Any, ...] | None, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that are one, by the group of that number and no other two by it."""

    bc: str
    sales: str
    group: int


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Records that agree in a group, more than one on a side: which belong together is for a person to say. Some of
    them may have found a partner by another group.
    """

    group: int
    bc: tuple[str, ...]
    sales: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matched:
    pairs: tuple[Pair, ...]
    ambiguous: tuple[Ambiguity, ...]


def match(bc: Mapping[str, Keys], sales: Mapping[str, Keys]) -> Matched:
    """The groups in order. Two records are one if no other agrees with them in the group, whether or not it has found
    its partner: who is left when others have gone is no match.
    """
    free_bc, free_sales = set(bc), set(sales)
    pairs: list[Pair] = []
    groups = range(max((len(keys) for keys in (*bc.values(), *sales.values())), default=0))
    agreeing = [one for group in groups for one in _agreeing(bc, sales, group)]
    for one in agreeing:
        if len(one.bc) == len(one.sales) == 1 and one.bc[0] in free_bc and one.sales[0] in free_sales:
            pairs.append(Pair(one.bc[0], one.sales[0], one.group))
            free_bc.remove(one.bc[0])
            free_sales.remove(one.sales[0])
    left = [one for one in agreeing if free_bc.intersection(one.bc) and free_sales.intersection(one.sales)]
    return Matched(tuple(pairs), tuple(_first_told(left)))


def alike(side: Mapping[str, Keys], coupled: Set[str]) -> list[tuple[int, tuple[str, ...]]]:
    """The records of one side that agree with each other in a group, with its number, if one of them is coupled: the
    others are told by `match`. Each set once, under the first group that says so.
    """
    found: dict[tuple[str, ...], int] = {}
    for group in range(max((len(known) for known in side.values()), default=0)):
        for records in _by_key(side, group).values():
            if len(records) > 1 and not coupled.isdisjoint(records):
                found.setdefault(tuple(sorted(records)), group)
    return sorted((group, records) for records, group in found.items())


def take_up(mine: Mapping[str, Keys], theirs: Mapping[str, Keys]) -> dict[str, str]:
    """The existing partner of each of my records that are about to be created, one after the other: the only one that
    agrees, if it is free, in the first group in which there is one. What does not get it is created
    (`couple_existing`).
    """
    found: dict[str, str] = {}
    groups = range(max((len(known) for known in mine.values()), default=0))
    by_key = [_by_key(theirs, group) for group in groups]
    taken: set[str] = set()
    for record, known in mine.items():
        for group in groups:
            agreeing = by_key[group].get(known[group] or (), ())
            if len(agreeing) == 1 and agreeing[0] not in taken:
                found[record] = agreeing[0]
                taken.add(agreeing[0])
                break
    return found


def _agreeing(bc: Mapping[str, Keys], sales: Mapping[str, Keys], group: int) -> list[Ambiguity]:
    """Who agrees with whom in a group, both sides."""
    mine, theirs = _by_key(bc, group), _by_key(sales, group)
    both = [key for key in mine if key in theirs]
    found = (Ambiguity(group, tuple(sorted(mine[key])), tuple(sorted(theirs[key]))) for key in both)
    return sorted(found, key=lambda one: (one.bc, one.sales))


def _by_key(side: Mapping[str, Keys], group: int) -> Mapping[tuple[Any, ...], list[str]]:
    found: defaultdict[tuple[Any, ...], list[str]] = defaultdict(list)
    for record, keys in side.items():
        if (key := keys[group]) is not None:
            found[key].append(record)
    return found


def _first_told(found: Sequence[Ambiguity]) -> Iterator[Ambiguity]:
    """Each set of records once, under the first group that says so."""
    told: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    for one in found:
        if (one.bc, one.sales) not in told:
            told.add((one.bc, one.sales))
            yield one


def keys(mapping: TableMapping, side: Side, row: rows.Row) -> Keys:
    """What the row is known by, in each group of the mapping's `match_on`."""
    known = (tuple(_value(mapping, side, row, *pair) for pair in group) for group in mapping.match_on)
    return tuple(None if any(value is None for value in key) else key for key in known)


def _value(mapping: TableMapping, side: Side, row: rows.Row, bc: str, sales: str, ignore_case: bool) -> Any:
    rule, way = _rule(mapping, bc, sales)
    name, destination = (bc, sales)[side is Side.SALES], (bc, sales)[way.source is Side.BC]
    if rule is None:
        value = rows.value(mapping, side, row, name)
    elif side is way.source:
        value = _carried(rule, way, mapping, row).get(destination)
    else:
        value = fitted(rule, name, side, rows.value(mapping, side, row, name))
    if not isinstance(value, str):
        return value if isinstance(value, int | float | None) else str(value)
    value = as_code(value) if is_code(bc) else value
    return value.casefold() if ignore_case else value


def _carried(rule: FieldRule, way: Direction, mapping: TableMapping, row: rows.Row) -> Mapping[str, Any]:
    """A value that cannot be carried matches nothing."""
    try:
        return translate((rule,), way, rows.values(mapping, way.source, row), {})
    except Untranslatable:
        return {}


def _rule(mapping: TableMapping, bc: str, sales: str) -> tuple[FieldRule | None, Direction]:
    """The field row that carries one to the other, to Sales if it does so."""
    for way in (Direction.TO_SALES, Direction.TO_BC):
        for rule in mapping.fields:
            if rule.direction.covers(way) and bc in rule.bc and sales in rule.sales:
                return rule, way
    return None, Direction.TO_SALES
