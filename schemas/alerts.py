"""What people are told of without Prometheus, and when: rules over what the leader sees, and nothing else.

The conditions are those of `deploy/prometheus/alerts.yml`, as far as the one who leads can tell of them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

# How long a condition must not have been seen before it is over: what comes and goes is one cause, not many.
CALM = 300.0


class Kind(StrEnum):
    """The alert a cause belongs to; its entry in docs/runbooks.md has the same name."""

    BEHIND = "CoupledFallingBehind"
    FAILURES = "CoupledFailuresGrowing"
    THROTTLED = "CoupledThrottled"
    RUN_STALLED = "CoupledRunStalled"
    CAPTURE_STALLED = "CoupledCaptureStalled"
    WEBHOOKS = "CoupledWebhooksMissing"
    ANSWER = "CoupledAnswerDue"
    PAUSED = "CoupledPausedLong"
    NOT_READY = "CoupledNotReady"


@dataclass(frozen=True, slots=True)
class Rule:
    """`patience`: seconds for which it must be seen before anybody is told."""

    severity: str
    patience: float


RULES: Mapping[Kind, Rule] = {
    Kind.BEHIND: Rule("warning", 300),
    Kind.FAILURES: Rule("warning", 900),
    Kind.THROTTLED: Rule("warning", 1200),
    Kind.RUN_STALLED: Rule("warning", 600),
    Kind.CAPTURE_STALLED: Rule("critical", 300),
    Kind.WEBHOOKS: Rule("info", 900),
    Kind.ANSWER: Rule("warning", 900),
    Kind.PAUSED: Rule("info", 86_400),
    Kind.NOT_READY: Rule("warning", 600),
}
_LAG, _POSITION_AGE, _STANDSTILL, _THROTTLED = 300.0, 600.0, 1800.0, 0.5
_WINDOW = 600.0
_STORED = frozenset({Kind.BEHIND, Kind.FAILURES, Kind.RUN_STALLED, Kind.ANSWER, Kind.PAUSED})
_SILENT = frozenset({"missing", "silent"})


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong. `about` tells it from others of its kind: a mapping, a side, a run."""

    kind: Kind
    about: str
    summary: str
    advice: str

    @property
    def key(self) -> str:
        return f"{self.kind.value}:{self.about}"


