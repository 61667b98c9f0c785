"""`coupled tail`: what has just ended, for who is looking, and what is said of the rest."""

from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from daemon.cli import tail as command
from daemon.cli.app import app
from daemon.tail import LISTENING, MOST, Tail
from schemas.change import Change, Op
from schemas.errors import Problem, Unreachable
from schemas.outcome import Outcome, Settled
from schemas.side import Direction, Side
from schemas.told import Wanted, told

ALL = Wanted()
STALE = Problem("coupled-to-deleted", "The account has been deleted.", "Uncouple it.")


def settled(key: str, outcome: Outcome = Outcome.MODIFIED, side: Side = Side.BC, **more: Any) -> Settled:
    change = Change(Op.UPDATE, side, "customers", key, {"displayName": f"Firm {key}"}, "v", 1, 1_000, 1_100)
    return Settled(change, more.pop("mapping", "CUSTOMER"), outcome, **more)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def keys(tail: Tail, number: int | None, wanted: Wanted = ALL) -> list[str | None]:
    return [one.bc_id for one in tail.since(number, wanted).outcomes]


def test_a_line_tells_both_ids_the_name_how_it_ended_and_why() -> None:
    one = told(settled("s-1", Outcome.CONFLICT, Side.SALES, partner="b-1", problem=STALE), 4_000)
    assert (one.bc_id, one.sales_id, one.name, one.outcome) == ("b-1", "s-1", "Firm s-1", "conflict")
    assert (one.code, one.message, one.changed_ms, one.ended_ms) == (STALE.code, STALE.message, 1_000, 4_000)


def test_who_begins_to_listen_hears_what_ends_from_then_on_once_and_in_order() -> None:
    tail = Tail("w")
    tail.add([settled("before")], 1)
    begun = tail.since(None, ALL)
    assert (begun.outcomes, begun.missed) == ((), 0)
    tail.add([settled("1"), settled("2")], 2)
    tail.add([settled("3")], 3)
    heard = tail.since(begun.next, ALL)
    assert [one.bc_id for one in heard.outcomes] == ["1", "2", "3"]
    assert [one.ended_ms for one in heard.outcomes] == [2, 2, 3]
    assert keys(tail, heard.next) == []


def test_both_directions_are_both() -> None:
    one, other = settled("b-1"), settled("s-1", side=Side.SALES)
    shown = {way: [Wanted(directions=[way]).has(each) for each in (one, other)] for way in Direction}
    assert shown == {
        Direction.TO_SALES: [True, False],
        Direction.TO_BC: [False, True],
        Direction.BOTH: [True, True],
    }


def test_nothing_is_kept_while_nobody_listens() -> None:
    clock = Clock()
    tail = Tail("w", clock)
    begun = tail.since(None, ALL)
    clock.now = LISTENING + 1
    tail.add([settled("unheard")], 1)
    heard = tail.since(begun.next, ALL)
    assert (heard.outcomes, heard.missed) == ([], 1)
    tail.add([settled("heard")], 2)
    assert keys(tail, heard.next) == ["heard"]


def test_what_was_too_many_is_counted() -> None:
    tail = Tail("w", kept=3)
    begun = tail.since(None, ALL)
    tail.add([settled(str(n)) for n in range(10)], 1)
    heard = tail.since(begun.next, ALL)
    assert ([one.bc_id for one in heard.outcomes], heard.missed) == (["7", "8", "9"], 7)


def test_more_than_one_answer_holds_comes_with_the_next() -> None:
    tail = Tail("w")
    begun = tail.since(None, ALL)
    tail.add([settled(str(n)) for n in range(MOST + 2)], 1)
    first = tail.since(begun.next, ALL)
    second = tail.since(first.next, ALL)
    assert (len(first.outcomes), first.more) == (MOST, True)
    assert ([one.bc_id for one in second.outcomes], second.more) == ([str(MOST), str(MOST + 1)], False)


