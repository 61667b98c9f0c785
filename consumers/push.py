"""Carries decisions out: batched conditional writes, repeated until each ends in one outcome.

Creation is idempotent (promise 2): Sales rows get the BC record's id; a BC record is written down as an intent before
it is created, and a change before it is sent. After a try whose outcome is unknown nothing is repeated blindly: we look
first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from consumers import problems
from consumers.answered import (
    Item,
    again,
    created,
    ended,
    failed,
    in_place,
    is_fresh,
    is_ready,
    modified,
    not_created,
    unknown_version,
    write,
)
from consumers.create import Creation
from consumers.decide import Create, Decision, Delete, Modify
from consumers.deletions import deleted, found_gone
from consumers.existing import Existing, adopted
from consumers.lost import Lateness, is_blind, lost, to_note
from consumers.own_work import is_newer
from consumers.patience import Patience, Rounds
from consumers.ports import Memory, Overtaken, Row, Target
from consumers.recovering import answered, begun, new_partners
from consumers.resolve import resolve
from schemas import rows
from schemas.answers import is_duplicate, is_missing, is_stale
from schemas.coupling import Lookups
from schemas.errors import ApiError, BatchError, CoupledError, KeepsChanging
from schemas.mapping import TableMapping
from schemas.outcome import Outcome, Settled
from schemas.side import Side
from schemas.write import Answer, Written

_log = structlog.get_logger(__name__)
# No record has it: reading it tells only whether the side answers.
_ANY_ID = "00000000-0000-0000-0000-000000000001"


class Push:
    """Pushes to one side. `sleep` is injected, so that tests need not wait."""

    def __init__(
        self,
        target: Target,
        memory: Memory,
        side: Side,
        sleep: Callable[[float], Awaitable[object]],
        patience: Patience,
        now: Callable[[], datetime],
        lateness: Lateness = Lateness(),  # noqa: B008 — frozen
    ) -> None:
        self._target, self._memory, self._side = target, memory, side
        self._creation, self._existing = Creation(target, memory, side), Existing(target, memory, side)
        self._sleep, self._patience = sleep, patience
        self._now, self._lateness = now, lateness

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
        rounds, lost = Rounds(self._patience), False
        while waiting:
            # No smaller batches for a side that does not even answer a read.
            refusal = await self._away(mapping) if lost else None
            settled, waiting, errors = (
                ([], waiting, [refusal]) if refusal else await self._round(mapping, waiting, lookups)
            )
            done += settled
            rounds.after(bool(settled), waiting, errors)
            if rounds.is_doubtful and not await self._away(mapping):
                return done + [ended(item, failed(item, errors[-1])) for item in waiting]
            if rounds.are_over:
                return done + await self._given_up(mapping, waiting, errors)
            lost = bool(refusal) or any(isinstance(error, BatchError) for error in errors)
            if waiting and rounds.delay:
                await self._sleep(rounds.delay)
        return done

    async def _given_up(
        self, mapping: TableMapping, waiting: Sequence[Item], errors: Sequence[ApiError]
    ) -> list[Settled]:
        """Patience has ended. If the side answers otherwise, these records are the trouble, and fail.

        If it does not, the side is: ApiError, so that the whole batch is taken again until it is back (promise 7).
        """
        error = errors[-1] if errors else KeepsChanging()
        if errors and (refusal := await self._away(mapping)):
            raise refusal
        return [ended(item, failed(item, error)) for item in waiting]

    async def _away(self, mapping: TableMapping) -> ApiError | None:
        """Why the side does not answer at all; None if it does."""
        try:
            await self._target.read(mapping, [_ANY_ID])
        except ApiError as refusal:
            return refusal if refusal.transient else None
        return None

    async def _without_echoes(self, mapping: TableMapping, items: Sequence[Item]) -> tuple[list[Settled], list[Item]]:
        """Before any intent is written: our own records, come back before their cause was recorded, are left to it."""
        creates = [item for item in items if is_fresh(item)]
        try:
            echoes = await self._creation.echoes(mapping, creates, self._now())
        except ApiError as error:
            if error.transient:
                raise  # nothing is written yet: the whole batch is taken again
            return [failed(item, error) for item in creates], [item for item in items if not is_fresh(item)]
        ended = [_left_to_cause(item, echoes[item.change.key]) for item in creates if item.change.key in echoes]
        return ended, [item for item in items if not is_fresh(item) or item.change.key not in echoes]

    async def _round(
        self, mapping: TableMapping, items: Sequence[Item], lookups: Lookups
    ) -> tuple[list[Settled], list[Item], list[ApiError]]:
        """(settled, to go on with, transient errors met): look where needed, then write all there is to write."""
        errors: list[ApiError] = []
        try:
            looked = await self._looked(mapping, items, lookups)
        except ApiError as error:
            return [], list(items), [error]
        later = [step for step in looked if not is_ready(step)]
        errors += [self._lateness.waiting(step) for step in later if isinstance(step, Create) and self._may_come(step)]
        ready = await self._creation.intend([step for step in looked if is_ready(step)], self._now())
        await self._memory.begin(begun(ready, self._now()))
        await self._memory.name_partners(new_partners(ready))
        answers = await self._written(ready) if ready else []
        steps = [
            await self._answered(item, answer, lookups, errors) for item, answer in zip(ready, answers, strict=True)
        ]
        await self._memory.intend(to_note(steps))
        await self._memory.begin(answered(steps))
        steps = await self._creation.complete(mapping, [*later, *steps])
        settled = [step for step in steps if isinstance(step, Settled)]
        return settled, [step for step in steps if not isinstance(step, Settled)], errors

    async def _written(self, items: Sequence[Item]) -> Sequence[Answer]:
        """A stop that cuts it short loses the answers: the batch comes again soon, while the side may be at work."""
        try:
            return await self._target.write([write(item) for item in items])
        except asyncio.CancelledError:
            await self._creation.intend(items, self._now())
            raise

    async def _looked(self, mapping: TableMapping, items: Sequence[Item], lookups: Lookups) -> list[Decision]:
        """As `_look`; a read that the side refuses for good, or a mistake of ours, fails the record it was for, not the
        others (promise 7).
        """
        try:
            return await self._look(mapping, items, lookups)
        except ApiError as error:
            if error.transient:
                raise
            if len(items) == 1:
                return [in_place(items[0], failed(items[0], error))]
        except (CoupledError, Overtaken):
            raise
        except Exception as error:
            if len(items) == 1:
                return [_crashed(items[0], error)]
        return [step for item in items for step in await self._looked(mapping, [item], lookups)]

    async def _look(self, mapping: TableMapping, items: Sequence[Item], lookups: Lookups) -> list[Decision]:
        """Modifies of unknown version against the partner as it is; creates that may exist against what exists."""
        moved = [item for item in items if isinstance(item, Modify) and not item.partner.version]
        found = await self._target.read(mapping, [item.partner.id for item in moved]) if moved else {}
        await self._without_late(
            mapping, {item.coupling.bc.id: row for item in moved if (row := found.get(item.partner.id))}
        )
        partners = await self._creation.find(mapping, [item for item in items if isinstance(item, Create)])
        steps: list[Decision] = []
        for item in items:
            if isinstance(item, Create):
                row = partners.get(item.change.key)
                steps.append(in_place(item, adopted(item, row, lookups) if row else await self._missed(item, lookups)))
            elif isinstance(item, Delete) or item.partner.version:
                steps.append(item)
            elif item.partner.id in found:
                steps.append(in_place(item, resolve(item, found[item.partner.id])))
            else:
                steps.append(in_place(item, await self._gone(item, lookups)))
        return steps

    async def _without_late(self, mapping: TableMapping, partners: Mapping[str, Row]) -> None:
        """Overtaken where a late write of ours may have moved the partner: all is looked at anew, as after a kill.

        `partners`: as they are now, by the BC id of the pair.
        """
        begun = await self._memory.changes_begun(mapping.name, partners) if partners else {}
        for pair, pending in begun.items():
            now = rows.half(mapping, self._side, partners[pair]).version
            if any(one.late and one.side is self._side and one.under != now for one in pending):
                raise Overtaken

    async def _missed(self, item: Create, lookups: Lookups) -> Decision:
        """It was looked for, if it was to be, and nothing is there that is known for its partner."""
        if item.taken and is_newer(item):
            return replace(item, sent=None, look=False, taken=False)
        if item.taken:
            return await self._existing.resolved(item, lookups)
        # Where nothing of an earlier try is there, or can come any more, what the record is now is sent.
        sent = None if item.look and not self._lateness.may_still_come(item, self._now()) else item.sent
        return replace(item, look=self._may_come(item), looked=item.looked or item.look, sent=sent)

    def _may_come(self, item: Create) -> bool:
        """Is it not to be sent again yet? Elsewhere the number, or the id, is refused a second time."""
        return is_blind(item) and self._lateness.may_still_come(item, self._now())

    async def _answered(self, item: Item, answer: Answer, lookups: Lookups, errors: list[ApiError]) -> Decision:
        try:
            return in_place(item, await self._after(item, answer, lookups, errors))
        except CoupledError:
            raise
        except Exception as error:  # promise 7: one bad record never stops the others
            return _crashed(item, error)

    async def _after(self, item: Item, answer: Answer, lookups: Lookups, errors: list[ApiError]) -> Decision:
        """The next step of an item after its write was answered."""
        if isinstance(answer, ApiError) and answer.transient:
            errors.append(answer)
            return lost(again(item, answer), answer, self._now())
        if isinstance(item, Delete):
            return deleted(item, answer)
        if isinstance(answer, Written):
            return created(item, answer) if isinstance(item, Create) else modified(item, answer)
        if isinstance(item, Create):
            if is_duplicate(self._side, answer):
                return await self._existing.taken(item)
            return not_created(item, answer)
        if is_missing(self._side, answer, item.partner.id):
            return await self._gone(item, lookups)
        if is_stale(self._side, answer):
            return unknown_version(item)
        return replace(failed(item, answer), refused=item.left_nothing)

    async def _gone(self, item: Modify, lookups: Lookups) -> Decision:
        """The partner was deleted: what the mapping says of it (business-central-sync 3.7)."""
        step = found_gone(item, lookups)
        if isinstance(step, Create):
            (prepared,) = await self._creation.prepare(item.mapping, [step])
            return prepared
        return step


def _left_to_cause(item: Create, certain: bool) -> Settled:
    """Our own record, come back. If it only may be ours, it is tried again by itself, should it turn out to be none."""
    end = Settled(item.change, item.mapping.name, Outcome.IGNORED)
    if certain:
        return end
    return replace(end, outcome=Outcome.FAILED, problem=problems.perhaps_ours(item.change.side), transient=True)


def _crashed(item: Item, error: Exception) -> Decision:
    _log.exception("push_failed", mapping=item.mapping.name, key=item.change.key)
    end = Settled(item.change, item.mapping.name, Outcome.FAILED, problem=problems.crash(error))
    return in_place(item, end if isinstance(item, Create) else replace(end, partner=item.partner.id))