@dataclass(frozen=True, slots=True)
class Sight:
    """What the leader sees at one moment; times are Unix time, all in seconds.

    `lag` by (mapping, direction); `failing`: open failures by mapping; `waited`: which share of the last ten minutes a
    side made us wait, None before ten minutes are known; `runs` at work: by id, what moves while they do; `answers`:
    the runs that wait for one; `paused` each since when; `position_age` by (side, table); `unread`: those that cannot
    be read now; `webhooks`: by table, the state of its subscription; `reasons`: what else cannot be done now, and why.
    `stored`: the store has told what it knows; nothing is seen of that while it is away.
    """

    now: float
    stored: bool = True
    lag: Mapping[tuple[str, str], float] = field(default_factory=dict)
    failing: Mapping[str, int] = field(default_factory=dict)
    waited: Mapping[str, float | None] = field(default_factory=dict)
    runs: Mapping[str, object] = field(default_factory=dict)
    answers: Collection[str] = ()
    paused: Mapping[str, float] = field(default_factory=dict)
    position_age: Mapping[tuple[str, str], float] = field(default_factory=dict)
    unread: Collection[tuple[str, str]] = ()
    webhooks: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """A cause that is there now, and since when, where that is known by itself."""

    cause: Cause
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Stand:
    """What a run is at, since when, and whether it has been seen to move at all."""

    at: object
    since: float
    went_on: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered from one look to the next. `since`: when each cause was first seen, `last`: when it was seen
    last; `open` have been there for their patience, and are not over."""

    since: Mapping[str, float] = field(default_factory=dict)
    last: Mapping[str, float] = field(default_factory=dict)
    open: Mapping[str, Cause] = field(default_factory=dict)
    runs: Mapping[str, Stand] = field(default_factory=dict)


def resumed(told: Iterable[Cause], now: float) -> Watch:
    """After a restart: what has been told of is open until it is seen to be over."""
    known = {cause.key: cause for cause in told}
    return Watch(dict.fromkeys(known, now), dict.fromkeys(known, now), known)


def look(before: Watch, sight: Sight) -> Watch:
    """What is open after this look."""
    runs = {run: _stand(before.runs.get(run), at, sight.now) for run, at in sight.runs.items()}
    if not sight.stored:
        runs = dict(before.runs)
    seen = {one.cause.key: one for one in _causes(sight, runs)}
    # One of which nothing can be said now stays as it is, and its calm begins when something can.
    there = {key for key in before.last if key in seen or _unknown(before.open.get(key), sight, runs)}
    last = {key: sight.now if key in there else at for key, at in before.last.items()}
    last = {key: at for key, at in last.items() if sight.now - at < CALM} | dict.fromkeys(seen, sight.now)
    since = {key: before.since.get(key, sight.now) for key in last}
    since |= {key: one.since for key, one in seen.items() if one.since is not None}
    held = {key: one.cause for key, one in seen.items() if sight.now - since[key] >= RULES[one.cause.kind].patience}
    return Watch(since, last, {key: cause for key, cause in before.open.items() if key in last} | held, runs)


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


def share(totals: Sequence[tuple[float, float]], now: float) -> float | None:
    """The share of the last ten minutes that was waited, of totals at times in order; None if they tell of less."""
    older = [(at, total) for at, total in totals if now - at >= _WINDOW]
    if not older:
        return None
    (at, total), (_, newest) = older[-1], totals[-1]
    return (newest - total) / (now - at)


def _stand(before: Stand | None, at: object, now: float) -> Stand:
    if before is None:
        return Stand(at, now)
    return before if before.at == at else Stand(at, now, went_on=True)


def _unknown(cause: Cause | None, sight: Sight, runs: Mapping[str, Stand]) -> bool:
    """Nothing can be said now of whether it is over: that takes a while, or a look that succeeds."""
    if cause is None:
        return False
    if not sight.stored and cause.kind in _STORED:
        return True
    match cause.kind:
        case Kind.THROTTLED:
            return sight.waited.get(cause.about) is None
        case Kind.CAPTURE_STALLED:
            return any(side == cause.about for side, _ in sight.unread)
        case Kind.RUN_STALLED:
            return cause.about in runs and not runs[cause.about].went_on
    return False


def _causes(sight: Sight, runs: Mapping[str, Stand]) -> Iterator[Seen]:
    yield from _of_records(sight)
    yield from _of_sides(sight)
    for run, stand in runs.items():
        if sight.now - stand.since >= _STANDSTILL:
            yield _seen(Kind.RUN_STALLED, run, f"Run {run} has got nowhere for half an hour", "coupled jobs")
    for run in sight.answers:
        yield _seen(Kind.ANSWER, run, f"Run {run} waits for an answer", f"coupled answer {run} keep|restore")
    for mapping, at in sight.paused.items():
        yield _seen(Kind.PAUSED, mapping, f"{mapping} has been paused for a day", f"coupled resume {mapping}", at)
    if sight.reasons:
        said = "; ".join(f"{name}: {reason}" for name, reason in sight.reasons.items())
        yield _seen(Kind.NOT_READY, "leader", f"The leader cannot do all of its work: {said}", "/readyz, and the log")


def _of_records(sight: Sight) -> Iterator[Seen]:
    for (mapping, way), age in sight.lag.items():
        if age > _LAG:
            said = f"{mapping} {way} is {age / 60:.0f} minutes behind"
            yield _seen(Kind.BEHIND, f"{mapping} {way}", said, "coupled status")
    for mapping, count in sight.failing.items():
        if count:
            said = f"{count:,} {mapping} record{'' if count == 1 else 's'} cannot be carried"
            yield _seen(Kind.FAILURES, mapping, said, f"coupled errors {mapping}")


def _of_sides(sight: Sight) -> Iterator[Seen]:
    stalled: dict[str, list[str]] = {}
    for (side, table), age in sight.position_age.items():
        if age > _POSITION_AGE:
            stalled.setdefault(side, []).append(table)
    for side, tables in stalled.items():
        said = f"Changes in {', '.join(sorted(tables))} ({side}) have not been read for ten minutes"
        yield _seen(Kind.CAPTURE_STALLED, side, said, "/readyz and the log say why")
    if silent := sorted(table for table, state in sight.webhooks.items() if state in _SILENT):
        said = f"Business Central does not tell of changes in {', '.join(silent)}"
        yield _seen(Kind.WEBHOOKS, "bc", said, "It is polled instead; the log says why")
    for side, waited in sight.waited.items():
        if waited is not None and waited > _THROTTLED:
            said = f"{side} makes the daemon wait more than half of the time"
            yield _seen(
                Kind.THROTTLED, side, said, "Something uses up its request limit, or a full synchronisation runs"
            )


def _seen(kind: Kind, about: str, summary: str, advice: str, since: float | None = None) -> Seen:
    return Seen(Cause(kind, about, summary, advice), since)