def test_what_is_not_wanted_is_passed_over() -> None:
    tail = Tail("w")
    tail.since(None, ALL)
    tail.add([settled("1"), settled("2", Outcome.FAILED), settled("3", mapping="CONTACTS")], 1)
    tail.add([settled("s-4", side=Side.SALES, partner="4")], 1)
    assert keys(tail, 0, Wanted(outcomes=[Outcome.FAILED])) == ["2"]
    assert keys(tail, 0, Wanted(mappings=["CONTACTS"])) == ["3"]
    assert keys(tail, 0, Wanted(directions=[settled("1").direction])) == ["1", "2", "3"]
    assert tail.since(0, Wanted(mappings=["NONE"])).next == 4


@pytest.mark.parametrize(("number", "worker"), [(99, "w"), (1, "another")])
def test_numbers_of_another_worker_begin_anew(number: int, worker: str) -> None:
    tail = Tail("w")
    tail.since(None, ALL)
    tail.add([settled("1"), settled("2")], 1)
    assert tail.since(number, ALL, worker) == tail.since(None, ALL)


class Answers:
    """A worker that says these things, one after the other; an exception is raised. Then it is left with Ctrl-C."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self._answers, self.asked = list(answers), []

    def ask(self, path: str, given: dict[str, Any]) -> dict[str, Any]:
        if not self._answers:
            raise KeyboardInterrupt
        self.asked.append(given)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def url(self) -> str:
        return "http://127.0.0.1:8086"

    def close(self) -> None: ...


def heard(*outcomes: Settled, at: int, worker: str = "w", missed: int = 0) -> dict[str, Any]:
    found = [orjson.loads(orjson.dumps(told(one, 3_000))) for one in outcomes]
    return {"worker": worker, "next": at, "missed": missed, "more": True, "outcomes": found}


def run(monkeypatch: pytest.MonkeyPatch, worker: Answers, *words: str) -> Any:
    monkeypatch.setattr(command, "Here", lambda settings: worker)
    monkeypatch.setattr("daemon.cli.client.settings_of", lambda config: None)
    monkeypatch.setattr(command.time, "sleep", lambda seconds: None)
    return CliRunner().invoke(app, ["tail", *words])


def test_each_change_is_a_line_and_ctrl_c_ends_it_well(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Answers(heard(at=5), heard(settled("1", partner="s-1"), at=6), heard(settled("2"), at=7))
    answer = run(monkeypatch, worker)
    assert answer.exit_code == 0
    first, second = answer.stdout.splitlines()
    assert "CUSTOMER         BC → Sales  modified   Firm 1  1 ↔ s-1  after 2.0 s" in first
    assert "2 ↔ —" in second
    assert [given.get("after") for given in worker.asked] == [None, 5, 6]


def test_json_is_an_object_a_line_whatever_stands_in_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Answers(heard(at=5), heard(settled("1\n\x1b[2J"), settled("2"), at=7))
    answer = run(monkeypatch, worker, "--json")
    assert [orjson.loads(line)["bc_id"] for line in answer.stdout.splitlines()] == ["1\n\x1b[2J", "2"]
    assert "\x1b" not in answer.stdout


def test_it_goes_on_after_the_daemons_restart_and_says_what_it_did_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Unreachable("worker-away", "It is away.", "")
    worker = Answers(
        heard(at=5), heard(at=9, missed=1200), away, away, heard(at=0, worker="anew"), heard(settled("1"), at=1)
    )
    answer = run(monkeypatch, worker, "-n", "1")
    assert answer.exit_code == 0
    assert len(answer.stdout.splitlines()) == 1
    assert answer.stderr.count("It is away.") == 1
    assert "1,200 that ended meanwhile are not shown" in answer.stderr
    assert "was started anew" in answer.stderr


def test_failed_asks_for_conflicts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Answers(heard(at=5))
    assert run(monkeypatch, worker, "--failed", "--mapping", "CUSTOMER", "--direction", "to_bc").exit_code == 0
    assert worker.asked == [{"mapping": ["CUSTOMER"], "outcome": ["conflict", "failed"], "direction": ["to_bc"]}]
    assert run(monkeypatch, worker, "--failed", "--outcome", "modified").exit_code == 2


def test_a_worker_that_is_not_there_at_first_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run(monkeypatch, Answers(Unreachable("daemon-not-running", "No daemon.", "")))
    assert isinstance(answer.exception, Unreachable)
