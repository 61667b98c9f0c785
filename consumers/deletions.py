"""What follows when a coupled record is gone, pure: the mapping's `on_delete` (business-central-sync 3.7)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from consumers import problems
from consumers.decide import Create, Delete, Deletion, Modify, restore
from consumers.opened import unagreed
from schemas import rows
from schemas.answers import is_missing, is_stale
from schemas.change import Change, Op
from schemas.coupling import Coupling, Lookups
from schemas.errors import ApiError
from schemas.mapping import OnDelete, TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Direction
from schemas.write import Answer, Written

_REPAIRED = {
    OnDelete.RESTORE: "creates it again",
    OnDelete.UNCOUPLE: "removes the coupling",
    OnDelete.DELETE: "deletes the other too, unless it has changed",
}


@dataclass(frozen=True, slots=True)
class Restore:
    """The deleted record is to be created again from its partner, whose row `change` carries."""

    change: Change
    mapping: TableMapping
    coupling: Coupling


def follow(deletion: Deletion, there_again: bool, partner: rows.Row | None) -> Settled | Delete | Restore:
    """The deletion has been told. `there_again`: yet the record exists; `partner`: as it is now, None if gone too.

    A deletion is told of an id, not of a version: one told late is not believed of a record that has been created again
    (promise 3). When both are gone nothing is left to couple.
    """
    change, mapping, coupling = deletion.change, deletion.mapping, deletion.coupling
    settled = Settled(change, mapping.name, Outcome.IGNORED, partner=coupling.half(change.side.other).id)
    if there_again:
        return replace(settled, superseded=True)
    if partner is None:
        return replace(settled, outcome=Outcome.UNCOUPLED, uncouple=True, gone=settled.partner)
    if mapping.on_delete is OnDelete.UNCOUPLE:
        return replace(settled, outcome=Outcome.UNCOUPLED, uncouple=True)
    written_only = not mapping.direction.covers(change.direction)
    if mapping.on_delete is OnDelete.FAIL:
        return _failing(deletion, partner) if written_only else _kept(settled, coupling)
    ignored = mapping.on_delete is OnDelete.IGNORE or not mapping.table(change.side.other).filter.matches(partner)
    # What a mapping only reads it never deletes.
    if ignored or (mapping.on_delete is OnDelete.DELETE and written_only):
        return settled
    if mapping.on_delete is OnDelete.DELETE:
        return _delete(deletion, partner, settled)
    if not mapping.direction.covers(Direction.from_side(change.side.other)):
        return _kept(settled, coupling)
    return Restore(_carry(deletion, partner), mapping, coupling)


def _kept(settled: Settled, coupling: Coupling) -> Settled:
    return replace(settled, outcome=Outcome.FAILED, problem=problems.deleted(coupling, settled.change.side))


def _failing(deletion: Deletion, partner: rows.Row) -> Settled:
    """As a failure of the survivor, since nothing is carried the other way: its next carry finds its partner gone. A
    deletion that is told again is a second try, though the survivor's version is the same."""
    carried, coupling, gone = replace(_carry(deletion, partner), retry=True), deletion.coupling, deletion.change
    failed = Settled(carried, deletion.mapping.name, Outcome.FAILED, unagreed(coupling), partner=gone.key)
    return replace(failed, problem=problems.deleted(coupling, gone.side))


def _delete(deletion: Deletion, partner: rows.Row, settled: Settled) -> Settled | Delete:
    """Under the version both last agreed on; where none is known, under this one, if it says what was agreed."""
    change, coupling = deletion.change, deletion.coupling
    known = coupling.half(change.side.other)
    if known.version:
        return Delete(change, deletion.mapping, coupling)
    now = rows.half(deletion.mapping, change.side.other, partner)
    if now.base != known.base:
        problem = problems.deleted_but_changed(coupling, change.side)
        return replace(settled, outcome=Outcome.FAILED, problem=problem)
    read = coupling.with_half(change.side.other, replace(known, version=now.version))
    return Delete(change, deletion.mapping, read)


def shared(item: Delete, other: str) -> Settled:
    """The partner is that of a record of the mapping `other` as well, so it is kept."""
    problem = problems.deleted_but_shared(item.coupling, item.change.side, other)
    return Settled(item.change, item.mapping.name, Outcome.FAILED, partner=item.partner.id, problem=problem)


def _carry(deletion: Deletion, partner: rows.Row) -> Change:
    """The partner as a change of its own; it counts as made when the deletion was."""
    told, mapping = deletion.change, deletion.mapping
    table = mapping.table(told.side.other)
    change = rows.change(table, partner, Op.READ, told.captured_ms, (told.job, mapping.name))
    return replace(change, ts_ms=told.ts_ms, trace=told.trace)


def deleted(item: Delete, answer: Answer) -> Settled:
    """How deleting the partner ended. It is done, too, if the partner was gone already: by an earlier try of ours."""
    settled = Settled(item.change, item.mapping.name, Outcome.FAILED, partner=item.partner.id)
    side = item.change.side.other
    if isinstance(answer, Written) or is_missing(side, answer, item.partner.id):
        return replace(settled, outcome=Outcome.DELETED, uncouple=True, gone=item.partner.id)
    problem = problems.deleted_but_changed(item.coupling, item.change.side)
    if not is_stale(side, answer):
        problem = problems.not_deleted(item.coupling, item.change.side, answer)
    return replace(settled, problem=problem)


def found_gone(item: Modify, lookups: Lookups) -> Settled | Create:
    """A changed record's partner turns out to be gone. It is never deleted for that: it has changed since."""
    mapping, gone = item.mapping, item.destination
    settled = Settled(item.change, mapping.name, Outcome.FAILED, partner=item.partner.id)
    if mapping.on_delete is OnDelete.UNCOUPLE:
        return replace(settled, outcome=Outcome.UNCOUPLED, uncouple=True)
    if mapping.on_delete is OnDelete.RESTORE:
        return restore(item.change, mapping, item.coupling, lookups)
    both = mapping.on_delete is OnDelete.DELETE and mapping.direction.covers(Direction.from_side(gone))
    problem = problems.deleted_but_changed if both else problems.deleted
    return replace(settled, problem=problem(item.coupling, gone))


def refused(deletions: Sequence[Deletion], error: ApiError) -> list[Settled]:
    """A side refuses for good to be read, so nothing can be done about these."""
    return [
        Settled(
            one.change,
            one.mapping.name,
            Outcome.FAILED,
            partner=one.coupling.half(one.change.side.other).id,
            problem=problems.rejected(one.change.side.other, error),
        )
        for one in deletions
    ]


def what_ends_it(mapping: TableMapping, coupling: Coupling, both: bool) -> str:
    """What to do about a coupling of which one record, or `both`, do not exist any more."""
    repair = f"`coupled verify {mapping.name} --repair`"
    if both:
        return f"{repair} removes the coupling"
    if mapping.on_delete in _REPAIRED:
        return f"{repair} {_REPAIRED[mapping.on_delete]}"
    return (
        f"on_delete is {mapping.on_delete.value}, so a person decides: delete the other record too, or uncouple it by "
        f"`coupled uncouple {mapping.name} {coupling.bc.id}`"
    )
