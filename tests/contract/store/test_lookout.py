"""What the leader sees before it tells anybody: of the store, of itself, of the requests it made."""

from dataclasses import dataclass, field

from consumers.ports import Applied
from daemon.alerts.lookout import Lookout
from daemon.metrics import Metrics
from daemon.store.engine import Store
from producers.subscriptions import State
from schemas.errors import Unreachable
from schemas.job import Run, RunKind, RunState
from schemas.mapping_file import parse, standard_text
from schemas.outcome import Outcome
from schemas.side import Side

from .made import NOWHERE, TOPIC, change, coupled, ended, failed

MAPPINGS = parse(standard_text())


@dataclass
class Health:
    reasons: dict[str, str] = field(default_factory=dict)
    seen: dict[tuple[Side, str], float] = field(default_factory=dict)

    def ages(self) -> dict[tuple[Side, str], float]:
        return self.seen


class Time:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_what_it_sees(store: Store, clock) -> None:
    health, metrics, time = Health(), Metrics(), Time()
    lookout = Lookout(store, MAPPINGS, metrics, health, lambda: {"items": State.SILENT}, time)
    for name, state in (("r-1", RunState.RUNNING), ("r-2", RunState.AWAITING_ANSWER), ("r-3", RunState.DONE)):
        await store.jobs.create_run(Run(name, RunKind.FULL, RunState.ACCEPTED, ("CUSTOMER",), created=clock()), [])
        await store.jobs.set_run(name, state)
    await store.states.pause(["CUSTOMER"], clock())
    await store.memory.record([failed("b1"), failed("b2"), coupled("b2", "s2")], NOWHERE)
    # Noticed from both sides, and one conflict.
    for side, key, partner in ((Side.BC, "b3", "s3"), (Side.SALES, "s3", "b3")):
        conflict = failed(key, "update-conflict", partner=partner, outcome=Outcome.CONFLICT, side=side)
        await store.memory.record([conflict], NOWHERE)
    health.seen = {(Side.BC, "items"): 3.0}
    health.reasons = {"live:sales:accounts": "no answer", "store": "slow"}
    first = await lookout.sight()
    nothing_known = {"bc": None, "sales": None}
    assert (first.stored, first.waited, first.refused, first.slow) == (True, nothing_known, nothing_known, None)
    assert (list(first.runs), list(first.answers)) == (["r-1"], ["r-2"])
    assert first.paused == {"CUSTOMER": clock().timestamp()}
    assert (first.failing, first.conflicts) == ({"CUSTOMER": 1}, {"CUSTOMER": 1})
    assert first.position_age == {("bc", "items"): 3.0}
    assert (list(first.unread), first.reasons) == ([("sales", "accounts")], {"store": "slow"})
    assert first.webhooks == {"items": "silent"}
    time.now += 600
    metrics.throttled(Side.BC, 450)
    for status in (200, 200, 200, 503):
        metrics.request(Side.SALES, "read", status, 0.1)
    second = await lookout.sight()
    assert (second.waited, second.refused) == ({"bc": 0.75, "sales": 0.0}, {"bc": 0.0, "sales": 0.25})
    assert (second.slow, second.applied) == (None, first.applied)
    for took in (3, 61):
        metrics.record([coupled("b5", "s5", outcome=Outcome.MODIFIED)], change("b5").ts_ms + took * 1000)
    await store.memory.record([ended("b6", Outcome.UNCHANGED)], Applied(TOPIC, "log-1", {0: 5}))
    time.now += 300
    third = await lookout.sight()
    assert third.slow == 0.5
    assert third.applied != first.applied


async def test_with_the_store_away_it_sees_what_is_its_own(store: Store, monkeypatch) -> None:
    async def away() -> None:
        raise Unreachable("store-away", "It is away.", "")

    monkeypatch.setattr(type(store.jobs), "active_runs", lambda self: away())
    seen = await Lookout(store, MAPPINGS, Metrics(), Health({"store": "away"}), dict).sight()
    assert (seen.stored, seen.reasons) == (False, {"store": "away"})
