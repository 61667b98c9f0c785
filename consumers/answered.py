"""The steps of one write, pure: what is sent, and what follows from its answer."""

from dataclasses import replace
from typing import TypeGuard

from consumers import problems
from consumers.decide import Create, Decision, Delete, Modify
from consumers.opened import unagreed
from consumers.own_work import coupled, is_newer
from consumers.resolve import known_version
from schemas import rows
from schemas.coupling import Half
from schemas.errors import ApiError
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from schemas.write import Write, Written

Item = Create | Modify | Delete


def is_fresh(item: Item) -> TypeGuard[Create]:
    """Is it for a record that has had no partner so far?"""
    return isinstance(item, Create) and item.replaces is None


def is_ready(step: Decision) -> TypeGuard[Item]:
    """To be written now: neither ended, nor to be looked for first."""
    return not isinstance(step, Settled) and not (isinstance(step, Create) and step.look)


def write(item: Item) -> Write:
    if isinstance(item, Create):
        # What was sent before is sent again: whichever try is carried out, it leaves the same record.
        number = item.change.key if item.change.side is Side.BC else ""
        return Write(item.mapping, number, item.traces, cause=item.change)
    partner = item.partner
    if isinstance(item, Delete):
        return Write(item.mapping, partner.id, {}, partner.version, deletes=True, cause=item.change)
    return Write(item.mapping, partner.id, item.fields, partner.version, partner.base, cause=item.change)


def again(item: Item, error: ApiError) -> Item:
    """To be tried once more; unless it was refused before it was begun, it may have been carried out."""
    if isinstance(item, Create):
        return replace(item, look=error.status != 429, tried=item.tried or error.status != 429)
    return item if isinstance(item, Delete) else replace(item, sent=item.sent or error.status != 429)


def in_place(item: Item, step: Decision) -> Decision:
    """A restored record takes the deleted one's place; until it does, every step knows whose."""
    if isinstance(step, Settled):
        return ended(item, step)
    if isinstance(item, Delete) or isinstance(step, Delete) or item.replaces is None:
        return step
    return replace(step, replaces=item.replaces)


def ended(item: Item, end: Settled) -> Settled:
    """If a record cannot be restored now, its partner's next carry finds it gone, and tries again."""
    if isinstance(item, Delete) or item.replaces is None:
        return end
    if end.coupling is None:
        return replace(end, coupling=unagreed(item.replaces))
    return replace(end, uncouple=True, gone=item.replaces.half(item.change.side.other).id)


def created(item: Create, answer: Written) -> Decision:
    if not answer.row:
        return replace(item, look=True)
    theirs = rows.half(item.mapping, item.change.side.other, answer.row)
    return coupled(item, theirs, theirs, Outcome.INSERTED)


def not_created(item: Create, error: ApiError) -> Decision:
    """It is refused for good: what a try before had sent may be, where what the record has become since is not."""
    if is_newer(item):
        return replace(item, sent=None)
    # Only the answer to the write itself says that nothing of it can be there.
    return replace(failed(item, error), refused=True)


def modified(item: Modify, answer: Written) -> Settled:
    """Only what we wrote is agreed: other fields keep their base, so that the partner's own edits still travel."""
    now = rows.half(item.mapping, item.destination, answer.row) if answer.row else Half(item.partner.id)
    base = {**item.partner.base, **{name: now.base.get(name, value) for name, value in item.fields.items()}}
    sequence = max(now.sequence, item.partner.sequence)
    version = known_version(item.mapping, item.destination, now, base)
    partner = replace(item.partner, version=version, sequence=sequence, base=base)
    coupling = item.coupling.with_half(item.destination, partner)
    end = Settled(item.change, item.mapping.name, item.outcome, coupling, partner=partner.id)
    return replace(end, wrote=tuple(item.fields), overruled=item.overruled)


def unknown_version(item: Modify) -> Modify:
    partner = replace(item.partner, version="")
    return replace(item, coupling=item.coupling.with_half(item.destination, partner))


def failed(item: Item, error: ApiError) -> Settled:
    side = item.change.side.other
    partner = None if isinstance(item, Create) else item.partner.id
    problem = problems.rejected(side, error)
    failed = Settled(item.change, item.mapping.name, Outcome.FAILED, partner=partner, problem=problem)
    return replace(failed, transient=error.transient)
