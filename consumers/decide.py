"""What to do about one change, pure: nothing, create a partner, or modify it (DESIGN 2.3).

No read of the other side: the coupling's base says what both sides last agreed on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from consumers import problems
from consumers.never_agreed import left_to_partner, overwritten
from consumers.opened import unagreed
from consumers.owed import left_blank, owed_by
from consumers.translate import (
    LeftOut,
    Untranslatable,
    joined_alike,
    may_be_owed,
    references,
    rules_for,
    same,
    translate,
)
from schemas import rows
from schemas.change import Change, Op
from schemas.coupling import Coupling, Half, Lookups, Reference
from schemas.field_mapping import FieldRule, When
from schemas.flags import Flags
from schemas.mapping import TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side

_MISSING = object()
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Create:
    """The record has no partner yet. `look`: an earlier try may have made one, so look before writing.

    `looked`: that was done, and there is none. `sent`: what a try before a crash sent, if not `fields`: it is found by
    that, and sent again so, as long as that try may still be carried out. `replaces`: the coupling with the deleted
    partner that the new one stands in for. `tried`: an earlier try may have made one, or may make one yet, if
    its answer was lost (`lost_at`); `sent_at`: when the last was sent. `taken`: the side says that there is one.
    `began`: the id of the one that an earlier try was about to change.
    """

    change: Change
    mapping: TableMapping
    source: Half
    fields: Values
    look: bool = False
    looked: bool = False
    sent: Values | None = None
    replaces: Coupling | None = None
    tried: bool = False
    lost_at: datetime | None = None
    sent_at: datetime | None = None
    taken: bool = False
    began: str = ""

    @property
    def traces(self) -> Values:
        """What a partner made by an earlier try carries."""
        return self.fields if self.sent is None else self.sent


@dataclass(frozen=True, slots=True)
class Modify:
    """Write `fields` to the partner. `coupling` already holds the source's new half, to be stored with the outcome.

    `outcome` is how it will end. `sent`: a try was made whose outcome is unknown. `replaces`: as in `Create`.
    `overruled`: as in `Settled`.
    """

    change: Change
    mapping: TableMapping
    coupling: Coupling
    fields: Values
    outcome: Outcome = Outcome.MODIFIED
    sent: bool = False
    replaces: Coupling | None = None
    overruled: Values = field(default_factory=dict)

    @property
    def destination(self) -> Side:
        return self.change.side.other

    @property
    def partner(self) -> Half:
        return self.coupling.half(self.destination)

    @property
    def left_nothing(self) -> bool:
        """Is nothing of it with the partner? Of one that was just created something is, whatever is said of its second
        step."""
        return self.outcome is Outcome.MODIFIED and not self.sent


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the partner of a deleted record, if it is still at the version both last agreed on."""

    change: Change
    mapping: TableMapping
    coupling: Coupling

    @property
    def partner(self) -> Half:
        return self.coupling.half(self.change.side.other)


@dataclass(frozen=True, slots=True)
class Deletion:
    """A coupled record is said to be deleted: what follows takes a look at both records (`consumers.deletions`)."""

    change: Change
    mapping: TableMapping
    coupling: Coupling


Decision = Settled | Create | Modify | Delete


def decide(
    change: Change, mapping: TableMapping, coupling: Coupling | None, lookups: Lookups, flags: Flags
) -> Decision | Deletion:
    """One change under one mapping."""
    partner = coupling.half(change.side.other).id if coupling else None
    ignored = Settled(change, mapping.name, Outcome.IGNORED, partner=partner)
    if flags.paused:
        return replace(ignored, missed=True)
    if not mapping.live and change.mapping is None:
        return ignored  # of live capture; what is meant for one mapping has been asked for
    if change.op is Op.DELETE or change.after is None:
        return Deletion(change, mapping, coupling) if coupling else ignored
    if coupling and outdated(change, coupling):
        return replace(ignored, outcome=Outcome.UNCHANGED, superseded=True)
    too_large = _too_large(change, mapping)
    # What failed while it was to be created is still to be created, whatever the setting is by now.
    left_alone = not coupling and flags.only_coupled and not change.retry
    if left_alone or _outside(change, change.after, mapping, too_large):
        return ignored
    if too_large:
        return replace(ignored, outcome=Outcome.FAILED, problem=problems.too_large(change, too_large))
    try:
        return modify(change, mapping, coupling, lookups) if coupling else _create(change, mapping, lookups)
    except Untranslatable as error:
        return _without(ignored, error)


def _outside(change: Change, row: rows.Row, mapping: TableMapping, too_large: set[str]) -> bool:
    """Of the filter; a record whose filtered column was too large may be inside."""
    unseen = not too_large.isdisjoint(mapping.filter_fields(change.side))
    return not unseen and not mapping.table(change.side).filter.matches(row)


def _too_large(change: Change, mapping: TableMapping) -> set[str]:
    """The columns the mapping reads that are not there because no message would hold them."""
    return set(change.left_out) & set(rows.select(change.side, change.table, [mapping])) if change.left_out else set()


def _without(ignored: Settled, error: Untranslatable) -> Settled:
    """It fails, or takes no part, for want of what it names."""
    if isinstance(error, LeftOut) and error.waits_for:
        return replace(ignored, owed=(error.waits_for,))
    return replace(ignored, outcome=Outcome.FAILED, problem=error.problem, waits_for=error.waits_for)


def outdated(change: Change, coupling: Coupling) -> bool:
    """Promise 3: an older version never overwrites a newer one. Sequence 0 is unknown."""
    return 0 < change.sequence < coupling.half(change.side).sequence


