"""Carries decisions out: batched conditional writes, repeated until each ends in one outcome.

Creation is idempotent (promise 2): Sales rows get the BC record's id; a BC record is written down as an intent before
it is created. After a try whose outcome is unknown nothing is repeated blindly: we look first.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from consumers import problems
from consumers.create import Creation, adopted
from consumers.decide import Create, Decision, Delete, Modify, unagreed
from consumers.deletions import deleted, found_gone
from consumers.ports import Memory, Target
from consumers.resolve import known_version, resolve
from consumers.translate import rules_for
from schemas import rows
from schemas.answers import is_duplicate, is_missing, is_stale
from schemas.coupling import Coupling, Half, Lookups
from schemas.errors import ApiError
from schemas.mapping import TableMapping, When
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from schemas.write import Answer, Write, Written

Item = Create | Modify | Delete
_IMMEDIATE_ROUNDS = 20
# No record has it: reading it tells only whether the side answers.
_ANY_ID = "00000000-0000-0000-0000-000000000001"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long transient errors are waited out before a record counts as failed (promise 7). Seconds.

    Only `brief` times, if it looks as if the record were the trouble and not the side: its topic is not to wait for it.
    """

    delays: Sequence[float] = (0.5, 1, 2, 4, 8, 15, 30, 60)
    brief: int = 4
    jitter: Callable[[], float] = random.random


