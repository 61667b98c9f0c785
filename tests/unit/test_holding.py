"""Which alerts hold now, who may still believe it, and which of them are told in other words."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.reference import ROOT
from schemas.alert_causes import Cause, Kind, Sight
from schemas.alerts import CALM, RULES, Held, Watch, look, resumed
from schemas.holding import BELIEVED, NOBODY_LEADS, Alert, Looked, besides, held, holding, told

T0 = 1_000_000.0
AT = datetime.fromtimestamp(T0, UTC)
LATE = Sight(T0, applied=1, lag={("CUSTOMER", "to_sales"): 900.0})
WELL = Sight(T0, applied=1, waited={"bc": 0.0}, refused={"bc": 0.0}, slow=0.0)


def watched(*sights: tuple[float, Sight], watch: Watch = Watch()) -> Watch:  # noqa: B008 — frozen
    for after, sight in sights:
        watch = look(watch, replace(sight, now=T0 + after, applied=after))
    return watch


def alert(kind: str, about: str = "bc", since: datetime = AT, parts: Iterable[str] = ()) -> Alert:
    severity = RULES[Kind(kind)].severity if kind in list(Kind) else "critical"
    return Alert(f"{kind}:{about}", kind, severity, about, "It is so.", "Look", since, tuple(parts))


def test_what_has_lasted_for_its_patience_holds_since_it_was_seen_first() -> None:
    watch = watched((0, LATE), (15, LATE))
    assert holding(watch, T0 + 15) == []
    [one] = holding(watched((300, LATE), watch=watch), T0 + 300)
    assert (one.alert, one.about, one.severity) == ("CoupledFallingBehind", "CUSTOMER to_sales", "warning")
    assert (one.since, one.summary) == (AT, "CUSTOMER to_sales is 15 minutes behind")


def test_what_was_over_a_moment_ago_does_not_hold_though_nobody_was_told_yet() -> None:
    watch = watched((0, LATE), (300, LATE), (315, WELL))
    assert list(watch.open) == ["CoupledFallingBehind:CUSTOMER to_sales"]
    assert holding(watch, T0 + 315) == []
    [again] = holding(watched((330, LATE), watch=watch), T0 + 330)
    assert again.since == AT, "what comes and goes is one cause"


def test_what_cannot_be_judged_now_holds_as_it_was_seen_last() -> None:
    watch = watched((0, LATE), (300, LATE), (315, Sight(T0, stored=False)))
    assert [one.alert for one in holding(watch, T0 + 315)] == ["CoupledFallingBehind"]


def test_the_worst_comes_first() -> None:
    every = Sight(T0, conflicts={"CUSTOMER": 1}, webhooks={"items": "silent"}, refused={"bc": 0.5}, lag=LATE.lag)
    found = holding(watched((0, every), (900, every)), T0 + 900)
    assert [one.severity for one in found] == ["critical", "warning", "info", "info"]


def test_the_next_leader_goes_on_where_the_last_one_was() -> None:
    """Throttling takes half an hour to be judged anew, and is not over because another worker leads."""
    bad = Sight(T0, waited={"bc": 0.9})
    looked = Looked(AT + timedelta(seconds=1200), holding(watched((0, bad), (1200, bad)), T0 + 1200))
    assert [one.since for one in looked.alerts] == [AT]
    unsure = Sight(T0, waited={"bc": None})
    watch = resumed([], T0 + 1230, held(looked, T0 + 1230))
    watch = watched((1230, unsure), watch=watch)
    assert holding(watch, T0 + 1230) == looked.alerts


@pytest.mark.parametrize("looked", [None, Looked(AT, [alert(Kind.SLOW)])])
def test_what_was_seen_long_ago_is_not_gone_on_with(looked: Looked | None) -> None:
    assert held(looked, T0 + CALM) == []


def test_what_a_newer_version_saw_is_left_to_it() -> None:
    [one] = held(Looked(AT, [alert("CoupledNobodyKnows"), alert(Kind.SLOW, "changes", parts=["x"])]), T0 + 15)
    assert one == Held(Cause(Kind.SLOW, "changes", "It is so.", "Look", ("x",)), T0)


def test_what_the_leader_saw_is_told_by_every_worker_for_a_while() -> None:
    looked = Looked(AT, [alert(Kind.SLOW)])
    assert told(looked, AT + BELIEVED - timedelta(seconds=1)) == looked.alerts
    [nobody] = told(looked, AT + BELIEVED)
    assert (nobody.alert, nobody.severity, nobody.since) == (NOBODY_LEADS, "critical", AT)


def test_that_nobody_leads_is_not_told_by_one_that_has_just_begun_nor_where_nobody_ever_looked() -> None:
    later = AT + timedelta(hours=9)
    assert told(Looked(AT, [alert(Kind.SLOW)]), later, begun=later - timedelta(seconds=5)) == ()
    assert told(Looked(AT), later, begun=later - BELIEVED)
    assert told(None, later, begun=AT) == ()


TOLD = [Kind.FAILURES, Kind.CONFLICTS, Kind.DEAD_LETTERS, Kind.ANSWER, Kind.PAUSED]


def test_what_is_read_beside_them_is_told_once() -> None:
    every = [alert(kind, parts=["x"]) for kind in Kind] + [alert(NOBODY_LEADS)]
    assert {one.alert for one in every} - {one.alert for one in besides(every, [])} == set(TOLD)


def test_a_side_that_is_said_not_to_be_read_is_told_once_and_tables_nobody_speaks_of_are_told() -> None:
    stalled = [alert(Kind.CAPTURE_STALLED, "bc", parts=["customers", "items"])]
    one, other = "live:bc:customers: no answer", "live:bc:items: no answer"
    assert besides(stalled, [one, other]) == []
    for unready in ([], [one], [one, "live:sales:items: no answer"], [one, "live:bc:itemsX: no"]):
        assert besides(stalled, unready) == stalled, unready
    assert besides(stalled, [], down=["bc"]) == []
    assert besides(stalled, [], down=["sales"]) == stalled


def test_what_the_leader_cannot_do_is_told_unless_it_is_this_worker_that_says_so() -> None:
    leader = [alert(Kind.NOT_READY, "leader", parts=["store: slow", "coupled.bc.items: no"])]
    assert besides(leader, ["coupled.bc.items: no", "store: slow", "more: x"]) == []
    assert besides(leader, ["store: slow"]) == leader


def test_what_was_only_told_on_a_channel_and_names_no_parts_is_told_here_too() -> None:
    both = [alert(Kind.NOT_READY, "leader"), alert(Kind.CAPTURE_STALLED)]
    assert besides(both, []) == both


def test_each_has_a_name_in_words_and_its_entry_in_the_runbooks() -> None:
    runbooks = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    for name in [*Kind, NOBODY_LEADS]:
        one = alert(name)
        assert f"\n## {one.alert}\n" in runbooks
        assert one.title.isascii()
        assert one.said == f"It is so. Look. What to do: {name} in docs/runbooks.md."
    titles = [alert(name).title for name in (Kind.BEHIND, Kind.API_ERRORS, NOBODY_LEADS)]
    assert titles == ["Falling behind", "API errors", "Nobody leads"]
