"""When people are told of something, and when not: rules over what the leader sees."""

import re
from dataclasses import replace
from typing import Any

import pytest
from ruamel.yaml import YAML

from daemon.reference import ROOT
from schemas import alert_words, alerts
from schemas.alert_causes import Cause, Kind, Sight
from schemas.alerts import CALM, RULES, News, Watch, look, news, resumed, share

T0 = 1_000_000.0
QUIET = Sight(T0, waited={"bc": 0.0, "sales": None}, refused={"bc": 0.0, "sales": 0.0}, slow=0.0)
# Each condition, as it is seen, and what it is about.
SEEN: dict[Kind, tuple[dict[str, Any], str]] = {
    Kind.NOTHING_RAN: ({"lag": {("CUSTOMER", "to_sales"): 1.0}}, "everything"),
    Kind.BEHIND: ({"lag": {("CUSTOMER", "to_sales"): 301.0}}, "CUSTOMER to_sales"),
    Kind.FAILURES: ({"failing": {"CUSTOMER": 1}}, "CUSTOMER"),
    Kind.THROTTLED: ({"waited": {"bc": 0.51}}, "bc"),
    Kind.RUN_STALLED: ({"runs": {"r-1": 7}}, "r-1"),
    Kind.CAPTURE_STALLED: (
        {"position_age": {("bc", "items"): 601.0, ("bc", "customers"): 700.0, ("sales", "accounts"): 3.0}},
        "bc",
    ),
    Kind.WEBHOOKS: ({"webhooks": {"items": "missing", "customers": "silent", "contacts": "active"}}, "bc"),
    Kind.ANSWER: ({"answers": ["r-1"]}, "r-1"),
    Kind.PAUSED: ({"paused": {"CUSTOMER": T0}}, "CUSTOMER"),
    Kind.NOT_READY: ({"reasons": {"store": "away"}}, "leader"),
    Kind.CONFLICTS: ({"conflicts": {"CUSTOMER": 2}}, "CUSTOMER"),
    Kind.API_ERRORS: ({"refused": {"sales": 0.11}}, "sales"),
    Kind.SLOW: ({"slow": 0.06}, "changes"),
    Kind.DEAD_LETTERS: ({"letters": {"coupled.bc.items": 2}}, "coupled.bc.items"),
}
NEARLY: dict[str, Any] = {
    "failing": {"CUSTOMER": 0},
    "letters": {"coupled.bc.items": 0},
    "conflicts": {"CUSTOMER": 0},
    "refused": {"bc": 0.1, "sales": None},
    "slow": 0.05,
    "waited": {"bc": 0.5, "sales": None},
    "position_age": {("bc", "items"): 600.0},
    "webhooks": {"items": "active", "contacts": "refused"},
}
_BEFORE = {Kind.RUN_STALLED: 1800.0, Kind.NOTHING_RAN: 600.0}


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
    quiet = replace(QUIET, now=T0 + 15)
    assert list(watched(quiet, CALM - 30, watch).open) == [cause.key]
    assert not watched(quiet, CALM, watch).open


def test_what_is_nearly_wrong_is_not_told() -> None:
    assert not watched(Sight(T0, **NEARLY), 90_000, step=300).open


def test_while_changes_end_a_mapping_may_wait_a_little() -> None:
    watch = Watch()
    for number in range(400):
        nearly = Sight(T0 + number * 300, applied=number, lag={("CUSTOMER", "to_sales"): 300.0})
        watch = look(watch, nearly)
    assert not watch.open


def test_a_weekend_in_which_nothing_changes_is_not_told_nor_its_first_change_on_monday() -> None:
    read = {("bc", "customers"): 3.0}
    weekend = Sight(T0, lag={("CUSTOMER", "to_sales"): 0.0}, applied=7, position_age=read)
    watch = watched(weekend, 200_000, step=300)
    first = replace(weekend, now=T0 + 200_000, lag={("CUSTOMER", "to_sales"): 200_000.0})
    watch = watched(first, 15, watch)
    watch = watched(replace(weekend, now=first.now + 30, applied=8), 3600, watch)
    assert not watch.open


def test_that_no_table_is_read_is_told_with_what_each_side_has_to_say() -> None:
    ages = {("bc", "customers"): 601.0, ("sales", "accounts"): 700.0}
    told = watched(Sight(T0, position_age=ages), 300).open
    assert [cause.kind for cause in told.values()] == [Kind.NOTHING_RAN, Kind.CAPTURE_STALLED, Kind.CAPTURE_STALLED]