class Push:
    """Pushes to one side. `sleep` is injected, so that tests need not wait."""

    def __init__(
        self,
        target: Target,
        memory: Memory,
        side: Side,
        sleep: Callable[[float], Awaitable[object]],
        patience: Patience,
    ) -> None:
        self._target = target
        self._side = side
        self._creation = Creation(target, memory, side)
        self._sleep = sleep
        self._patience = patience

    @property
    def target(self) -> Target:
        return self._target

    async def carry_out(self, mapping: TableMapping, decisions: Sequence[Decision], lookups: Lookups) -> list[Settled]:
        """One outcome per decision. All decisions are of one mapping and go to this side."""
        done = [decision for decision in decisions if isinstance(decision, Settled)]
        waiting: list[Item] = [decision for decision in decisions if not isinstance(decision, Settled)]
        echoes, waiting = await self._without_echoes(mapping, waiting)
        done += echoes
        waiting = await self._creation.prepare(mapping, waiting)
        delays = iter(self._patience.delays)
        rounds, fruitless, others_went = 0, 0, False
        while waiting:
            settled, waiting, errors = await self._round(mapping, waiting, lookups)
            done += settled
            if settled:
                delays = iter(self._patience.delays)
            others_went = others_went or bool(settled)
            fruitless = 0 if settled else fruitless + 1
            rounds = 0 if errors else rounds + 1
            theirs = errors and fruitless >= self._patience.brief and (others_went or _suspect(waiting, errors))
            if theirs and not await self._away(mapping):
                return done + [_ended(item, _failed(item, errors[-1])) for item in waiting]
            delay = next(delays, None) if errors else 0.0
            if delay is None or rounds > _IMMEDIATE_ROUNDS:
                return done + await self._given_up(mapping, waiting, errors)
            if waiting and delay:
                await self._sleep(delay * (0.5 + self._patience.jitter()))
        return done

    async def _given_up(
        self, mapping: TableMapping, waiting: Sequence[Item], errors: Sequence[ApiError]
    ) -> list[Settled]:
        """Patience has ended. If the side answers otherwise, these records are the trouble, and fail.

        If it does not, the side is: ApiError, so that the whole batch is taken again until it is back (promise 7).
        """
        error = errors[-1] if errors else ApiError(409, "", "the record keeps changing while we write it")
        if errors and (refusal := await self._away(mapping)):
            raise refusal
        return [_ended(item, _failed(item, error)) for item in waiting]

    async def _away(self, mapping: TableMapping) -> ApiError | None:
        """Why the side does not answer at all; None if it does."""
        try:
            await self._target.read(mapping, [_ANY_ID])
        except ApiError as refusal:
            return refusal if refusal.transient else None
        return None

    async def _without_echoes(self, mapping: TableMapping, items: Sequence[Item]) -> tuple[list[Settled], list[Item]]:
        """Before any intent is written: our own records, come back before their cause was recorded, are left to it."""
        creates = [item for item in items if _is_fresh(item)]
        try:
            echoes = await self._creation.echoes(mapping, creates)
        except ApiError as error:
            if error.transient:
                raise  # nothing is written yet: the whole batch is taken again
            return [_failed(item, error) for item in creates], [item for item in items if not _is_fresh(item)]
        ignored = [Settled(item.change, mapping.name, Outcome.IGNORED) for item in creates if item.change.key in echoes]
        return ignored, [item for item in items if not _is_fresh(item) or item.change.key not in echoes]

    async def _round(
        self, mapping: TableMapping, items: Sequence[Item], lookups: Lookups
    ) -> tuple[list[Settled], list[Item], list[ApiError]]:
        """(settled, to go on with, transient errors met): look where needed, then write all there is to write."""
        errors: list[ApiError] = []
        try:
            looked = await self._looked(mapping, items, lookups)
        except ApiError as error:
            return [], list(items), [error]
        later = [step for step in looked if not _is_ready(step)]
        ready = await self._creation.renew(mapping, [step for step in looked if _is_ready(step)])
        answers = await self._target.write([_write(item) for item in ready]) if ready else []
        steps = [
            _in_place(item, await self._after(item, answer, lookups, errors))
            for item, answer in zip(ready, answers, strict=True)
        ]
        steps = await self._creation.complete(mapping, [*later, *steps])
        settled = [step for step in steps if isinstance(step, Settled)]
        return settled, [step for step in steps if not isinstance(step, Settled)], errors

    async def _looked(self, mapping: TableMapping, items: Sequence[Item], lookups: Lookups) -> list[Decision]:
        """As `_look`; a read that the side refuses for good fails the record it was for, not the others (promise 7)."""
        try:
            return await self._look(mapping, items, lookups)
        except ApiError as error:
            if error.transient:
                raise
            if len(items) == 1:
                return [_in_place(items[0], _failed(items[0], error))]
        return [step for item in items for step in await self._looked(mapping, [item], lookups)]

    async def _look(self, mapping: TableMapping, items: Sequence[Item], lookups: Lookups) -> list[Decision]:
        """Modifies of unknown version against the partner as it is; creates that may exist against what exists."""
        moved = [item for item in items if isinstance(item, Modify) and not item.partner.version]
        found = await self._target.read(mapping, [item.partner.id for item in moved]) if moved else {}
        partners = await self._creation.find(mapping, [item for item in items if isinstance(item, Create)])
        steps: list[Decision] = []
        for item in items:
            if isinstance(item, Create):
                row = partners.get(item.change.key)
                missed = replace(item, look=False, looked=item.looked or item.look)
                steps.append(_in_place(item, adopted(item, row, lookups)) if row else missed)
            elif isinstance(item, Delete) or item.partner.version:
                steps.append(item)
            elif item.partner.id in found:
                steps.append(_in_place(item, resolve(item, found[item.partner.id])))
            else:
                steps.append(_in_place(item, await self._gone(item, lookups)))
        return steps

    async def _after(self, item: Item, answer: Answer, lookups: Lookups, errors: list[ApiError]) -> Decision:
        """The next step of an item after its write was answered."""
        if isinstance(answer, ApiError) and answer.transient:
            errors.append(answer)
            return _again(item, answer)
        if isinstance(item, Delete):
            return deleted(item, answer)
        if isinstance(answer, Written):
            return _created(item, answer) if isinstance(item, Create) else _modified(item, answer)
        if isinstance(item, Create):
            if is_duplicate(self._side, answer):
                return await self._creation.taken(item)
            # Only the answer to the write itself says that nothing of it can be there.
            return replace(_failed(item, answer), refused=True)
        if is_missing(self._side, answer, item.partner.id):
            return await self._gone(item, lookups)
        if is_stale(self._side, answer):
            return _unknown_version(item)
        return _failed(item, answer)

    async def _gone(self, item: Modify, lookups: Lookups) -> Decision:
        """The partner was deleted: what the mapping says of it (business-central-sync 3.7)."""
        step = found_gone(item, lookups)
        if isinstance(step, Create):
            (prepared,) = await self._creation.prepare(item.mapping, [step])
            return prepared
        return step


