"""Commands that reach a daemon by its API: the address, the password, and how a command is followed."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from daemon.cli import remote
from daemon.cli.app import app
from daemon.cli.http import Api
from daemon.cli.remote import Remote
from schemas.command import Sync
from schemas.errors import ConfigurationError, CoupledError, Exit, Refused, Unreachable

URL = "https://coupled.example.com:8086"
COMMAND = Sync(id="c-1", command="sync")
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COUPLED_WEB__PASSWORD", "COUPLED_WEB__TOKEN"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


def desk(monkeypatch: pytest.MonkeyPatch, answer: Handler) -> Remote:
    monkeypatch.setattr(remote, "Api", lambda url, config: Api(url, config, httpx.MockTransport(answer)))
    return Remote(URL, None, sleep=lambda seconds: None)


def status(state: str, **more: Any) -> dict[str, Any]:
    return {"id": "c-1", "command": "sync", "state": state, "run": None, "error": None, **more}


def problem(code: int, name: str) -> httpx.Response:
    return httpx.Response(code, json={"status": code, "code": name, "detail": "It is not.", "hint": "Mend it."})


class Daemon:
    """Answers each question about the command with the next of these."""

    def __init__(self, *told: httpx.Response | Exception | dict[str, Any]) -> None:
        self.left, self.posted = list(told), list[bytes]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.posted.append(request.content)
            return httpx.Response(202, json={"id": "c-1"})
        if "/runs/" in request.url.path:
            return httpx.Response(200, json={"items": [], "next": None})
        told = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if isinstance(told, Exception):
            raise told
        return httpx.Response(200, json=told) if isinstance(told, dict) else told


def test_a_command_is_followed_to_its_end_and_nothing_is_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    running = status("running", run="c-1")
    daemon = Daemon(problem(404, "http-404"), status("accepted"), running, running, status("done", run="c-1"))
    told = list(desk(monkeypatch, daemon).follow(COMMAND))
    assert [(one.state.value, one.run) for one in told] == [("accepted", None), ("running", "c-1"), ("done", "c-1")]
    assert len(daemon.posted) == 1


def test_a_refusal_is_the_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    error = {"code": "mapping-unknown", "message": "No.", "hint": "Look."}
    (told,) = desk(monkeypatch, Daemon(status("refused", error=error))).follow(COMMAND)
    assert told.error
    assert told.error.as_dict() == error


def test_a_command_that_nobody_takes_up_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "ACCEPT_SECONDS", -1)
    with pytest.raises(Unreachable, match="No daemon took the command up"):
        list(desk(monkeypatch, Daemon(problem(404, "http-404"))).follow(COMMAND))


def test_a_daemon_that_starts_anew_meanwhile_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon(status("accepted"), httpx.ConnectError("refused"), problem(503, "store-away"), status("done"))
    told = list(desk(monkeypatch, daemon).follow(COMMAND))
    assert [one.state.value for one in told] == ["accepted", "done"]


def test_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "ACCEPT_SECONDS", -1)
    with pytest.raises(Unreachable, match="does not answer: refused"):
        list(desk(monkeypatch, Daemon(httpx.ConnectError("refused"))).follow(COMMAND))


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (problem(401, "login-needed"), ConfigurationError, Exit.USAGE),
        (problem(422, "request-invalid"), Refused, Exit.USAGE),
        (problem(503, "kafka-away"), Unreachable, Exit.UNREACHABLE),
        (problem(500, "internal-error"), Unreachable, Exit.UNREACHABLE),
        (httpx.Response(200, text="<html>"), Unreachable, Exit.UNREACHABLE),
        (httpx.Response(502, text="Bad gateway"), Unreachable, Exit.UNREACHABLE),
    ],
)
def test_an_error_of_the_api_is_ours(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response, kind: type[CoupledError], code: Exit
) -> None:
    with pytest.raises(kind) as told:
        desk(monkeypatch, lambda request: answer).jobs((), None, False, 5)
    assert told.value.exit == code


@pytest.mark.parametrize("answer", [httpx.Response(404, text="Not Found"), httpx.Response(404, json={"detail": "No."})])
def test_where_no_daemon_is_nothing_is_taken_for_an_empty_list(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response
) -> None:
    with pytest.raises(Unreachable, match="There is no daemon at") as told:
        desk(monkeypatch, lambda request: answer).failures((), None, None, 5)
    assert told.value.problem.hint


@pytest.mark.parametrize("answer", [problem(404, "http-404"), httpx.Response(200, json=[])])
def test_a_daemon_without_such_a_list_is_of_another_version(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response
) -> None:
    with pytest.raises(Refused, match="it is another version"):
        desk(monkeypatch, lambda request: answer).blanks((), 5)


def test_a_name_is_one_part_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path)
        return problem(404, "http-404")

    with pytest.raises(Refused, match="There is no run"):
        desk(monkeypatch, answer).findings("a/b?c", None, 1)
    with pytest.raises(Refused, match="There is no mapping"):
        desk(monkeypatch, answer).couplings("A/B?C", "", 1)
    assert asked == [b"/api/runs/a%2Fb%3Fc", b"/api/mappings/A%2FB%3FC"]


def test_this_machine_is_asked_by_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be told the password, and look for the daemon on a machine of its own."""
    with closing(socket.create_server(("127.0.0.1", 0))) as proxy:
        proxy.settimeout(0)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        with pytest.raises(Unreachable, match="does not answer"):
            Api("http://localhost:1", None).get("/api/status")
        with pytest.raises(BlockingIOError):
            proxy.accept()


@pytest.mark.parametrize("url", ["http://coupled.example.com:8086", "coupled.example.com", "ftp://x"])
def test_a_password_goes_over_no_open_line(url: str) -> None:
    with pytest.raises(ConfigurationError, match="--url"):
        Api(url, None)


def test_the_token_or_password_is_of_the_environment_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def sent() -> str | None:
        seen: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return httpx.Response(200, json={"items": [], "next": None})

        desk(monkeypatch, answer).jobs((), None, False, 1)
        return seen[0].headers.get("authorization")

    assert sent() is None
    monkeypatch.setenv("COUPLED_WEB__PASSWORD_FILE", str(tmp_path / "password"))
    with pytest.raises(ConfigurationError, match="password cannot be read"):
        sent()
    (tmp_path / "password").write_text("of-the-file\n")
    assert sent() == "Bearer of-the-file"
    monkeypatch.setenv("COUPLED_WEB__PASSWORD", "of-the-variable")
    assert sent() == "Bearer of-the-variable"
    (tmp_path / "token").write_text("token-of-the-file\n")
    monkeypatch.setenv("COUPLED_WEB__TOKEN_FILE", str(tmp_path / "token"))
    assert sent() == "Bearer token-of-the-file"
    monkeypatch.setenv("COUPLED_WEB__TOKEN", "token-of-the-variable")
    assert sent() == "Bearer token-of-the-variable"


@pytest.mark.parametrize("words", [["status", "--url", URL], ["mappings", "check", f"--url={URL}"]])
def test_an_address_behind_the_command_is_told_where_it_stands(words: list[str]) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert f"--url stands before the command: coupled --url … {words[0]}" in " ".join(
        done.output.replace("│", "").split()
    )
    assert "No such option: --owl" in CliRunner().invoke(app, ["status", "--owl"]).output