def test_after_a_restart_nothing_ran_until_something_does() -> None:
    cause = Cause(Kind.NOTHING_RAN, "everything", "", "")
    waits = Sight(T0, lag={("CUSTOMER", "to_sales"): 5.0}, applied=7)
    watch = watched(waits, 540, resumed([cause], T0))
    assert cause.key in watch.open
    watch = watched(replace(waits, now=T0 + 555, applied=8), CALM + 15, watch)
    assert cause.key not in watch.open
    unread = Sight(T0, unread=[("bc", "customers")], position_age={("bc", "customers"): 20.0})
    watch = watched(unread, 900, resumed([cause], T0))
    assert cause.key in watch.open
    one_is = replace(unread, now=T0 + 915, position_age={("bc", "customers"): 20.0, ("sales", "accounts"): 3.0})
    assert cause.key not in watched(one_is, CALM + 15, watch).open


def test_what_comes_and_goes_is_one_cause_and_told_once() -> None:
    behind = Sight(T0, lag={("CUSTOMER", "to_sales"): 900.0})
    watch, told, sent = Watch(), {}, 0
    for number in range(200):
        now = T0 + number * 15
        sight = replace(behind if number % 8 < 4 else QUIET, now=now, applied=number)
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
        Cause(Kind.API_ERRORS, "bc", "", ""),
        Cause(Kind.SLOW, "changes", "", ""),
        Cause(Kind.CAPTURE_STALLED, "sales", "", ""),
        Cause(Kind.RUN_STALLED, "r-1", "", ""),
        Cause(Kind.FAILURES, "CUSTOMER", "", ""),
    ]
    known = {cause.key: cause for cause in told}
    # Just started: no ten minutes are known, the side still cannot be read, the run has not been seen to move.
    unsure = Sight(
        T0,
        waited={"bc": None},
        refused={"bc": None},
        unread=[("sales", "accounts")],
        position_age={("sales", "accounts"): 3.0},
        runs={"r-1": 7},
        failing={"CUSTOMER": 3},
    )
    watch = watched(unsure, 1500, resumed(told, T0))
    assert not news(watch, known)
    well = Sight(
        T0 + 1515,
        waited={"bc": 0.1},
        refused={"bc": 0.1},
        slow=0.0,
        position_age={("sales", "accounts"): 3.0},
        runs={"r-1": 8},
    )
    watch = watched(well, CALM + 15, watch)
    assert [cause.key for cause in news(watch, known).over] == list(known)


def test_while_the_store_is_away_nothing_it_would_tell_is_over() -> None:
    told = [Cause(kind, SEEN[kind][1], "", "") for kind in sorted(alerts._STORED - {Kind.RUN_STALLED})]
    away = Sight(T0, stored=False, reasons={"store": "away"})
    watch = watched(away, 3600, resumed(told, T0))
    assert [cause.kind for cause in watch.open.values()] == [*(one.kind for one in told), Kind.NOT_READY]


def test_a_run_that_moves_is_not_stalled_however_long_it_takes() -> None:
    watch = Watch()
    for number in range(100):
        watch = look(watch, Sight(T0 + number * 900, runs={"r-1": number}))
    assert not watch.open


@pytest.mark.parametrize(
    ("points", "found"),
    [
        ([], None),
        ([(T0 - 599, 0, 0), (T0, 500, 100)], None),
        ([(T0 - 600, 0, 0), (T0, 600, 300)], 0.5),
        ([(T0 - 900, 0, 0), (T0 - 600, 300, 300), (T0 - 10, 890, 300), (T0, 900, 300)], 0.0),
        ([(T0 - 600, 40, 30), (T0, 40, 30)], 0.0),
        ([(T0 - 601, 40, 30), (T0, 140, 40)], 0.1),
    ],
    ids=["nothing known", "not long enough", "half", "only before", "nothing came", "a tenth"],
)
def test_the_share_is_that_of_the_last_ten_minutes(
    points: list[tuple[float, float, float]], found: float | None
) -> None:
    assert share(points, T0) == found


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
    assert "[warning] CUSTOMER to_sales is 15 minutes behind\n    CoupledFallingBehind. /readyz says what" in text
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


# What only somebody outside can tell, with the reason: of all other alerts people are told without Prometheus too.
ONLY_OUTSIDE = {
    "CoupledWorkerDown": "a worker that is down sends nothing, and the others do not know how many there should be",
    "CoupledAllWorkersDown": "nobody is left to send",
    "CoupledNobodyLeads": "only who leads sends",
}


def test_whatever_prometheus_tells_is_told_without_it_too_and_the_other_way_round() -> None:
    file = YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "alerts.yml")
    severities = {rule["alert"]: rule["labels"]["severity"] for group in file["groups"] for rule in group["rules"]}
    outside = {name: severities.pop(name) for name in ONLY_OUTSIDE}
    assert len(outside) == 3
    assert {kind.value: RULES[kind].severity for kind in Kind} == severities


def test_the_page_tells_of_every_kind() -> None:
    page = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| \[(\w+)\]\(runbooks\.md#(\w+)\) \|", page, re.MULTILINE)
    assert sorted(name for name, _ in told) == sorted(Kind)
    assert all(anchor == name.lower() for name, anchor in told)
