"""When people are told of something, and when not: rules over what the leader sees."""

from dataclasses import replace
from typing import Any

import pytest

from schemas import alert_words
from schemas.alerts import CALM, RULES, Cause, Kind, News, Sight, Watch, look, news, resumed, share

T0 = 1_000_000.0
QUIET = Sight(T0, waited={"bc": 0.0, "sales": None})
# Each condition, as it is seen, and what it is about.
SEEN: dict[Kind, tuple[dict[str, Any], str]] = {
    Kind.BEHIND: ({"lag": {("CUSTOMER", "to_sales"): 301.0}}, "CUSTOMER to_sales"),
    Kind.FAILURES: ({"failing": {"CUSTOMER": 1}}, "CUSTOMER"),
    Kind.THROTTLED: ({"waited": {"bc": 0.51}}, "bc"),
    Kind.RUN_STALLED: ({"runs": {"r-1": 7}}, "r-1"),
    Kind.CAPTURE_STALLED: ({"position_age": {("bc", "items"): 601.0, ("bc", "customers"): 700.0}}, "bc"),
    Kind.WEBHOOKS: ({"webhooks": {"items": "missing", "customers": "silent", "contacts": "active"}}, "bc"),
    Kind.ANSWER: ({"answers": ["r-1"]}, "r-1"),
    Kind.PAUSED: ({"paused": {"CUSTOMER": T0}}, "CUSTOMER"),
    Kind.NOT_READY: ({"reasons": {"store": "away"}}, "leader"),
}
NEARLY: dict[str, Any] = {
    "lag": {("CUSTOMER", "to_sales"): 300.0},
    "failing": {"CUSTOMER": 0},
    "waited": {"bc": 0.5, "sales": None},
    "position_age": {("bc", "items"): 600.0},
    "webhooks": {"items": "active", "contacts": "refused"},
}
_BEFORE = {Kind.RUN_STALLED: 1800.0}


def watched(sight: Sight, seconds: float, watch: Watch = Watch(), step: float = 15.0) -> Watch:  # noqa: B008 — frozen
    """That sight for so long, looked at every few seconds."""
    for number in range(int(seconds / step) + 1):
        watch = look(watch, replace(sight, now=sight.now + number * step))
    return watch


@pytest.mark.parametrize("kind", Kind)
def test_each_condition_is_told_after_its_patience_and_not_before(kind: Kind) -> None:
    seen, about = SEEN[kind]
    patience = RULES[kind].patience + _BEFORE.get(kind, 0)
    step = max(15.0, patience / 100)
    sight = Sight(T0, **seen)
    before = watched(sight, patience - step, step=step)
    assert not before.open
    opened = watched(sight, patience, step=step).open
    assert list(opened) == [f"{kind.value}:{about}"]
    assert opened[f"{kind.value}:{about}"].advice


@pytest.mark.parametrize("kind", Kind)
def test_each_is_over_once_it_has_not_been_seen_for_a_while(kind: Kind) -> None:
    cause = Cause(kind, SEEN[kind][1], "", "")
    watch = resumed([cause], T0)
    quiet = replace(QUIET, now=T0 + 15, waited={"bc": 0.0})
    assert list(watched(quiet, CALM - 30, watch).open) == [cause.key]
    assert not watched(quiet, CALM, watch).open


def test_what_is_nearly_wrong_is_not_told() -> None:
    assert not watched(Sight(T0, **NEARLY), 90_000, step=300).open


def test_what_comes_and_goes_is_one_cause_and_told_once() -> None:
    behind = Sight(T0, lag={("CUSTOMER", "to_sales"): 900.0})
    watch, told, sent = Watch(), {}, 0
    for number in range(200):
        now = T0 + number * 15
        sight = replace(behind if number % 8 < 4 else QUIET, now=now)
        watch = look(watch, sight)
        fresh = news(watch, told)
        sent += bool(fresh)
        told = {**told, **{cause.key: cause for cause in fresh.raised}}
    assert (sent, len(told)) == (1, 1)


def test_a_moment_of_trouble_is_told_to_nobody() -> None:
    watch = look(Watch(), Sight(T0, reasons={"kafka": "away"}))
    assert not watched(replace(QUIET, now=T0 + 15), 3600, watch).open


