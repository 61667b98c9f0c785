"""The run a command asks for, and its jobs, pure (DESIGN 5)."""

from collections.abc import Sequence
from datetime import datetime

from consumers.named import is_id
from schemas.command import Command, FullSync, Match, Retry, Sync, Uncouple, Verify
from schemas.errors import Refused
from schemas.job import Run, RunKind, RunState
from schemas.mapping import Mappings
from schemas.side import Direction

Started = FullSync | Sync | Match | Uncouple | Verify | Retry
Jobs = Sequence[tuple[str, Direction]]
_KINDS = {
    FullSync: RunKind.FULL,
    Sync: RunKind.MODIFIED,
    Match: RunKind.MATCH,
    Uncouple: RunKind.UNCOUPLE,
    Verify: RunKind.VERIFY,
    Retry: RunKind.CARRY,
}
# Those that take both directions of a mapping as one job.
_WHOLE = (RunKind.PREVIEW, RunKind.MATCH, RunKind.UNCOUPLE, RunKind.VERIFY)


def starts(command: Command) -> bool:
    """Is there a run for it? A retry is one where a side's values are carried for all records of causes, however many;
    else it is done at once."""
    if isinstance(command, Retry):
        return command.use is not None and command.causes is not None
    return isinstance(command, FullSync | Sync | Match | Uncouple | Verify)


def run_of(command: Started, mappings: Mappings, now: datetime, cleared: Sequence[str] = ()) -> tuple[Run, Jobs]:
    """Its id is the command's, so that there is one however often the command is delivered (promise 8)."""
    names = _names(command, mappings)
    foretold = isinstance(command, FullSync) and command.dry_run
    kind = RunKind.PREVIEW if foretold else _KINDS[type(command)]
    run = Run(
        id=command.id,
        kind=kind,
        state=RunState.ACCEPTED,
        mappings=tuple(names),
        cleared=tuple(cleared),
        answer=command.answer if isinstance(command, FullSync) else None,
        requested_by=command.requested_by,
        created=now,
        options=_options(command),
    )
    if isinstance(command, Retry) and command.use:
        return run, [(name, Direction.from_side(command.use)) for name in names]
    if kind in _WHOLE:
        return run, [(name, Direction.BOTH) for name in names]
    return run, one_way_jobs(mappings, names)


def one_way_jobs(mappings: Mappings, names: Sequence[str]) -> Jobs:
    """A job for each direction of each mapping, in order: BC → Sales first."""
    return [(mapping.name, way) for mapping in mappings.in_order(names) for way in mapping.direction.one_ways]


def catch_up(
    run_id: str, requested_by: str, mappings: Mappings, names: Sequence[str], now: datetime
) -> tuple[Run, Jobs]:
    """A sweep of whole mappings, by which changes went."""
    run = Run(run_id, RunKind.CATCH_UP, RunState.ACCEPTED, tuple(names), requested_by=requested_by, created=now)
    return run, one_way_jobs(mappings, names)


def _names(command: Started, mappings: Mappings) -> list[str]:
    if isinstance(command, Uncouple):
        return [one.name for one in mappings.uncoupled_with(command.mapping)]
    names = [mapping.name for mapping in mappings.in_order(command.mappings)]
    return _matching(names, command, mappings) if isinstance(command, Match) else names


def _matching(names: Sequence[str], command: Match, mappings: Mappings) -> list[str]:
    """A mapping without match_on is passed over, unless it was named (business-central-sync 5.3)."""
    able = [name for name in names if mappings[name].match_on]
    unable = [name for name in names if name not in able]
    if unable and (command.mappings or not able):
        raise Refused(
            "match-on-missing",
            f"The mapping {unable[0]} has no match_on, so nothing says which of its records are the same.",
            "Give it match_on in the mappings file: docs/mappings.md.",
        )
    return able


def _options(command: Started) -> dict[str, object]:
    match command:
        case Sync(records=list() as records):
            return {"records": _ids(records)}
        case Sync(all=True):
            return {"all": True}
        case Match():
            return {"create": command.create, "dry_run": command.dry_run, "use": command.use}
        case Verify():
            return {"repair": command.repair}
        case Uncouple():
            return {"mapping": command.mapping, **_uncoupled(command)}
        case Retry():
            return {"use": command.use, "causes": list(command.causes or ())}
        case _:
            return {}


def _uncoupled(command: Uncouple) -> dict[str, object]:
    """All, the named ones, or those of a cause: one of these."""
    if [command.all, bool(command.records), bool(command.causes)].count(True) != 1:
        hint = "Name records or causes, or say all."
        raise Refused("nothing-chosen", "Which records are to be uncoupled?", hint)
    if command.causes:
        return {"causes": list(command.causes)}
    return {} if command.all else {"records": _ids(command.records or ())}


def _ids(records: Sequence[str]) -> list[str]:
    if other := [one for one in records if not is_id(one)]:
        raise Refused(
            "record-id-invalid", f"{other[0]!r} is not the id of a record.", "`coupled couplings` lists the ids."
        )
    return list(dict.fromkeys(one.lower() for one in records))