def _create(change: Change, mapping: TableMapping, lookups: Lookups) -> Create:
    source = rows.half(mapping, change.side, change.after or {})
    rules = rules_for(mapping, change.direction, When.ALWAYS, When.INSERT)
    fields = translate(rules, change.direction, source.base, lookups)
    return Create(change, mapping, source, {name: value for name, value in fields.items() if value is not None})


def restore(change: Change, mapping: TableMapping, coupling: Coupling, lookups: Lookups) -> Settled | Create:
    """The survivor's partner is created again, and takes the deleted one's place (business-central-sync 3.7)."""
    try:
        return replace(_create(change, mapping, lookups), replaces=coupling)
    except Untranslatable as error:
        partner = coupling.half(change.side.other).id
        end = Settled(change, mapping.name, Outcome.IGNORED, unagreed(coupling), partner=partner)
        return _without(end, error)


def modify(
    change: Change, mapping: TableMapping, coupling: Coupling, lookups: Lookups, outcome: Outcome = Outcome.MODIFIED
) -> Settled | Modify:
    """What of the change the partner lacks: the mapped values that differ from the base (promise 4)."""
    mine, theirs = coupling.half(change.side), coupling.half(change.side.other)
    seen = rows.half(mapping, change.side, change.after or {})
    adopting = outcome is Outcome.COUPLED
    changed = [
        rule
        for rule in _due_rules(mapping, change.direction, (mine.base, theirs.base), adopting)
        if _touched(rule, change.side, seen.base, mine.base)
        and not left_to_partner(rule, mapping, change.side, (seen.base, mine.base, theirs.base))
    ]
    touched = [rule for rule in changed if not owed_by(rule, change.direction, (seen.base, theirs.base), lookups)]
    translated = translate(touched, change.direction, seen.base, lookups)
    there = change.side.other
    fields = _lacking(touched, there, translated, theirs.base)
    updated = coupling.with_half(change.side, _moved(mine, seen, mapping, change))
    if fields:
        lost = overwritten(touched, change.direction, fields, (mine.base, theirs.base))
        return Modify(change, mapping, updated, fields, outcome, overruled=lost)
    end = outcome if adopting else Outcome.UNCHANGED
    # By the coupling it is told what is owed still (`consumers.owed`).
    keep = updated if adopting or touched != changed or updated != coupling else None
    return Settled(change, mapping.name, end, keep, partner=theirs.id)


def _due_rules(
    mapping: TableMapping, direction: Direction, bases: tuple[Values, Values], adopting: bool
) -> list[FieldRule]:
    """Of a modification; `AFTER_INSERT` when the partner has just been coupled."""
    moments = (When.ALWAYS, When.AFTER_INSERT) if adopting else (When.ALWAYS,)
    late = [rule for rule in rules_for(mapping, direction, When.INSERT) if left_blank(rule, direction, bases)]
    return [*rules_for(mapping, direction, *moments), *(late if not adopting else ())]


def _lacking(rules: Iterable[FieldRule], there: Side, translated: Values, held: Values) -> dict[str, Any]:
    """What the partner does not hold yet. A name that it splits at another space is left as it is."""
    split = [rule.fields(there) for rule in rules if joined_alike(rule.fields(there), translated, held)]
    kept = {name for names in split for name in names}
    differing = {name: v for name, v in translated.items() if not same(there, v, held.get(name, _MISSING))}
    return {name: value for name, value in differing.items() if name not in kept}


def adopt(change: Change, mapping: TableMapping, row: rows.Row, lookups: Lookups) -> Settled | Modify:
    """Couples the change's record with an existing one, which takes over what differs."""
    theirs = rows.half(mapping, change.side.other, row)
    coupling = Coupling.of(mapping.name, change.side, Half(change.key), theirs)
    try:
        return modify(change, mapping, coupling, lookups, Outcome.COUPLED)
    except Untranslatable as error:
        return Settled(
            change, mapping.name, Outcome.FAILED, partner=theirs.id, problem=error.problem, waits_for=error.waits_for
        )


def _touched(rule: FieldRule, source: Side, seen: Values, base: Values) -> bool:
    names = rule.fields(source)
    return not names or any(name in seen and seen[name] != base.get(name, _MISSING) for name in names)


def _moved(mine: Half, seen: Half, mapping: TableMapping, change: Change) -> Half:
    """The source's half after this change: fields that travel the other way only keep their base."""
    travelling = {
        name
        for rule in mapping.rules(change.direction)
        for name in rule.fields(change.side)
        # A field of new records that was left blank is told by its want here, until it is filled in.
        if name in mine.base or not (rule.when is When.INSERT and may_be_owed(rule))
    }
    base = {**mine.base, **{name: value for name, value in seen.base.items() if name in travelling or not mine.base}}
    # Its own place, also of one whose order was unknown when it was read: what comes after it is compared with that.
    return Half(mine.id, change.version, seen.sequence, base, {**mine.references, **seen.references})


def named(mapping: TableMapping, changes: Sequence[Change]) -> set[Reference]:
    """The records of other mappings that deciding about these changes, all of one side, looks up."""
    direction = changes[0].direction
    rules = [rule for rule in rules_for(mapping, direction, When.ALWAYS, When.INSERT) if rule.looks_up]
    return {
        reference
        for change in changes
        if rules and change.after
        for reference in references(rules, direction, rows.values(mapping, change.side, change.after))
    }