def test_a_restart_neither_repeats_nor_ends_what_cannot_be_judged_yet() -> None:
    told = [
        Cause(Kind.THROTTLED, "bc", "", ""),
        Cause(Kind.CAPTURE_STALLED, "sales", "", ""),
        Cause(Kind.RUN_STALLED, "r-1", "", ""),
        Cause(Kind.FAILURES, "CUSTOMER", "", ""),
    ]
    known = {cause.key: cause for cause in told}
    # Just started: no ten minutes are known, the side still cannot be read, the run has not been seen to move.
    unsure = Sight(
        T0,
        waited={"bc": None},
        unread=[("sales", "accounts")],
        position_age={("sales", "accounts"): 3.0},
        runs={"r-1": 7},
        failing={"CUSTOMER": 3},
    )
    watch = watched(unsure, 1500, resumed(told, T0))
    assert not news(watch, known)
    well = Sight(T0 + 1515, waited={"bc": 0.1}, position_age={("sales", "accounts"): 3.0}, runs={"r-1": 8})
    watch = watched(well, CALM + 15, watch)
    assert [cause.key for cause in news(watch, known).over] == list(known)


def test_while_the_store_is_away_nothing_it_would_tell_is_over() -> None:
    told = [Cause(kind, SEEN[kind][1], "", "") for kind in (Kind.BEHIND, Kind.FAILURES, Kind.ANSWER, Kind.PAUSED)]
    away = Sight(T0, stored=False, reasons={"store": "away"})
    watch = watched(away, 3600, resumed(told, T0))
    assert [cause.kind for cause in watch.open.values()] == [*(one.kind for one in told), Kind.NOT_READY]


def test_a_run_that_moves_is_not_stalled_however_long_it_takes() -> None:
    watch = Watch()
    for number in range(100):
        watch = look(watch, Sight(T0 + number * 900, runs={"r-1": number}))
    assert not watch.open


@pytest.mark.parametrize(
    ("totals", "found"),
    [
        ([], None),
        ([(T0 - 599, 0.0), (T0, 500.0)], None),
        ([(T0 - 600, 0.0), (T0, 300.0)], 0.5),
        ([(T0 - 900, 0.0), (T0 - 600, 300.0), (T0 - 10, 300.0), (T0, 300.0)], 0.0),
    ],
)
def test_the_share_of_waiting_is_that_of_the_last_ten_minutes(
    totals: list[tuple[float, float]], found: float | None
) -> None:
    assert share(totals, T0) == found


def test_each_channel_is_told_what_it_does_not_know_yet() -> None:
    one, other = Cause(Kind.FAILURES, "CUSTOMER", "", ""), Cause(Kind.ANSWER, "r-1", "", "")
    watch = Watch(open={one.key: one})
    assert news(watch, {}) == News([one], [])
    assert not news(watch, {one.key: one})
    assert news(watch, {one.key: one, other.key: other}) == News([], [other])


def test_a_message_says_what_is_wrong_how_badly_and_what_to_do() -> None:
    [lag] = watched(Sight(T0, lag={("CUSTOMER", "to_sales"): 900.0}), 300).open.values()
    answer = Cause(Kind.ANSWER, "r-1", "Run r-1 waits for an answer", "coupled answer r-1 keep|restore")
    both = News([lag], [answer])
    assert alert_words.subject(both) == "coupled, warning: CUSTOMER to_sales is 15 minutes behind (and 1 more)"
    text = alert_words.text(both, "CRONUS")
    assert "[warning] CUSTOMER to_sales is 15 minutes behind\n    CoupledFallingBehind. coupled status" in text
    assert "Over:\n\n- [warning] Run r-1 waits for an answer" in text
    assert "From CRONUS." in text
    body = alert_words.body(both, "CRONUS", "2026-11-01T00:00:00+00:00")
    assert [one["id"] for one in body["raised"]] == ["CoupledFallingBehind:CUSTOMER to_sales"]
    assert [one["alert"] for one in body["over"]] == ["CoupledAnswerDue"]
    assert alert_words.subject(News([], [answer])) == "coupled, over: Run r-1 waits for an answer"
    assert alert_words.body(News(), "CRONUS", "")["test"] is True


def test_what_a_side_says_cannot_add_lines_to_a_subject() -> None:
    [cause] = watched(Sight(T0, reasons={"bc": "bad\r\nBcc: all@example.com"}), 600).open.values()
    assert "\n" not in alert_words.subject(News([cause]))
    assert "\r" not in alert_words.subject(News([cause]))


def test_every_kind_has_a_runbook() -> None:
    from daemon.reference import ROOT

    runbooks = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    assert [kind for kind in Kind if f"\n## {kind.value}\n" not in runbooks] == []
