"""What went through with a blank in place of a record that is not coupled yet, pure (business-central-sync 2.2).

It is no failure, and not agreed upon either: the field is left out of the source's base, so that whatever carries the
record again fills it in, and the store carries it again as soon as that record is coupled.
"""

from dataclasses import replace

from consumers.translate import Values, may_be_owed, rules_for, unanswered
from schemas import rows
from schemas.coupling import OUTSIDE, Coupling, Lookups, Reference
from schemas.field_mapping import FieldRule, When
from schemas.mapping import TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Direction

_THROUGH = frozenset({Outcome.INSERTED, Outcome.MODIFIED, Outcome.UNCHANGED, Outcome.COUPLED})


def owed_by(rule: FieldRule, direction: Direction, known: tuple[Values, Values], lookups: Lookups) -> Reference | None:
    """What the rule waits for while the partner has a blank: nothing is to be written, nor read, until it is coupled.

    `known`: the source's values, and what the partner has.
    """
    values, held = known
    if any(held.get(name) is not None for name in rule.fields(direction.source.other)):
        return None
    return unanswered(rule, direction, values, lookups)


def left_blank(rule: FieldRule, direction: Direction, bases: tuple[Values, Values]) -> bool:
    """Was this field of new records (`on: insert`) left blank when the partner was created, and is so still?

    `bases`: the source's and the partner's. Then the source's does not have it, and the partner's has it blank. A
    constant has no source that could tell.
    """
    mine, theirs = bases
    names = rule.fields(direction.source)
    return (
        rule.when is When.INSERT
        and may_be_owed(rule)
        and bool(names)
        and not any(name in mine for name in names)
        and all(theirs.get(name, "") is None for name in rule.fields(direction.source.other))
    )


def owing(settled: Settled, mapping: TableMapping, lookups: Lookups) -> Settled:
    """With what it owes: the references of `clear_on_failure` and `blank_outside` fields that the partner has blank."""
    coupling, side = settled.coupling, settled.change.side
    if coupling is None or settled.outcome not in _THROUGH:
        return settled
    mine, theirs = coupling.half(side), coupling.half(side.other)
    seen = rows.values(mapping, side, settled.change.after or {})
    owed: dict[Reference, None] = {}
    lacking: dict[Reference, None] = {}
    blanked: set[str] = set()
    rules = rules_for(mapping, settled.direction, When.ALWAYS, When.INSERT)
    for rule in (one for one in rules if _filled_in(one, settled, coupling)):
        if reference := owed_by(rule, settled.direction, (seen, theirs.base), lookups):
            found = lacking if lookups.get(reference, OUTSIDE) is not OUTSIDE else owed
            found[replace(reference, field="")] = None
            blanked.update(rule.fields(side))
    if not blanked:
        return settled
    base = {name: value for name, value in mine.base.items() if name not in blanked}
    return replace(
        settled, coupling=coupling.with_half(side, replace(mine, base=base)), owed=tuple(owed), lacking=tuple(lacking)
    )


def _filled_in(rule: FieldRule, settled: Settled, coupling: Coupling) -> bool:
    """Is a blank of it filled in later? One of new records (`on: insert`) only where this made the partner."""
    source = settled.change.side
    bases = coupling.half(source).base, coupling.half(source.other).base
    made = settled.outcome is Outcome.INSERTED and bool(rule.fields(source))
    return rule.when is When.ALWAYS or made or left_blank(rule, settled.direction, bases)
