"""How a change ended: exactly one outcome each, so that published = sum of outcomes (DESIGN 2.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.change import Change, Op
from schemas.coupling import Coupling, Reference
from schemas.errors import Problem
from schemas.side import Direction, Side


class Outcome(StrEnum):
    INSERTED = "inserted"
    MODIFIED = "modified"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"
    CONFLICT = "conflict"
    COUPLED = "coupled"
    UNCOUPLED = "uncoupled"
    IGNORED = "ignored"


# The outcomes that leave either side, or the coupling, other than it was: they make the history of a pair.
LASTING = (Outcome.INSERTED, Outcome.MODIFIED, Outcome.DELETED, Outcome.COUPLED, Outcome.UNCOUPLED)


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of one change under one mapping, with what to store because of it.

    `coupling` is written as given (None: leave the store's as it is); `uncouple` removes the one the record had, before
    that.
    `partner` is the id on the other side, where known; `problem` says why it failed. `missed`: the mapping is paused,
    so resuming must catch up. `refused`: the side has refused the write, so nothing of it can be there.
    A failure is `transient` if the side may take the record later, or `waits_for` a partner that is not coupled yet;
    any other is permanent (promise 7).
    `gone`: the id on the other side of a record that no longer exists, so that nothing of it is left to carry.
    `owed`: the records that are not coupled yet, for want of which fields went through as blanks; `lacking`: those that
    are, and have not got the name or the field wanted of them yet. One that is ignored owes the record for want of
    which it takes no part.
    `told`: the record is put on its topic by hand, where no position remembers it, so that it is carried again later if
    that message is lost (promise 5).
    `superseded`: a newer version decides (promise 3); this one is counted, and says nothing about the record.
    `wrote`: the partner's fields that a change was written to. `overruled`: values that are nowhere any
    more, by the partner's names: of what was edited on both sides, that of the side that lost (business-central-sync
    3.6), and the partner's that were written over without ever having been agreed on. `clashing`: what a conflict is
    about, each pair of fields by a name that is the same whichever side's change tells it.
    """

    change: Change
    mapping: str
    outcome: Outcome
    coupling: Coupling | None = None
    uncouple: bool = False
    partner: str | None = None
    problem: Problem | None = None
    missed: bool = False
    refused: bool = False
    transient: bool = False
    waits_for: Reference | None = None
    gone: str | None = None
    owed: tuple[Reference, ...] = ()
    lacking: tuple[Reference, ...] = ()
    told: bool = False
    superseded: bool = False
    wrote: tuple[str, ...] = ()
    overruled: Mapping[str, object] = field(default_factory=dict)
    clashing: tuple[str, ...] = ()

    @property
    def direction(self) -> Direction:
        return self.change.direction

    @property
    def ends_intent(self) -> bool:
        """The creation in BC that was begun for this record is recorded, or will not be tried again: the side refused
        it, or the record is gone. What a lost try has left is then a record like any other (promise 2)."""
        if self.direction is not Direction.TO_BC or self.superseded:
            return False
        gone = self.change.op is Op.DELETE
        return gone or self.refused or self.outcome in (Outcome.INSERTED, Outcome.COUPLED)

    @property
    def ends_change(self) -> bool:
        """Is it known what became of a change that was begun: recorded, refused by the side, or the pair is gone, or
        the record that was to have a partner?"""
        recorded = self.coupling is not None and self.outcome not in (Outcome.FAILED, Outcome.CONFLICT)
        gone = self.change.op is Op.DELETE and self.partner is None
        return not self.superseded and (recorded or gone or self.uncouple or self.refused)

    @property
    def moves_partner(self) -> bool:
        """Has it another version now, or none? Whatever was sent to it before is refused then, however late it is."""
        return self.uncouple or (self.coupling is not None and self.outcome is Outcome.MODIFIED)

    def ids(self) -> tuple[str | None, str | None]:
        """(BC id, Sales id), None where unknown."""
        mine, theirs = self.change.key, self.partner
        return (mine, theirs) if self.change.side is Side.BC else (theirs, mine)


@dataclass(frozen=True, slots=True)
class Intent:
    """A BC record about to be created: written down first, so that a crash after the write finds its own work.

    `fields` are the BC values that will be sent, our chosen code among them (promise 2). `lost_at`: when it
    was sent, or was lost, if no answer is known, so that BC may still be at work. `sent_at`: when it was sent last.
    `bc_id`: the record that came of it, or is to be the partner, once we are about to change it: from then on it need
    not carry what was sent.
    """

    mapping: str
    sales_id: str
    fields: Mapping[str, object]
    lost_at: datetime | None = None
    bc_id: str = ""
    sent_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Begun:
    """A partner about to be changed, or created in Sales: written down first, so that our own write is known again
    after a crash.

    `side` is where it is written, `sent` what its half of the coupling will hold then, and `cause` what the other will,
    of which this is the `version` (promises 2 and 3). It is carried out only `under` this version of the partner.
    `lost_at`: when a creation was sent, or was lost, if no answer is known.
    `late`: it was looked for, and not there; as long as the partner keeps that version, it may still come.
    """

    mapping: str
    bc_id: str
    side: Side
    sent: Mapping[str, object]
    cause: Mapping[str, object]
    version: str = ""
    sequence: int = 0
    under: str = ""
    lost_at: datetime | None = None
    late: bool = False