def _suspect(waiting: Sequence[Item], errors: Sequence[ApiError]) -> bool:
    """Do all these fail with the server's own error, which says nothing of the side, or have they failed before?"""
    return all(error.status == 500 for error in errors) or all(item.change.retry for item in waiting)


def _is_fresh(item: Item) -> TypeGuard[Create]:
    """Is it for a record that has had no partner so far?"""
    return isinstance(item, Create) and item.replaces is None


def _is_ready(step: Decision) -> TypeGuard[Item]:
    """To be written now: neither ended, nor to be looked for first."""
    return not isinstance(step, Settled) and not (isinstance(step, Create) and step.look)


def _write(item: Item) -> Write:
    if isinstance(item, Create):
        return Write(item.mapping, item.change.key if item.change.side is Side.BC else "", item.fields)
    if isinstance(item, Delete):
        return Write(item.mapping, item.partner.id, {}, item.partner.version, deletes=True)
    return Write(item.mapping, item.partner.id, item.fields, item.partner.version, item.partner.base)


def _again(item: Item, error: ApiError) -> Item:
    """To be tried once more; unless it was refused before it was begun, it may have been carried out."""
    if isinstance(item, Create):
        return replace(item, look=error.status != 429)
    return item if isinstance(item, Delete) else replace(item, sent=item.sent or error.status != 429)


def _in_place(item: Item, step: Decision) -> Decision:
    """A restored record takes the deleted one's place; until it does, every step knows whose."""
    if isinstance(step, Settled):
        return _ended(item, step)
    if isinstance(item, Delete) or isinstance(step, Delete) or item.replaces is None:
        return step
    return replace(step, replaces=item.replaces)


def _ended(item: Item, end: Settled) -> Settled:
    """If a record cannot be restored now, its partner's next carry finds it gone, and tries again."""
    if isinstance(item, Delete) or item.replaces is None:
        return end
    if end.coupling is None:
        return replace(end, coupling=unagreed(item.replaces))
    return replace(end, uncouple=True, gone=item.replaces.half(item.change.side.other).id)


def _created(item: Create, answer: Written) -> Decision:
    if not answer.row:
        return replace(item, look=True)
    side = item.change.side.other
    theirs = rows.half(item.mapping, side, answer.row)
    coupling = Coupling.of(item.mapping.name, item.change.side, item.source, theirs)
    rules = rules_for(item.mapping, item.change.direction, When.AFTER_INSERT)
    fields = {name: rule.constant for rule in rules for name in rule.fields(side)}
    if fields:
        return Modify(item.change, item.mapping, coupling, fields, Outcome.INSERTED)
    return Settled(item.change, item.mapping.name, Outcome.INSERTED, coupling, partner=theirs.id)


def _modified(item: Modify, answer: Written) -> Settled:
    """Only what we wrote is agreed: other fields keep their base, so that the partner's own edits still travel."""
    now = rows.half(item.mapping, item.destination, answer.row) if answer.row else Half(item.partner.id)
    base = {**item.partner.base, **{name: now.base.get(name, value) for name, value in item.fields.items()}}
    sequence = max(now.sequence, item.partner.sequence)
    partner = replace(item.partner, version=known_version(item, now, base), sequence=sequence, base=base)
    coupling = item.coupling.with_half(item.destination, partner)
    return Settled(item.change, item.mapping.name, item.outcome, coupling, partner=partner.id)


def _unknown_version(item: Modify) -> Modify:
    partner = replace(item.partner, version="")
    return replace(item, coupling=item.coupling.with_half(item.destination, partner))


def _failed(item: Item, error: ApiError) -> Settled:
    side = item.change.side.other
    partner = None if isinstance(item, Create) else item.partner.id
    problem = problems.rejected(side, error)
    failed = Settled(item.change, item.mapping.name, Outcome.FAILED, partner=partner, problem=problem)
    return replace(failed, transient=error.transient)
