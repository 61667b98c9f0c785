"""Two sides and a memory, in memory: strict about versions, ids and 1:1, as the real ones are.

A user edits through `put`, `edit` and `remove`; the rules write through the `Target` protocol. Faults are scripted by
record: `side.fail(key, error)` refuses the next write of it, `applied=True` carries it out and loses the answer.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from consumers.ports import Applied, Overtaken
from schemas import dataverse, rows
from schemas.change import Change, Op, Version
from schemas.coupling import Coupling, Lookups, Reference
from schemas.errors import ApiError, Problem
from schemas.flags import Flags
from schemas.mapping import Table, TableMapping
from schemas.outcome import Begun, Intent, Outcome, Settled
from schemas.side import Side
from schemas.write import Answer, Write, Written

Row = dict[str, Any]
ANY = "*"
_FAILING = (Outcome.FAILED, Outcome.CONFLICT)
LOST = ApiError(0, "no-answer", "the answer was lost")
BUSY = ApiError(503, "", "come back later")
THROTTLED = ApiError(429, "", "too many requests")
BROKEN = ApiError(400, "broken", "the record is broken")

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_SERIAL = count(1)
_SUFFIX = {Side.BC: "0000000000bc", Side.SALES: "00000000cafe"}
_STALE = {Side.BC: (409, "Request_EntityChanged"), Side.SALES: (412, "0x80060882")}
_DUPLICATE = {Side.BC: (400, "Internal_EntityWithSameKeyExists"), Side.SALES: (412, "0x80060892")}
_MISSING = {Side.BC: (404, "Internal_RecordNotFound"), Side.SALES: (404, "0x80040217")}


class Killed(BaseException):
    """The process ends here: nothing of ours catches it."""


class FakeSide:
    """One service with one version counter: every write moves it, as etag, sequence and time of change."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.tables: dict[str, dict[str, Row]] = defaultdict(dict)
        self.writes: list[Write] = []
        self.reads = 0
        self.now = 0
        self.hours = 0  # that have passed
        self._faults: dict[str, list[tuple[ApiError | Killed, bool]]] = defaultdict(list)
        self.slow = False  # a write that is not answered may be carried out later (`arrive`)
        self.under_way: list[Write] = []
        self.before_write: Callable[[], object] = lambda: None
        self.after_fault: Callable[[], object] = lambda: None
        self.read_faults: list[ApiError] = []
        self.stores: Callable[[Row], Row] = dict  # what the side makes of a row it is given

    def put(self, table: Table, **fields: Any) -> str:
        """A user's new record; its id."""
        key = str(fields.pop("id", "")) or f"{next(_SERIAL):08d}-0000-4000-8000-{_SUFFIX[self.side]}"
        self.tables[table.name][key] = self._stamped({table.id: key, **fields})
        return key

    def edit(self, table: Table, key: str, **fields: Any) -> None:
        self.tables[table.name][key] = self._stamped({**self.tables[table.name][key], **fields})

    def remove(self, table: Table, key: str) -> None:
        del self.tables[table.name][key]

    def row(self, table: Table, key: str) -> Row:
        return self.tables[table.name][key]

    def change(self, table: Table, key: str, job: tuple[int, str] | None = None) -> Change:
        """What capture (or a sweep) would publish of the record as it is now."""
        if key not in self.tables[table.name]:
            return rows.deletion(table, key, self.now)
        return rows.change(table, self.tables[table.name][key], Op.READ if job else Op.UPDATE, self.now, job)

    def fail(self, key: str, error: ApiError | Killed, times: int = 1, *, applied: bool = False) -> None:
        """The next writes of this record (for a create in BC: of any, `ANY`) end in `error`."""
        self._faults[key] += [(error, applied)] * times

    def arrive(self) -> None:
        """What nobody waits for any more is carried out now, if that still may be: the oldest first."""
        while self.under_way:
            self._carried_out(self.under_way.pop(0))

    def _stamped(self, row: Row) -> Row:
        self.now += 1
        stamp = f"{NOON + timedelta(hours=self.hours, seconds=self.now):%Y-%m-%dT%H:%M:%SZ}"
        time = "lastModifiedDateTime" if self.side is Side.BC else "modifiedon"
        return {**self.stores(row), "@odata.etag": f'W/"{self.now}"', time: stamp}

    async def write(self, writes: Sequence[Write]) -> Sequence[Answer]:
        self.before_write()
        return [self._written(write) for write in writes]

    def _written(self, write: Write) -> Answer:
        assert write.fields or write.creates or write.deletes, "a write without fields is no write"
        assert write.version != "", "a change must say which version it changes"
        assert bool(write.id) or (write.creates and self.side is Side.BC), "only BC chooses ids"
        self.writes.append(write)
        faults = self._faults.get(write.id or ANY) or self._faults.get(ANY)
        error, applied = faults.pop(0) if faults else (None, True)
        if error is not None and not applied and self.slow:
            self.under_way.append(write)
        if isinstance(error, Killed):
            raise error
        answer = self._carried_out(write) if applied else None
        if error:
            self.after_fault()
        return error or answer or BUSY

    def _carried_out(self, write: Write) -> Answer:
        table, held = write.mapping.table(self.side), self.tables[write.mapping.table(self.side).name]
        body = self._columns(write.mapping, rows.body(write.mapping, self.side, write.fields, write.blanks))
        if write.creates:
            taken = table.key and any(row.get(table.key) == body.get(table.key, 0) for row in held.values())
            if write.id in held or taken:
                return self._error(_DUPLICATE, write.id)
            names = write.mapping.mapped(self.side)
            columns = names if self.side is Side.BC else [dataverse.column(write.mapping, name) for name in names]
            blank = dict.fromkeys(columns, "" if self.side is Side.BC else None)
            key = self.put(table, **{**blank, **body}, **({"id": write.id} if write.id else {}))
            return Written(held[key])
        if write.id not in held:
            return self._error(_MISSING, write.id)
        if held[write.id]["@odata.etag"] != write.version:
            return self._error(_STALE, write.id)
        if write.deletes:
            self.remove(table, write.id)
            return Written({})
        self.edit(table, write.id, **body)
        return Written(held[write.id])

    def _columns(self, mapping: TableMapping, body: Mapping[str, Any]) -> Row:
        """A bound lookup is read as `_x_value`."""
        if self.side is Side.BC:
            return dict(body)
        navigations = {rule.bind.split("/")[0]: f"_{rule.sales[0]}_value" for rule in mapping.fields if rule.bind}
        found: Row = {}
        for name, value in body.items():
            navigation, bound, _ = name.partition("@odata.bind")
            found[navigations[navigation] if bound else name] = (
                value[value.index("(") + 1 : -1] if bound and value else value
            )
        return found

    def _error(self, kind: Mapping[Side, tuple[int, str]], key: str) -> ApiError:
        status, code = kind[self.side]
        return ApiError(status, code, f"record {key}: {code}")

    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]:
        self._reading()
        held = self.tables[mapping.table(self.side).name]
        return {key: held[key] for key in ids if key in held}

    async def find(
        self, mapping: TableMapping, field: str, values: Sequence[Any], *, ignore_case: bool = False
    ) -> Sequence[Row]:
        self._reading()
        wanted = {_folded(value, ignore_case) for value in values}
        held = self.tables[mapping.table(self.side).name].values()
        return [row for row in held if _folded(row.get(field), ignore_case) in wanted]

    async def references(self, table: Table, ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        self._reading()
        return {key: {one.name: f"{one.name} of {key}" for one in table.references} for key in ids}

    def _reading(self) -> None:
        self.reads += 1
        if self.read_faults:
            raise self.read_faults.pop(0)


def _folded(value: Any, fold: bool) -> Any:
    return value.casefold() if fold and isinstance(value, str) else value


class FakeMemory:
    """The store: couplings strictly 1:1, one record per batch, numbers never drawn twice.

    `fail_record` is raised by the next records (None: that one goes through); `unstorable` names the keys that no store
    can hold. `before_record` is what another worker does before the next record.
    """

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Coupling] = {}
        self.progress: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        self.settled: list[Settled] = []
        self.owed: dict[tuple[str, str], tuple[Reference, ...]] = {}
        self.missed: dict[int, int] = {}
        self.left_alone: set[str] = set()
        self.begun: dict[tuple[str, str], Intent] = {}
        self.changing: dict[tuple[str, str], Begun] = {}
        self.late: dict[tuple[str, str], list[Begun]] = {}
        self.only_coupled: dict[str, bool] = {}
        self.paused: set[str] = set()
        self.drawn: dict[str, int] = defaultdict(int)
        self.fail_record: list[BaseException | None] = []
        self.unstorable: set[str] = set()
        self.before_record: list[Callable[[], object]] = []
        self.turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def couple(self, *couplings: Coupling) -> None:
        self.kept |= {(one.mapping, one.bc.id): one for one in couplings}

    def coupling(self, side: Side, key: str) -> Coupling:
        return next(one for one in self.kept.values() if one.half(side).id == key)

    @property
    def outcomes(self) -> list[Outcome]:
        return [one.outcome for one in self.settled]

    def turn(self, mapping: str) -> asyncio.Lock:
        return self.turns[mapping]

    async def applied(self, topic: str, log_id: str) -> Applied:
        return Applied(topic, log_id, dict(self.progress[topic, log_id]))

    async def flags(self, mappings: Sequence[TableMapping]) -> Mapping[str, Flags]:
        return {
            one.name: Flags(self.only_coupled.get(one.name, one.only_coupled), one.name in self.paused)
            for one in mappings
        }

    async def couplings(
        self, mappings: Iterable[str], side: Side, ids: Iterable[str]
    ) -> Mapping[tuple[str, str], Coupling]:
        wanted = {(name, key) for name in mappings for key in ids}
        found = {(one.mapping, one.half(side).id): one for one in self.kept.values()}
        return {key: one for key, one in found.items() if key in wanted}

    async def lookups(self, wanted: Iterable[Reference]) -> Lookups:
        found: dict[Reference, Mapping[str, Any]] = {}
        for one in wanted:
            for coupling in self.kept.values():
                mine, theirs = coupling.half(one.side), coupling.half(one.side.other)
                names = {"id": mine.id, **mine.references}
                if coupling.mapping != one.mapping or names.get(one.name) != one.value:
                    continue
                if one.field:
                    found[one] = {name: value for name, value in mine.base.items() if name == one.field}
                else:
                    found[one] = {"id": theirs.id, **theirs.references}
        return found

    async def intents(self, mapping: str, sales_ids: Iterable[str]) -> Mapping[str, Intent]:
        return {key: self.begun[mapping, key] for key in sales_ids if (mapping, key) in self.begun}

    async def skipped(self, mapping: str, side: Side, ids: Iterable[str] | None = None) -> frozenset[str]:
        return frozenset(self.left_alone)

    async def ended(self, mapping: str, side: Side, ids: Iterable[str]) -> Mapping[str, datetime]:
        ends = (Outcome.DELETED, Outcome.UNCOUPLED)
        ended = (one for one in self.settled if one.mapping == mapping and one.outcome in ends)
        over = {key for one in ended if (key := one.ids()[side is Side.SALES])}
        return dict.fromkeys(over & set(ids), datetime(9000, 1, 1, tzinfo=UTC))  # after whatever is read

    async def failed(self, mapping: str, side: Side, ids: Iterable[str]) -> Mapping[str, Version]:
        mine = (one for one in self.settled if (one.mapping, one.change.side) == (mapping, side))
        last = {one.change.key: one for one in mine if one.outcome is not Outcome.IGNORED}
        failing = (last[key].change for key in ids if key in last and last[key].outcome in _FAILING)
        return {one.key: Version(one.version, one.sequence) for one in failing}

    async def open_intents(self, mapping: str) -> Sequence[Intent]:
        return [intent for (name, _), intent in self.begun.items() if name == mapping]

    async def intend(self, intents: Sequence[Intent]) -> None:
        self.begun |= {(one.mapping, one.sales_id): one for one in intents}

    async def name_partners(self, partners: Mapping[tuple[str, str], str]) -> None:
        for (mapping, key), bc_id in partners.items():
            known = self.begun.get((mapping, key), Intent(mapping, key, {}))
            self.begun[mapping, key] = replace(known, bc_id=bc_id)

    async def begin(self, changes: Sequence[Begun]) -> None:
        self.changing |= {(one.mapping, one.bc_id): one for one in changes}

    async def recover(self, couplings: Sequence[Coupling], late: Sequence[Begun]) -> None:
        for one in couplings:
            pair = (one.mapping, one.bc.id)
            if self.changing.pop(pair, None) or pair in self.late:
                self.kept[pair] = one
                self.late.pop(pair, None)
                if kept := [replace(b, late=True) for b in late if (b.mapping, b.bc_id) == pair]:
                    self.late[pair] = kept

    async def withdraw(self, mapping: str, side: Side, key: str) -> None:
        (self.begun if side is Side.BC else self.changing).pop((mapping, key), None)

    async def changes_begun(self, mapping: str, bc_ids: Iterable[str]) -> Mapping[str, Sequence[Begun]]:
        keys = [(mapping, key) for key in bc_ids]
        found = {
            key[1]: [*self.late.get(key, ()), *([self.changing[key]] if key in self.changing else ())] for key in keys
        }
        return {key: begun for key, begun in found.items() if begun}

    async def numbers(self, sequence: str, count: int) -> int:
        self.drawn[sequence] += count
        return self.drawn[sequence] - count + 1

    async def record(self, settled: Sequence[Settled], applied: Applied) -> Sequence[Settled]:
        if self.before_record:
            self.before_record.pop(0)()
        if self.fail_record and (error := self.fail_record.pop(0)):
            raise error
        if self.unstorable & {one.change.key for one in settled}:
            raise ValueError("what is this?")
        held = self.progress[applied.topic, applied.log_id]
        if any(held.get(number, -1) != applied.since.get(number, -1) for number in applied.offsets):
            raise Overtaken
        final = [self._recorded(one) for one in settled]
        self.owed |= {(one.mapping, one.change.key): one.owed for one in final}
        held.update(applied.offsets)
        self.missed |= applied.missed
        self.settled += final
        return final

    def _recorded(self, one: Settled) -> Settled:
        if one.ends_intent:
            self.begun.pop((one.mapping, one.change.key), None)
        if one.ends_change:
            for key in (one.ids()[0], one.gone):
                self.changing.pop((one.mapping, key or ""), None)
        if one.moves_partner:
            pair = (one.mapping, one.ids()[0] or "")
            self.late[pair] = [b for b in self.late.pop(pair, ()) if b.side is one.change.side and not one.uncouple]
            if not self.late[pair]:
                del self.late[pair]
        if one.uncouple:
            held = self.coupling(one.change.side, one.change.key)
            del self.kept[one.mapping, held.bc.id]
        if one.coupling is None:
            return one
        bc, sales = one.coupling.bc.id, one.coupling.sales.id
        for held in self.kept.values():
            if held.mapping == one.mapping and (held.bc.id == bc) != (held.sales.id == sales):
                refused = Problem("already-coupled", "one of the two is coupled with another record")
                return replace(one, outcome=Outcome.FAILED, coupling=None, problem=refused)
        self.kept[one.mapping, bc] = one.coupling
        return one
