"""Dead letters: what is kept of them, what of it is shown, which may be put back, and what is asked before."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from daemon.cli import dead_letters
from daemon.cli.app import app
from daemon.cli.direct import Direct
from daemon.logs import HIDDEN
from schemas.dead_letter import LONGEST_REASON, DeadLetter, Place, headers, letter, shown, stuck, text_of
from schemas.topics import Topics
from tests.support.letters import Kept, kept

TOPICS = Topics("t")
CUSTOMER = DeadLetter(4, 1_790_000_000_000, "t.bc.customers", 1, 17, b"5d11", b"{not json", "it is not JSON", 9)
COMMAND = DeadLetter(5, 1_790_000_001_000, "t.control", 0, 3, None, b"make coffee", "it is no command", 11)


def test_a_letter_says_what_its_headers_say() -> None:
    told = headers(Place("t.bc.customers", 1, 17), "it is not JSON")
    assert letter(4, 1_790_000_000_000, b"5d11", b"{not json", told) == CUSTOMER


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([], id="none"),
        pytest.param([("topic", None), ("partition", b"x"), ("offset", b"-1")], id="of another kind"),
        pytest.param([("offset", b"9" * 5000), ("cut-from", "²".encode())], id="no numbers"),
    ],
)
def test_whatever_stands_on_the_topic_is_a_letter(told: Any) -> None:
    one = letter(1, 0, None, b"x", told)
    assert (one.topic, one.partition, one.offset, one.size, one.whole) == ("", None, None, 1, True)
    assert stuck(one, TOPICS) == "it does not say which topic it came from"


def test_a_reason_that_quotes_the_whole_message_is_cut_and_half_a_character_does_no_harm() -> None:
    told = dict(headers(Place("t.control", 0, 0), "\ud800" + "x" * 1_000_000))
    assert len(told["reason"].decode()) <= LONGEST_REASON + 5


@pytest.mark.parametrize(
    ("topic", "fits"),
    [
        ("t.bc.customers", True),
        ("t.sales.accounts", True),
        ("t.control", True),
        ("t.dead-letters", False),
        ("t.outcomes", False),
        ("t2.control", False),
        ("payments", False),
    ],
)
def test_only_topics_that_the_daemon_reads_get_anything_back(topic: str, fits: bool) -> None:
    assert bool(stuck(replace(CUSTOMER, topic=topic), TOPICS)) is not fits


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (b"\x1b[2J\x07red\x1b]0;title\x07", "\\x1b[2J\\x07red\\x1b]0;title\\x07"),
        (b"two\r\nlines\ttab\0", "two\\r\\nlines\\ttab\\x00"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202egnp.exe\u200b".encode(), "\\u202egnp.exe\\u200b"),
        ("\x9bJ café €".encode(), "\\x9bJ café €"),
        (None, ""),
    ],
)
def test_what_is_shown_does_nothing_to_a_terminal(raw: bytes | None, seen: str) -> None:
    assert shown(text_of(raw)) == seen


def test_what_is_shown_is_cut() -> None:
    assert shown("x" * 1000, 10) == "x" * 9 + "…"
    assert len(shown("\0" * 1000, 10)) == 10


def run(monkeypatch: pytest.MonkeyPatch, letters: Kept, *words: str, **options: Any) -> Result:
    monkeypatch.setattr("daemon.cli.client.settings_of", lambda config: None)
    monkeypatch.setattr(Direct, "_letters", lambda desk: letters)
    return CliRunner(env={"COLUMNS": "90"}).invoke(app, ["dead-letters", *words], **options)


def test_they_are_listed_newest_first_in_lines_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run(monkeypatch, kept("t", CUSTOMER, COMMAND), "list")
    lines = answer.stdout.splitlines()
    assert answer.exit_code == 0
    assert [line.split()[0] for line in lines if "t." in line] == ["5", "4"]
    assert "t.bc.customers-1-17" in answer.stdout
    assert "it is no command" in answer.stdout
    assert "{not json (9 bytes, key 5d11)" in answer.stdout
    assert max(map(len, lines)) <= 90
    assert "coupled dead-letters replay" in lines[-1]


def test_as_json_and_limited_and_of_one_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    def numbers(*words: str) -> list[int]:
        return [one["letter"] for one in orjson.loads(run(monkeypatch, letters, "list", "--json", *words).stdout)]

    letters = kept("t", CUSTOMER, COMMAND, replace(CUSTOMER, number=6))
    assert numbers() == [6, 5, 4]
    assert numbers("--limit", "2") == [6, 5]
    assert numbers("--topic", "bc.customers") == numbers("--topic", "t.bc.customers") == [6, 4]
    assert numbers("--topic", "customers") == []


def test_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, kept("t"), "list").stdout == "No dead letters.\n"
    assert run(monkeypatch, kept("t"), "replay", "--all").stdout == "No dead letters.\n"


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    value = b'{"client_secret": "s3cr3t\\"s3cr3t", "a": "Bearer s3cr3ts3cr3t", "u": "https://me:s3cr3t@x", '
    value += b'"Access_Token" :\n"s3cr3t'
    letters = kept("t", replace(CUSTOMER, value=value, key=b"password=s3cr3t", reason="not JSON: Bearer s3cr3t123"))
    for words in (["list"], ["list", "--json"]):
        said = run(monkeypatch, letters, *words).stdout
        assert "s3cr3t" not in said
        assert HIDDEN in said


def test_nothing_is_put_back_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = kept("t", CUSTOMER, COMMAND)
    assert run(monkeypatch, letters, "replay", "--all").exit_code == 2  # no terminal to ask on
    monkeypatch.setattr(dead_letters.sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(dead_letters.typer, "confirm", lambda *_, **__: False)
    assert run(monkeypatch, letters, "replay", "--all").exit_code == 2
    assert letters.asked == []


@pytest.mark.parametrize(
    ("words", "asked"),
    [(["4"], [4]), (["5", "4"], [4, 5]), (["--all"], [4, 5]), (["--all", "--topic", "control"], [5])],
)
def test_the_named_ones_are_put_back(monkeypatch: pytest.MonkeyPatch, words: list[str], asked: list[int]) -> None:
    letters = kept("t", CUSTOMER, COMMAND)
    answer = run(monkeypatch, letters, "replay", "--yes", *words)
    assert (answer.exit_code, sorted(letters.asked)) == (0, asked)
    assert answer.stdout.count("1 message put back on t.") == len(asked)
    assert "The letters stay." in answer.stdout


@pytest.mark.parametrize("words", [[], ["4", "--all"], ["4", "--topic", "control"]])
def test_what_is_meant_must_be_clear(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    letters = kept("t", CUSTOMER, COMMAND)
    assert run(monkeypatch, letters, "replay", "--yes", *words).exit_code == 2
    assert letters.asked == []


def test_a_letter_that_is_not_there_is_refused_and_none_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = kept("t", CUSTOMER)
    answer = run(monkeypatch, letters, "replay", "--yes", "4", "7")
    assert str(answer.exception).startswith("There is no dead letter 7.")
    assert letters.asked == []


def test_what_could_not_be_put_back_is_told_and_the_exit_code_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = kept("t", CUSTOMER, replace(COMMAND, topic="payments"))
    answer = run(monkeypatch, letters, "replay", "--yes", "--all", "--json")
    assert answer.exit_code == 1
    assert orjson.loads(answer.stdout) == {
        "replayed": [{"letter": 4, "topic": "t.bc.customers", "partition": 0, "offset": 99}],
        "left": [{"letter": 5, "reason": "it came from payments, which this daemon does not read"}],
    }
