"""Field rules, pure: one side's canonical values to the other's (business-central-sync 2.2)."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from consumers import problems
from schemas.canonical import as_code, canonical, cut, stored
from schemas.chain import FieldLookup
from schemas.coupling import OUTSIDE, Lookups, Reference
from schemas.errors import Problem
from schemas.field_mapping import FieldRule, When
from schemas.mapping import TableMapping
from schemas.side import Direction, Side
from schemas.transforms import apply

Values = Mapping[str, Any]
# What Sales takes of `firstname`, and of `lastname` (wire-protocols B2); a rule's `max_length` is that of both joined.
_HALF = 50


class Untranslatable(Exception):
    """A value of this record has no counterpart on the other side."""

    def __init__(self, problem: Problem, waits_for: Reference | None = None) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.waits_for = waits_for


class LeftOut(Untranslatable):
    """It names a record that never will be coupled, so the mapping is not about it (`ignore_outside`)."""


def rules_for(mapping: TableMapping, direction: Direction, *moments: When) -> tuple[FieldRule, ...]:
    """The rules of a direction that apply at these moments."""
    return tuple(rule for rule in mapping.rules(direction) if rule.when in moments)


def references(rules: Iterable[FieldRule], direction: Direction, values: Values) -> set[Reference]:
    """What `translate` will look up for these values."""
    found = {
        _reference(rule, direction.source, values) if rule.lookup else _chained(rule, direction, values)
        for rule in rules
        if rule.looks_up
    }
    return {reference for reference in found if reference}


def may_be_owed(rule: FieldRule) -> bool:
    """Does the rule write a blank where it cannot be answered?"""
    return rule.clear_on_failure or rule.blank_outside


def unanswered(rule: FieldRule, direction: Direction, values: Values, lookups: Lookups) -> Reference | None:
    """The reference for want of which the rule writes a blank; None if it is answered, or the rule fails without."""
    if not may_be_owed(rule):
        return None
    reference = _reference(rule, direction.source, values) if rule.lookup else _chained(rule, direction, values)
    if reference is None:
        return None
    wanted = reference.field
    if rule.lookup:
        wanted = rule.lookup.to if direction.source is Side.BC else rule.lookup.by
    return None if wanted in lookups.get(reference, {}) else reference


def translate(rules: Iterable[FieldRule], direction: Direction, values: Values, lookups: Lookups) -> dict[str, Any]:
    """The destination's values, canonical, by field name. Untranslatable if a related record is not coupled.
    LeftOut if the record takes no part for want of it.

    Fields that must stay as they are (`not_null` and blank, or not in `values`) are left out.
    """
    made: dict[str, Any] = {}
    # A record that takes no part fails for no other reason.
    for rule in sorted(rules, key=lambda rule: not rule.leaves_out(direction)):
        if rule.generate or any(name not in values for name in rule.fields(direction.source)):
            continue
        made |= _apply(rule, direction, values, lookups)
    return made


def same(destination: Side, value: Any, stored: Any) -> bool:
    """Would writing `value` leave `stored` as it is? BC stores its blank, 0 or false, where we say None."""
    return bool(value == stored) or (destination is Side.BC and value is None and stored == 0)


def joined_alike(names: Sequence[str], values: Values, held: Values) -> bool:
    """Are these the two halves of a name that is `held` already, be it split at another space?"""
    return len(names) == 2 and _joined([values.get(n) for n in names]) == _joined([held.get(n) for n in names])


def rounded(value: Any, stored: Any) -> bool:
    """May `stored` be what Sales made of the number `value`? It keeps two decimals or more of money (B2)."""
    if not isinstance(value, int | float) or not isinstance(stored, int | float) or isinstance(value, bool):
        return False
    decimals = max(2, -int(Decimal(repr(stored)).as_tuple().exponent))
    return abs(Decimal(repr(value)) - Decimal(repr(stored))) * 2 <= Decimal(1).scaleb(-decimals)


def _apply(rule: FieldRule, direction: Direction, values: Values, lookups: Lookups) -> dict[str, Any]:
    source, names = direction.source, rule.fields(direction.source.other)
    if not rule.fields(source):
        return {names[0]: _looked_up(rule, source, values, lookups) if rule.lookup else rule.constant}
    value = _joined([values[name] for name in rule.fields(source)])
    if rule.lookup:
        value = _looked_up(rule, source, values, lookups)
    else:
        value = canonical(_transformed(rule, direction, value, lookups))
    if value is None and rule.not_null:
        return {}
    if rule.required and (value is None or (source is Side.BC and values[rule.bc[0]] == 0)):
        raise Untranslatable(problems.value_missing(rule, source))
    if len(names) == 2:
        return dict(zip(names, _split(_cut(value, rule.max_length)), strict=True))
    return {names[0]: fitted(rule, names[0], source.other, value)}


def _transformed(rule: FieldRule, direction: Direction, value: Any, lookups: Lookups) -> Any:
    def look_up(step: FieldLookup, named: Any) -> Any:
        reference = _field_reference(step, direction.source, named)
        found = lookups.get(reference)
        if found is not None and step.field in found:
            return found[step.field]
        if rule.clear_on_failure:
            return None
        raise _untranslatable(rule, reference, step.field, coupled=found is not None)

    try:
        return apply(rule.chain(direction), value, look_up)
    except ValueError as error:
        raise Untranslatable(problems.not_transformable(rule, value, error)) from error


def _chained(rule: FieldRule, direction: Direction, values: Values) -> Reference | None:
    """What the chain's lookup step will look up, if the steps before it can be taken."""
    wanted: list[Reference] = []

    def look_up(step: FieldLookup, named: Any) -> None:
        wanted.append(_field_reference(step, direction.source, named))

    names = rule.fields(direction.source)
    with suppress(ValueError):
        apply(rule.chain(direction), _joined([values.get(name) for name in names]), look_up)
    return wanted[0] if wanted else None


