"""Creating a partner so that a crash at any moment leaves exactly one (promise 2).

Sales: the BC record's id is the new row's id, so a second try finds the first. BC chooses ids itself, so the values to
be sent, our own number among them, are stored as an intent before they are sent, and looked for after a crash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from consumers.answered import Item, is_fresh
from consumers.decide import Create, Decision
from consumers.existing import generated, numbered, uncoupled
from consumers.lost import sent
from consumers.matching import keys, take_up
from consumers.opened import is_open, kept, unagreed
from consumers.own_work import agreed, came_of, probes, taken_for_own
from consumers.ports import NO_TOPIC, Memory, Row, Target
from schemas import rows
from schemas.change import Change
from schemas.coupling import Half
from schemas.errors import ApiError
from schemas.field_mapping import FieldRule
from schemas.mapping import TableMapping
from schemas.outcome import Begun, Intent, Outcome, Settled
from schemas.side import Side


class Creation:
    """Everything about creating on one side that is more than the write itself."""

    def __init__(self, target: Target, memory: Memory, side: Side) -> None:
        self._target = target
        self._memory = memory
        self._side = side

    async def prepare(self, mapping: TableMapping, items: Sequence[Item]) -> list[Item]:
        """Before the first write: what may exist already is looked for; BC creates get numbers."""
        creates = [item for item in items if isinstance(item, Create)]
        if not creates:
            return list(items)
        prepared = {item.change.key: replace(_with_template(item), look=mapping.couple_existing) for item in creates}
        tried = self._numbered if self._side is Side.BC else self._tried
        prepared = await tried(mapping, prepared)
        return [prepared[item.change.key] if isinstance(item, Create) else item for item in items]

    async def _tried(self, mapping: TableMapping, creates: Mapping[str, Create]) -> dict[str, Create]:
        """Those that Sales was asked to create before, of unknown fate, with what was sent."""
        begun = await self._begun_in_sales(mapping, [key for key, one in creates.items() if is_fresh(one)])
        again = {
            key: replace(creates[key], sent=one.sent, tried=True, lost_at=one.lost_at) for key, one in begun.items()
        }
        return {**creates, **again}

    async def _begun_in_sales(self, mapping: TableMapping, keys: Sequence[str]) -> dict[str, Begun]:
        begun = await self._memory.changes_begun(mapping.name, keys) if keys else {}
        return {key: last for key, (*_, last) in begun.items() if last.side is Side.SALES}

    async def _numbered(self, mapping: TableMapping, creates: Mapping[str, Create]) -> dict[str, Create]:
        begun = await self._memory.intents(mapping.name, creates)
        rule = generated(mapping, list(creates.values()))
        prepared = {key: _begun(item, begun[key], rule) if key in begun else item for key, item in creates.items()}
        fresh = [item for item in prepared.values() if not item.tried]
        if rule and fresh:
            first = await self._memory.numbers(mapping.name, len(fresh))
            fresh = [numbered(item, rule, first + offset) for offset, item in enumerate(fresh)]
            prepared |= {item.change.key: item for item in fresh}
        return prepared

    async def intend(self, items: Sequence[Item], now: datetime) -> list[Item]:
        """Before each write, what BC is asked to create is written down in place of an earlier try; what Sales is asked
        to create again, in the coupling that it is to take over.

        A kill loses the answer, so until one is noted the creation counts as lost at this moment.
        """
        creates = [item for item in items if isinstance(item, Create)]
        if self._side is Side.BC:
            await self._memory.intend([sent(item, now) for item in creates])
        elif restored := [unagreed(one) for item in creates if (one := item.replaces) and not is_open(one)]:
            await self._memory.record(kept(restored), NO_TOPIC)
        return [replace(item, sent_at=now) if isinstance(item, Create) else item for item in items]

    async def echoes(self, mapping: TableMapping, creates: Sequence[Create], now: datetime) -> dict[str, bool]:
        """Of these records, the ones we created ourselves: Sales' bear the id of a BC record, BC's what was intended.
        False: it may be one of them, if somebody has edited it since.

        A kill came before the coupling was recorded. The change that caused them is delivered again, and couples them.
        """
        if not creates:
            return {}
        if self._side is Side.BC:
            own = await self._own(mapping, creates)
            coupled = await self._memory.couplings([mapping.name], self._side, own)
            return {key: True for key in own if is_open(coupled.get((mapping.name, key)))}
        begun = await self._memory.open_intents(mapping.name)
        told = {item.change.key: {came_of(one, item, now) for one in begun} for item in creates}
        return {key: True in found for key, found in told.items() if found & {True, False}}

    async def left(self, mapping: TableMapping, deletions: Sequence[Change]) -> dict[str, Half]:
        """The partners, by the source's id, that a try whose record never came has made for records that are gone now,
        as of the moment they were made. Those in BC are known by the intent, those in Sales by the id. One that may
        have been there before is none."""
        gone = {one.key: Create(one, mapping, Half(one.key), {}) for one in deletions}
        if self._side is Side.SALES:
            found = await self._own(mapping, list(gone.values())) if gone else {}
            free = await uncoupled(self._memory, mapping, self._side, found.values()) if found else {}
            sent = await self._begun_in_sales(mapping, list(free))
            return {key: self._then(mapping, row, sent[key].sent if key in sent else {}) for key, row in free.items()}
        begun = await self._memory.intents(mapping.name, gone) if gone else {}
        made = {key: one for key, one in begun.items() if one.fields and not (one.bc_id and mapping.couple_existing)}
        own = await self._own_in_bc(mapping, [_begun(gone[key], one, None) for key, one in made.items()])
        return {key: self._then(mapping, row, made[key].fields) for key, row in own.items()}

    def _then(self, mapping: TableMapping, row: Row, sent: Mapping[str, Any]) -> Half:
        now = rows.half(mapping, self._side, row)
        return agreed(mapping, self._side, now, sent) if sent else now

    async def find(self, mapping: TableMapping, creates: Sequence[Create]) -> dict[str, Row]:
        """The partners that exist already, by the source's id, for the creates that want a look."""
        wanted = [item for item in creates if item.look]
        if not wanted:
            return {}
        found = await (self._own_in_bc(mapping, wanted) if self._side is Side.BC else self._own(mapping, wanted))
        if mapping.couple_existing:
            rest = [item for item in wanted if item.change.key not in found and not item.looked]
            taken = {rows.record_id(mapping.table(self._side), row) for row in found.values()}
            found |= await self._matching(mapping, rest, taken)
        return found

    async def _own(self, mapping: TableMapping, creates: Sequence[Create]) -> dict[str, Row]:
        return dict(await self._target.read(mapping, [item.change.key for item in creates]))

    async def _own_in_bc(self, mapping: TableMapping, creates: Sequence[Create]) -> dict[str, Row]:
        """Rows that an intent names, or that carry what it says was sent, and that no coupling has."""
        named = await self._named_in_bc(mapping, creates)
        return named | await self._borne_in_bc(mapping, [item for item in creates if item.change.key not in named])

    async def _named_in_bc(self, mapping: TableMapping, creates: Sequence[Create]) -> dict[str, Row]:
        began = {item.began: item.change.key for item in creates if item.began}
        found = await self._target.read(mapping, list(began)) if began else {}
        free = await uncoupled(self._memory, mapping, self._side, found.values()) if found else {}
        return {began[key]: row for key, row in free.items()}

    async def _borne_in_bc(self, mapping: TableMapping, creates: Sequence[Create]) -> dict[str, Row]:
        sought: dict[str, list[Any]] = {}
        for item in creates:
            for field in probes(mapping, item.traces):
                sought.setdefault(field, []).append(item.traces[field])
        found = [row for field, values in sought.items() for row in await self._target.find(mapping, field, values)]
        free = await uncoupled(self._memory, mapping, self._side, found) if found else {}
        halves = [rows.half(mapping, self._side, row) for row in free.values()]
        return {key: free[partner] for key, partner in taken_for_own(creates, halves).items()}

    async def _matching(self, mapping: TableMapping, creates: Sequence[Create], taken: set[str]) -> dict[str, Row]:
        """Uncoupled rows that are the same thing by the mapping's match groups, if there is exactly one."""
        side = self._side
        known = {item.change.key: keys(mapping, side.other, item.change.after or {}) for item in creates}
        found: list[Row] = []
        for group, (bc, sales, fold) in enumerate(pairs[0] for pairs in mapping.match_on):
            mine, theirs = (bc, sales) if side is Side.SALES else (sales, bc)
            wanted = [item for item in creates if known[item.change.key][group] is not None]
            sought = [_sought(item, mine, theirs) for item in wanted]
            if sought:
                found += await self._target.find(mapping, theirs, sought, ignore_case=fold)
        free = {
            key: row
            for key, row in (await uncoupled(self._memory, mapping, self._side, found)).items()
            if key not in taken
        }
        taken_up = take_up(known, {key: keys(mapping, side, row) for key, row in free.items()})
        return {key: free[partner] for key, partner in taken_up.items()}

    async def complete(self, mapping: TableMapping, steps: Sequence[Decision]) -> list[Decision]:
        """New couplings get the references that only child rows tell."""
        table = mapping.table(self._side)
        new = {step.partner: step.coupling for step in steps if _is_new(step) and isinstance(step, Settled)}
        if not table.references or not new:
            return list(steps)
        try:
            found = await self._target.references(table, [key for key in new if key])
        except ApiError as error:
            if error.transient:
                raise  # the whole batch is taken again, and finds these records created
            found = {}
        return [self._completed(step, found) if _is_new(step) else step for step in steps]

    def _completed(self, step: Decision, found: Mapping[str, Mapping[str, str]]) -> Decision:
        if not isinstance(step, Settled) or step.coupling is None:
            return step
        half = step.coupling.half(self._side)
        whole = replace(half, references={**half.references, **found.get(half.id, {})})
        return replace(step, coupling=step.coupling.with_half(self._side, whole))


