"""Why a record is, or is not, in step: what `coupled explain`, `/api/pairs` and the console's page of one pair tell."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.errors import Problem
from schemas.outcome import Outcome
from schemas.side import Direction, Side


class Why(StrEnum):
    """The reason that counts first.

    on_its_way: nothing keeps it from being carried. one_way: it was changed where it does not travel from.
    not_carried: neither side has changed it since both last agreed, so no change carries it. blank: it went across
    without a record that it names. The others are what stands in the way of a change, or of a partner.
    """

    CONFLICT = "conflict"
    SKIPPED = "skipped"
    FAILED = "failed"
    GONE = "gone"
    PAUSED = "paused"
    OUT_OF_FILTER = "out_of_filter"
    ONLY_COUPLED = "only_coupled"
    LEFT_OUT = "left_out"
    NOT_LIVE = "not_live"
    ONE_WAY = "one_way"
    NOT_CARRIED = "not_carried"
    WAITING = "waiting"
    RETRYING = "retrying"
    BLANK = "blank"
    ON_ITS_WAY = "on_its_way"
    IN_STEP = "in_step"


@dataclass(frozen=True, slots=True)
class Held:
    """One side of it. `name` is how people call the record; `id` None: there is no record that we know of. `there`: it
    exists now. `in_filter` None: it does not exist. `version` is its etag now, `known_version` the one last seen or
    written by us; each empty where there is none.
    """

    table: str
    id: str | None
    name: str = ""
    there: bool = False
    in_filter: bool | None = None
    filter: str = ""
    version: str = ""
    known_version: str = ""

    @property
    def written_since(self) -> bool:
        """Somebody has written it since we last saw or wrote it, though perhaps no field of the mapping."""
        return bool(self.version and self.known_version) and self.version != self.known_version


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field of the mapping: both values now, and what both last agreed on, by field name.

    `travels` None: at creation only. `changed`: the sides that hold something else than what was agreed on. `wins`:
    whose value is taken, should what differs be carried or repaired; None if it does not differ, or is a conflict.
    `names`: how people call what a value names by its id.
    """

    field: str
    travels: Direction | None
    bc: Mapping[str, Any]
    sales: Mapping[str, Any]
    agreed_bc: Mapping[str, Any]
    agreed_sales: Mapping[str, Any]
    changed: Sequence[Side] = ()
    differs: bool = False
    wins: Side | None = None
    says: str = ""
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Would:
    """What would be done about a side's record, were it read now and the mapping at work: create, modify, nothing,
    fail, conflict or ignore; `fields` is what would be written to the other side.
    """

    direction: Direction
    does: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    says: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The last failure of the record in a direction; open unless `resolved_at`. `again_at`: when it is carried again by
    itself, if it is.
    """

    direction: Direction
    state: str
    problem: Problem
    attempts: int
    first_at: datetime
    last_at: datetime
    again_at: datetime | None = None
    resolved_at: datetime | None = None
    job: int | None = None

    @property
    def open(self) -> bool:
        return self.resolved_at is None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that became of the pair. `wrote` are the partner's fields that were written, where it was modified;
    `overruled` the values that are nowhere any more, by the names of the side that `direction` leads to: written over,
    if `wrote` has the name, else kept back by an edit there. `job`: the one that carried it, None for a live change."""

    at: datetime
    direction: Direction
    outcome: Outcome
    bc_id: str | None
    sales_id: str | None
    wrote: Sequence[str] = ()
    overruled: Mapping[str, Any] = field(default_factory=dict)
    job: int | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All there is to say of one record under one mapping. `says` is one sentence, `next` what to do, if anything.

    `coupled_at` None: it is not coupled. `synchronised_at`: when its coupling was last written. `history`: what changed
    either side or the coupling, the newest first; of failures the last of each direction.
    """

    mapping: str
    direction: Direction
    in_step: bool
    why: Why
    says: str
    next: str
    bc: Held
    sales: Held
    coupled_at: datetime | None
    synchronised_at: datetime | None
    paused: bool
    paused_at: datetime | None
    live: bool
    only_coupled: bool
    fields: Sequence[FieldRow] = ()
    would: Sequence[Would] = ()
    failures: Sequence[Trouble] = ()
    history: Sequence[Event] = ()

    def side(self, side: Side) -> Held:
        return self.bc if side is Side.BC else self.sales

    @property
    def name(self) -> str:
        """How people call it."""
        return self.bc.name or self.sales.name or self.bc.id or self.sales.id or ""