def _field_reference(step: FieldLookup, source: Side, named: Any) -> Reference:
    name = step.by if source is Side.BC else "id"
    value = as_code(str(named)) if source is Side.BC else str(canonical(str(named)))
    return Reference(step.mapping, source, name, value, step.field)


def _reference(rule: FieldRule, source: Side, values: Values) -> Reference | None:
    fields = rule.fields(source)
    value = values.get(fields[0]) if fields else stored(source, "code", str(rule.constant))
    if rule.lookup is None or value is None:
        return None
    name = rule.lookup.by if source is Side.BC else rule.lookup.to
    return Reference(rule.lookup.mapping, source, name, str(value))


def _looked_up(rule: FieldRule, source: Side, values: Values, lookups: Lookups) -> Any:
    reference = _reference(rule, source, values)
    if reference is None or rule.lookup is None:
        return None
    partner = lookups.get(reference)
    wanted = rule.lookup.to if source is Side.BC else rule.lookup.by
    if partner is not None and wanted in partner:
        return partner[wanted]
    if partner is OUTSIDE and rule.leaves_out(Direction.from_side(source)):
        raise LeftOut(problems.not_coupled(rule, reference), reference)
    if rule.clear_on_failure or (rule.blank_outside and partner is OUTSIDE):
        return None
    raise _untranslatable(rule, reference, wanted, coupled=bool(partner))


def _untranslatable(rule: FieldRule, reference: Reference, wanted: str, *, coupled: bool) -> Untranslatable:
    """The record it names is not coupled, or lacks what is wanted of it: it waits."""
    missing = problems.no_reference(rule, reference, wanted) if coupled else problems.not_coupled(rule, reference)
    return Untranslatable(missing, replace(reference, field=""))


def _joined(parts: Sequence[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    return " ".join(str(part) for part in parts if part is not None) or None


def _split(value: Any) -> tuple[str | None, str | None]:
    """A name at its first space, each half cut to what Sales takes; a single word is the last name, which its forms
    require.
    """
    first, _, last = str(value or "").partition(" ")
    halves = (first, last) if last.strip() else ("", first)
    return canonical(_cut(halves[0], _HALF)), canonical(_cut(halves[1].strip(), _HALF))


def fitted(rule: FieldRule, name: str, destination: Side, value: Any) -> Any:
    """As the destination would store it: cut to the shorter length, codes upper-case (business-central-sync 2.2)."""
    return stored(destination, name, _cut(value, rule.max_length))


def _cut(value: Any, length: int | None) -> Any:
    return cut(value, length) if length and isinstance(value, str) else value
