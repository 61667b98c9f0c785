"""Fields on which a pair has not agreed yet: mapped since, or one side's values are taken as a whole. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.field_mapping import FieldRule
from schemas.mapping import TableMapping
from schemas.side import Direction, Side

Values = Mapping[str, Any]


def left_to_partner(rule: FieldRule, mapping: TableMapping, source: Side, known: tuple[Values, Values, Values]) -> bool:
    """A field mapped since both sides last agreed, blank on our side: theirs may hold the only value, and carries it.

    `known`: our values now, and what each side held when they agreed. A value of ours is written, as in a full
    synchronisation.
    """
    seen, mine, theirs = known
    if not mapping.both_ways(rule):
        return False
    agreed = any(name in mine for name in rule.fields(source))
    agreed = agreed or any(name in theirs for name in rule.fields(source.other))
    return not agreed and all(_is_blank(source, seen.get(name)) for name in rule.fields(source))


def overwritten(
    rules: Iterable[FieldRule], direction: Direction, written: Values, held: tuple[Values, Values]
) -> dict[str, Any]:
    """The partner's values that are `written` over without ever having been agreed on: they are nowhere else.

    By its names, without blanks. `held`: what is agreed of the source's fields, and what is known of the partner's.
    """
    source, there = direction.source, direction.source.other
    mine, theirs = held
    open_ones = [rule for rule in rules if not any(name in mine for name in rule.fields(source))]
    names = [name for rule in open_ones for name in rule.fields(there) if name in written]
    return {name: theirs[name] for name in names if not _is_blank(there, theirs.get(name))}


def _is_blank(side: Side, value: Any) -> bool:
    """BC has no nulls: its 0 and false are blanks too (wire-protocols A2)."""
    return value is None or (side is Side.BC and value == 0)