def _with_template(item: Create) -> Create:
    """The values of the insert template overwrite mapped ones (business-central-sync 2.1); a blank one sets nothing."""
    template = item.mapping.template(item.change.side.other, item.change.after or {})
    if template is None:
        return item
    return replace(item, fields={n: v for n, v in {**item.fields, **template.values}.items() if v is not None})


def _is_new(step: Decision) -> bool:
    return isinstance(step, Settled) and step.outcome in (Outcome.INSERTED, Outcome.COUPLED) and bool(step.coupling)


def _begun(item: Create, intent: Intent, rule: FieldRule | None) -> Create:
    """An earlier try, of unknown fate: its traces to look for, and its number to be used again.

    Where a partner was found, none was created, and nothing sent that another record could bear.
    """
    again = replace(item, look=True, began=intent.bc_id)
    if not intent.fields:
        return again
    number = {name: intent.fields[name] for name in (rule.bc if rule else ()) if name in intent.fields}
    again = replace(again, fields={**item.fields, **number}, sent=intent.fields, tried=True)
    return replace(again, lost_at=intent.lost_at, sent_at=intent.sent_at)


def _sought(item: Create, mine: str, theirs: str) -> Any:
    """What the other side's field holds if it is the same record: what would be written, or our own value."""
    if item.fields.get(theirs) is not None:
        return item.fields[theirs]
    return rows.value(item.mapping, item.change.side, item.change.after or {}, mine)
