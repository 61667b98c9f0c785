"""What can be wrong, of which people are told without Prometheus: conditions over what the leader sees.

They are those of `deploy/prometheus/alerts.yml`, as far as the one who leads can tell of them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_LAG, _POSITION_AGE, _STANDSTILL, _NO_PROGRESS = 300.0, 600.0, 1800.0, 600.0
_THROTTLED, _API_ERRORS, _SLOW = 0.5, 0.1, 0.05
_SILENT = frozenset({"missing", "silent"})


class Kind(StrEnum):
    """The alert a cause belongs to; its entry in docs/runbooks.md has the same name."""

    NOTHING_RAN = "CoupledNothingRan"
    BEHIND = "CoupledFallingBehind"
    FAILURES = "CoupledFailuresGrowing"
    THROTTLED = "CoupledThrottled"
    RUN_STALLED = "CoupledRunStalled"
    CAPTURE_STALLED = "CoupledCaptureStalled"
    WEBHOOKS = "CoupledWebhooksMissing"
    ANSWER = "CoupledAnswerDue"
    PAUSED = "CoupledPausedLong"
    NOT_READY = "CoupledNotReady"
    CONFLICTS = "CoupledConflicts"
    API_ERRORS = "CoupledApiErrors"
    SLOW = "CoupledSlow"
    DEAD_LETTERS = "CoupledDeadLetters"


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong. `about` tells it from others of its kind: a mapping, a side, a run; `parts` are the
    tables, or the reasons, that the summary names."""

    kind: Kind
    about: str
    summary: str
    advice: str
    parts: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.kind.value}:{self.about}"


@dataclass(frozen=True, slots=True)
class Sight:
    """What the leader sees at one moment; times are Unix time, all in seconds.

    `lag` by (mapping, direction); `applied`: what moves whenever changes end; `failing`: open failures by mapping,
    without its `conflicts`; `waited`: which share of the last ten minutes a side made us wait; `refused`: which share
    of the requests to it have failed since; `slow`: which share of the changes written in the last quarter of an hour
    took more than a minute; these three are None before so much time is known. `runs` at work: by id, what moves
    while they do; `answers`: the runs that wait for one; `letters`: by topic, how many messages of the last day
    nobody could read; `paused` each since when; `position_age` by (side, table); `unread`: those that cannot be read
    now; `webhooks`: by table, the state of its subscription; `reasons`: what else cannot be done now, and why.
    `stored`: the store has told what it knows; nothing is seen of that while it is away.
    """

    now: float
    stored: bool = True
    lag: Mapping[tuple[str, str], float] = field(default_factory=dict)
    applied: object = None
    failing: Mapping[str, int] = field(default_factory=dict)
    conflicts: Mapping[str, int] = field(default_factory=dict)
    waited: Mapping[str, float | None] = field(default_factory=dict)
    refused: Mapping[str, float | None] = field(default_factory=dict)
    slow: float | None = None
    runs: Mapping[str, object] = field(default_factory=dict)
    answers: Collection[str] = ()
    letters: Mapping[str, int] = field(default_factory=dict)
    paused: Mapping[str, float] = field(default_factory=dict)
    position_age: Mapping[tuple[str, str], float] = field(default_factory=dict)
    unread: Collection[tuple[str, str]] = ()
    webhooks: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        """There are changes that are read and not applied."""
        return any(age > 0 for age in self.lag.values())


@dataclass(frozen=True, slots=True)
class Seen:
    """A cause that is there now, and since when, where that is known by itself."""

    cause: Cause
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Stand:
    """What a run, or everything, is at, since when, and whether it has been seen to move at all."""

    at: object
    since: float
    went_on: bool = False


