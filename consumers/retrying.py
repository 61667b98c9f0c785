"""Failed records are carried again: as they are, or with one side's values; what hits nothing is refused."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from consumers.named import is_id, some_of
from consumers.pairing import check_use
from schemas.command import Retry
from schemas.errors import Refused
from schemas.mapping import Mappings
from schemas.side import Side
from schemas.use import Use


class Failures(Protocol):
    async def retry(
        self, mappings: Iterable[str], records: Iterable[str] | None = None, causes: Iterable[str] | None = None
    ) -> int:
        """They are due at once; how many."""

    async def touched(self, mappings: Iterable[str], records: Iterable[str] | None, since: datetime) -> bool:
        """Has one of the mappings (of these records, by either id) failed, or ended well after it, since then?"""

    async def hitting(self, mappings: Iterable[str], causes: Iterable[str]) -> Collection[str]:
        """Those of the mappings in which records fail for these causes now."""


class Pairs(Protocol):
    """`consumers.pairing.Pairing`. Refused if it cannot be."""

    async def ids(self, names: Sequence[str], records: Sequence[str]) -> Sequence[str]:
        """Of both sides, what these ids, numbers, codes or texts name in the mappings."""

    async def carry(self, names: Sequence[str], records: Sequence[str], winner: Side) -> None: ...


class Retrying:
    """Every method is safe to repeat (promise 8)."""

    def __init__(self, mappings: Mappings, failures: Failures, pairs: Pairs) -> None:
        self._mappings = mappings
        self._failures = failures
        self._pairs = pairs

    async def retry(self, command: Retry, names: Sequence[str], received: datetime) -> None:
        """At once. Refused if it names records or causes, and hits none."""
        if command.mappings is None:
            _check_ids(command.records or ())
        if command.use is None:
            await self._again(command, names, received)
        elif command.records:
            await self._pairs.carry(names, command.records, command.use)
        else:
            raise Refused("nothing-chosen", "Which records are to take the other side's values?", "Name the records.")

    async def _again(self, command: Retry, names: Sequence[str], received: datetime) -> None:
        if command.records is not None and not command.records:
            raise Refused("nothing-chosen", "Which records are to be carried again?", "Name the records.")
        records = None if command.records is None else await self._pairs.ids(names, command.records)
        hit = await self._failures.retry(names, records, command.causes)
        if hit or (records is None and command.causes is None):
            return
        # Taken again after a kill: what the first time has woken may have been carried since, and fail no more.
        if await self._failures.touched(names, records, received):
            return
        raise _not_failing(command.records) if command.records else _no_cause()

    async def hit(self, names: Sequence[str], causes: Sequence[str]) -> list[str]:
        """The mappings that these causes are of."""
        hit = await self._failures.hitting(names, causes)
        if not hit:
            raise _no_cause()
        return [name for name in names if name in hit]

    async def carrying(self, command: Retry, names: Sequence[str], winner: Side) -> Retry:
        """The command, with the mappings in which all records of its causes take one side's values."""
        if command.records is not None:
            hint = "Send one command for the records, and one for the causes."
            raise Refused("choice-ambiguous", "Values are carried for records, or for causes, not for both.", hint)
        hit = await self.hit(names, command.causes or ())
        for name in hit:
            check_use(self._mappings[name], Use(winner.value))
        return command.model_copy(update={"mappings": hit})


def _check_ids(records: Sequence[str]) -> None:
    """10000 is a customer, a vendor and much else."""
    if other := [one for one in records if not is_id(one)]:
        raise Refused(
            "record-id-invalid",
            f"{other[0]!r} is not the id of a record, and what else it names is known within a mapping only.",
            f"Name the mapping too: `coupled retry CUSTOMER --record {other[0]}`. Or name the record by its id.",
        )


def _not_failing(records: Sequence[str]) -> Refused:
    return Refused(
        "record-not-failing",
        f"Of the records that are named none fails now: {some_of(records)}.",
        "`coupled errors --all` lists what fails; `coupled sync NAME --record ID` carries a record that does not.",
    )


def _no_cause() -> Refused:
    return Refused(
        "cause-unknown", "No record fails for this cause now.", "`coupled errors` tells the causes of what fails now."
    )
