"""Which alerts hold at this moment: what the leader has seen last, who may believe it, and what is told besides."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.alert_causes import Cause, Kind
from schemas.alerts import CALM, RULES, Held, Watch

# For so long it is believed what the leader saw last; as long as Prometheus waits before it says that nobody leads.
BELIEVED = timedelta(minutes=2)
NOBODY_LEADS = "CoupledNobodyLeads"
# Whoever is shown how everything stands is told these of what was read at that moment.
_TOLD = frozenset({Kind.FAILURES, Kind.CONFLICTS, Kind.DEAD_LETTERS, Kind.ANSWER, Kind.PAUSED})
_KINDS = frozenset(Kind)
_WORST_FIRST = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that holds. `alert` is also the name of its entry in docs/runbooks.md, `about` tells it from others
    with that name, `parts` are the tables, or the reasons, that the summary names."""

    id: str
    alert: str
    severity: str
    about: str
    summary: str
    advice: str
    since: datetime
    parts: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands in a list, whatever comes and goes beside it."""
        return _WORST_FIRST.index(self.severity), self.id

    @property
    def title(self) -> str:
        """The name in words."""
        words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in self.alert)
        return words.removeprefix(" coupled ").capitalize().replace("Api", "API")

    @property
    def said(self) -> str:
        """Why, and what to do."""
        return f"{self.summary.rstrip('.')}. {self.advice}. What to do: {self.alert} in docs/runbooks.md."


@dataclass(frozen=True, slots=True)
class Looked:
    """What the leader saw, and when."""

    at: datetime
    alerts: Sequence[Alert] = ()


def holding(watch: Watch, now: float) -> list[Alert]:
    """What is open and seen now, or cannot be judged now; the worst first. What was over a moment ago is still open."""
    found = [_alert(cause, watch.since[key]) for key, cause in watch.open.items() if watch.last[key] == now]
    return sorted(found, key=lambda one: one.place)


def held(looked: Looked | None, now: float) -> list[Held]:
    """With what a leader goes on that comes after the one who looked; nothing if that was too long ago."""
    if looked is None or now - looked.at.timestamp() >= CALM:
        return []
    return [
        Held(Cause(Kind(one.alert), one.about, one.summary, one.advice, one.parts), one.since.timestamp())
        for one in looked.alerts
        if one.alert in _KINDS
    ]


def told(looked: Looked | None, now: datetime, begun: datetime | None = None) -> Sequence[Alert]:
    """What holds, if somebody has looked lately, and else that nobody leads. Who asks has been at work since `begun`:
    until then it may be that nobody was. Where nobody has ever looked, nothing is known."""
    if looked is None:
        return ()
    if now - looked.at < BELIEVED:
        return looked.alerts
    return () if begun and now - begun < BELIEVED else (_nobody_leads(looked.at),)


def besides(alerts: Sequence[Alert], unready: Sequence[str], down: Collection[str] = ()) -> list[Alert]:
    """Without what is told in other words: of records, runs and pauses; `unready`, what this worker cannot do now; and
    the sides that are `down`."""
    return [one for one in alerts if not (one.alert in _TOLD or _is_told(one, unready, down))]


def _is_told(one: Alert, unready: Sequence[str], down: Collection[str]) -> bool:
    if one.alert == Kind.NOT_READY:
        parts = one.parts
    elif one.alert == Kind.CAPTURE_STALLED:
        parts = tuple(f"live:{one.about}:{table}" for table in one.parts)
    else:
        return False
    return one.about in down or (bool(parts) and all(any(_says(reason, part) for reason in unready) for part in parts))


def _says(reason: str, part: str) -> bool:
    """`part` is all of it, or what it is about."""
    return reason == part or reason.startswith(f"{part}: ")


def _alert(cause: Cause, since: float) -> Alert:
    severity, at = RULES[cause.kind].severity, datetime.fromtimestamp(since, UTC)
    return Alert(cause.key, cause.kind.value, severity, cause.about, cause.summary, cause.advice, at, cause.parts)


def _nobody_leads(since: datetime) -> Alert:
    said = "No worker has done the leader's work for two minutes: nothing is read, and nobody sees what else is wrong"
    how = "/readyz and the log of each worker"
    return Alert(f"{NOBODY_LEADS}:workers", NOBODY_LEADS, "critical", "workers", said, how, since)