def causes(sight: Sight, runs: Mapping[str, Stand], applied: Stand | None) -> Iterator[Seen]:
    """What is wrong at this moment, for however short a time. `applied`: since when no change of any mapping ended."""
    yield from _of_everything(sight, applied)
    yield from _of_records(sight)
    yield from _of_sides(sight)
    yield from _of_requests(sight)
    for run, stand in runs.items():
        if sight.now - stand.since >= _STANDSTILL:
            yield _seen(Kind.RUN_STALLED, run, f"Run {run} has got nowhere for half an hour", "coupled jobs")
    for run in sight.answers:
        yield _seen(Kind.ANSWER, run, f"Run {run} waits for an answer", f"coupled answer {run} keep|restore")
    for mapping, at in sight.paused.items():
        yield _seen(Kind.PAUSED, mapping, f"{mapping} has been paused for a day", f"coupled resume {mapping}", at)
    if sight.reasons:
        reasons = [f"{name}: {reason}" for name, reason in sight.reasons.items()]
        said = f"The leader cannot do all of its work: {'; '.join(reasons)}"
        yield _seen(Kind.NOT_READY, "leader", said, "/readyz, and the log", parts=reasons)


def _of_everything(sight: Sight, applied: Stand | None) -> Iterator[Seen]:
    """The daemon runs, and nothing comes of it. That nothing changes is no such thing."""
    ages = sight.position_age.values()
    if ages and min(ages) > _POSITION_AGE:
        said = "No table of either side has been read for ten minutes"
    elif applied is not None and sight.waits and sight.now - applied.since >= _NO_PROGRESS:
        said = "Changes wait, and none has ended for ten minutes"
    else:
        return
    yield _seen(Kind.NOTHING_RAN, "everything", said, "/readyz and the log say why")


def _of_records(sight: Sight) -> Iterator[Seen]:
    for (mapping, way), age in sight.lag.items():
        if age > _LAG:
            said = f"{mapping} {way} is {age / 60:.0f} minutes behind"
            yield _seen(Kind.BEHIND, f"{mapping} {way}", said, "/readyz says what cannot go on, coupled jobs what runs")
    for mapping, count in sight.failing.items():
        if count:
            said = f"{count:,} {mapping} record{'' if count == 1 else 's'} cannot be carried"
            yield _seen(Kind.FAILURES, mapping, said, f"coupled errors {mapping}")
    for mapping, count in sight.conflicts.items():
        if count:
            said = f"{count:,} {mapping} record{' was' if count == 1 else 's were'} changed on both sides"
            yield _seen(Kind.CONFLICTS, mapping, said, f"coupled errors {mapping} --all")

    for topic, count in sight.letters.items():
        if count:
            said = (
                f"{count:,} message{'' if count == 1 else 's'} of {topic} could not be read, and {_is(count)} put aside"
            )
            yield _seen(Kind.DEAD_LETTERS, topic, said, "coupled dead-letters list")


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _of_sides(sight: Sight) -> Iterator[Seen]:
    stalled: dict[str, list[str]] = {}
    for (side, table), age in sight.position_age.items():
        if age > _POSITION_AGE:
            stalled.setdefault(side, []).append(table)
    for side, tables in stalled.items():
        said = f"Changes in {', '.join(sorted(tables))} ({side}) have not been read for ten minutes"
        yield _seen(Kind.CAPTURE_STALLED, side, said, "/readyz and the log say why", parts=sorted(tables))
    if silent := sorted(table for table, state in sight.webhooks.items() if state in _SILENT):
        said = f"Business Central does not tell of changes in {', '.join(silent)}"
        yield _seen(Kind.WEBHOOKS, "bc", said, "It is polled instead; the log says why")


def _of_requests(sight: Sight) -> Iterator[Seen]:
    for side, waited in sight.waited.items():
        if waited is not None and waited > _THROTTLED:
            said = f"{side} makes the leader wait more than half of the time"
            yield _seen(
                Kind.THROTTLED, side, said, "Something uses up its request limit, or a full synchronisation runs"
            )
    for side, refused in sight.refused.items():
        if refused is not None and refused > _API_ERRORS:
            said = f"{refused:.0%} of the leader's requests to {side} fail"
            yield _seen(Kind.API_ERRORS, side, said, "coupled check tries everything once; the log says what failed")
    if sight.slow is not None and sight.slow > _SLOW:
        said = f"{sight.slow:.0%} of the changes that the leader writes take more than a minute to the other side"
        yield _seen(Kind.SLOW, "changes", said, "A running synchronisation, throttling, or a slow side: coupled status")


def _seen(
    kind: Kind, about: str, summary: str, advice: str, since: float | None = None, parts: Iterable[str] = ()
) -> Seen:
    return Seen(Cause(kind, about, summary, advice, tuple(parts)), since)
