"""When people are told of what is wrong, and when that it is over: rules over what was seen, and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.alert_causes import Cause, Kind, Sight, Stand, causes

# How long a condition must not have been seen before it is over: what comes and goes is one cause, not many.
CALM = 300.0


@dataclass(frozen=True, slots=True)
class Rule:
    """`patience`: seconds for which it must be seen before anybody is told."""

    severity: str
    patience: float


RULES: Mapping[Kind, Rule] = {
    Kind.NOTHING_RAN: Rule("critical", 300),
    Kind.BEHIND: Rule("warning", 300),
    Kind.FAILURES: Rule("warning", 900),
    Kind.THROTTLED: Rule("warning", 1200),
    Kind.RUN_STALLED: Rule("warning", 600),
    Kind.CAPTURE_STALLED: Rule("critical", 300),
    Kind.WEBHOOKS: Rule("info", 900),
    Kind.ANSWER: Rule("warning", 900),
    Kind.PAUSED: Rule("info", 86_400),
    Kind.NOT_READY: Rule("warning", 600),
    Kind.CONFLICTS: Rule("info", 0),
    Kind.API_ERRORS: Rule("critical", 600),
    Kind.SLOW: Rule("warning", 900),
    Kind.DEAD_LETTERS: Rule("warning", 0),
}
_STORED = frozenset(
    {
        *(Kind.NOTHING_RAN, Kind.BEHIND, Kind.FAILURES, Kind.CONFLICTS, Kind.RUN_STALLED, Kind.ANSWER, Kind.PAUSED),
        Kind.DEAD_LETTERS,
    }
)


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered from one look to the next. `since`: when each cause was first seen, `last`: when it was seen
    last; `open` have been there for their patience, and are not over."""

    since: Mapping[str, float] = field(default_factory=dict)
    last: Mapping[str, float] = field(default_factory=dict)
    open: Mapping[str, Cause] = field(default_factory=dict)
    runs: Mapping[str, Stand] = field(default_factory=dict)
    applied: Stand | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A cause that another leader has seen, and since when."""

    cause: Cause
    since: float


def resumed(told: Iterable[Cause], now: float, held: Iterable[Held] = ()) -> Watch:
    """After a restart: what has been told of is open until it is seen to be over, and so is what has just been seen."""
    seen = {one.cause.key: one for one in held}
    known = {cause.key: cause for cause in told} | {key: one.cause for key, one in seen.items()}
    since = dict.fromkeys(known, now) | {key: one.since for key, one in seen.items()}
    return Watch(since, dict.fromkeys(known, now), known)


def look(before: Watch, sight: Sight) -> Watch:
    """What is open after this look."""
    now = replace(before, **_stands(before, sight)) if sight.stored else before
    seen = {one.cause.key: one for one in causes(sight, now.runs, now.applied)}
    # One of which nothing can be said now stays as it is, and its calm begins when something can.
    there = {key for key in before.last if key in seen or _unknown(before.open.get(key), sight, now)}
    last = {key: sight.now if key in there else at for key, at in before.last.items()}
    last = {key: at for key, at in last.items() if sight.now - at < CALM} | dict.fromkeys(seen, sight.now)
    since = {key: before.since.get(key, sight.now) for key in last}
    since |= {key: one.since for key, one in seen.items() if one.since is not None}
    held = {key: one.cause for key, one in seen.items() if sight.now - since[key] >= RULES[one.cause.kind].patience}
    there_still = {key: cause for key, cause in before.open.items() if key in last}
    return replace(now, since=since, last=last, open=there_still | held)


@dataclass(frozen=True, slots=True)
class News:
    """What one channel is to be told in one message."""

    raised: Sequence[Cause] = ()
    over: Sequence[Cause] = ()

    def __bool__(self) -> bool:
        return bool(self.raised or self.over)


def news(watch: Watch, told: Mapping[str, Cause]) -> News:
    """Of each cause once, and once that it is over. `told`: what that channel was told of and is not over, by key."""
    raised = [cause for key, cause in watch.open.items() if key not in told]
    return News(raised, [cause for key, cause in told.items() if key not in watch.open])


def share(points: Sequence[tuple[float, float, float]], now: float, window: float = 600.0) -> float | None:
    """Which part of what came in the window was of that kind, 0 if nothing came.

    `points` in order: a time, how much had come by then, and how much of that was of the kind. None if they do not
    reach back so far.
    """
    older = [point for point in points if now - point[0] >= window]
    if not older:
        return None
    (_, all_then, then), (_, all_now, part) = older[-1], points[-1]
    return (part - then) / (all_now - all_then) if all_now > all_then else 0.0


def _stands(before: Watch, sight: Sight) -> dict[str, Any]:
    runs = {run: _stand(before.runs.get(run), at, sight.now) for run, at in sight.runs.items()}
    return {"runs": runs, "applied": _stand(before.applied, sight.applied, sight.now)}


def _stand(before: Stand | None, at: object, now: float) -> Stand:
    if before is None:
        return Stand(at, now)
    return before if before.at == at else Stand(at, now, went_on=True)


def _unknown(cause: Cause | None, sight: Sight, watch: Watch) -> bool:
    """Nothing can be said now of whether it is over: that takes a while, or a look that succeeds."""
    if cause is None:
        return False
    if not sight.stored and cause.kind in _STORED:
        return True
    shares = {
        Kind.THROTTLED: sight.waited.get(cause.about),
        Kind.API_ERRORS: sight.refused.get(cause.about),
        Kind.SLOW: sight.slow,
    }
    match cause.kind:
        case kind if kind in shares:
            return shares[kind] is None
        case Kind.CAPTURE_STALLED:
            return any(side == cause.about for side, _ in sight.unread)
        case Kind.NOTHING_RAN:
            moved = watch.applied is not None and watch.applied.went_on
            return (sight.waits and not moved) or _all_unread(sight)
        case Kind.RUN_STALLED:
            return cause.about in watch.runs and not watch.runs[cause.about].went_on
    return False


def _all_unread(sight: Sight) -> bool:
    return bool(sight.unread) and all(place in sight.unread for place in sight.position_age)
