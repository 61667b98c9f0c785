"""Promise 10: secrets reach no log, topic, error, page or table, but for one column that has to hold one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.support.leaks import api, forms, leaks, messages, pages, tables
from tests.support.ports import free_port
from tests.support.processes import DaemonProcess, coupled
from tests.support.simulators import SECRET
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = pytest.mark.e2e

STORE, CONSOLE, WRONG = "st0re-pass-word/7", "c0nsole pass-word+7", "wr0ng-client-secret-7"
GUESS = "wr0ng-console-word-7"
TOKEN = "t0ken-of-programs-that-is-long-enough"
# Whoever has the store may know what notifications are known by.
ALLOWED = "webhook_subscriptions.secret"
ROOTS = ("api/v2.0/subscriptions", "api/coupled/sync/v1.0/subscriptions")
LOOKS = (
    "status",
    "jobs",
    "job 1",
    "job 99999",
    "errors",
    "couplings CUSTOMER",
    "couplings NOBODY",
    "mappings check",
    "mappings diff",
    "check",
    "sync CUSTOMER",
    "sync NOBODY",
)
PLAIN = ("status", "errors", "job 1", "check", "sync NOBODY")


@dataclass
class Written:
    """All that was written, by place, and all that is secret, by name."""

    secrets: dict[str, str]
    places: list[tuple[str, bytes]] = field(default_factory=list)

    def add(self, found: list[tuple[str, bytes]]) -> None:
        assert found
        self.places += found


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the simulators, which run in this process, give out from now on."""
    given: list[str] = []
    new = secrets.token_urlsafe

    def noted(length: int | None = None) -> str:
        given.append(new(length))
        return given[-1]

    monkeypatch.setattr(secrets, "token_urlsafe", noted)
    return given


@pytest.fixture
def world(tmp_path: Path, postgres: str, tokens: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """On PostgreSQL, with a console password and webhooks; everything is logged."""
    monkeypatch.chdir(tmp_path)  # where the daemon leaves its note
    port = free_port()
    with World(tmp_path, store=postgres) as made:
        made.configure(port=port, public_url=f"http://127.0.0.1:{port}")
        text = made.config.read_text("utf-8")
        for number, (setting, beside, secret) in enumerate(
            (
                ("password_file", f'url: "{postgres}"', STORE),
                ("password_file", f"port: {port}", CONSOLE),
                ("token_file", f"port: {port}", TOKEN),
            )
        ):
            (tmp_path / f"{number}.secret").write_text(secret, "utf-8")
            assert beside in text
            text = text.replace(beside, f"{beside}, {setting}: {number}.secret")
        made.config.write_text(f"{text}logs: {{level: DEBUG}}\n", "utf-8")
        yield made


def client_states(world: World) -> list[str]:
    root = world.simulators.places.bc_url
    return [row["clientState"] for path in ROOTS for row in world.bc.get(f"{root}/{path}")["value"]]


def weather(world: World) -> None:
    """A full synchronisation with refusals and tokens that end in its middle; then sign-in is refused for a while."""
    world.sales.arm(status=400, count=6, method="PATCH", path="/accounts(")
    world.bc.arm(status=400, count=3, method="POST", path="/contacts")
    for side in (world.bc, world.sales):
        side.control.delete("tokens").raise_for_status()
    assert world.full_sync("keep")["state"] == "done"
    world.sales.arm(status=401, count=3, path="/oauth2/v2.0/token")
    world.sales.arm(kind="html", status=502, count=6, method="GET", path="/accounts")
    marks = world.marks()
    world.sales.control.delete("tokens").raise_for_status()
    wait_until(lambda: not world.sales.armed(), 60, "the refusals to be over")
    world.bc.control.post("clock", json={"advance_seconds": 3700}).raise_for_status()  # tokens last an hour
    world.polled(marks, 2, frozenset({"sales:accounts"}))


def bad_messages(world: World) -> None:
    with world.commands() as commands:
        commands.send(b"{ this is no json")
        assert commands.run("nonsense")["state"] == "refused"
        assert commands.run("sync", mappings=["NOBODY"])["state"] == "refused"


def notices(world: World, states: list[str]) -> None:
    """From somebody who knows the secret, and from somebody who does not."""
    receiver = str(world.settings.business_central.webhooks.receiver)
    for state in (states[0], "a guess"):
        entry = {"clientState": state, "changeType": "updated", "resource": "api/v2.0/companies(x)/customers"}
        assert httpx.post(receiver, json={"value": [entry, {"clientState": state}, 7]}).status_code == 202


def console(world: World) -> list[tuple[str, bytes]]:
    note = world.note()
    assert note
    with httpx.Client(base_url=str(note["web"]), timeout=30, follow_redirects=True) as visitor:
        refused = visitor.post("/login", data={"password": GUESS})
        assert refused.status_code == 403
        before = [("the console before the login", refused.content), *pages(visitor, "/login")]
        visitor.post("/login", data={"password": CONSOLE}).raise_for_status()
        seen = [*pages(visitor, "/"), *api(visitor, "1")]
        assert {"/errors", "/jobs", "/mappings", "/full-sync"} <= {place for place, _ in seen}
        program = httpx.get(f"{note['web']}/api/status", headers={"Authorization": f"Bearer {TOKEN}"})
        assert program.status_code == 200
        probes = [(path, visitor.get(path).content) for path in ("/metrics", "/healthz", "/readyz")]
        return [*before, *seen, *probes]


def command_lines(world: World) -> list[tuple[str, bytes]]:
    """What each command shows, and says when it cannot; also of a daemon whose client secret is wrong."""
    looks = [*(words.split() for words in PLAIN), *([*words.split(), "--json"] for words in LOOKS)]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda words: coupled(world, *words), looks))
    wrong = {"COUPLED_SALES__AUTH__CLIENT_SECRET": WRONG}
    done += [coupled(world, *words, env=wrong) for words in (["check"], ["mappings", "check"], ["run"])]
    assert {one.returncode for one in done} == {0, 1, 2, 3}
    assert "AADSTS7000215" in done[-1].stderr
    gone = {
        "COUPLED_STORE__URL": f"postgresql://coupled@127.0.0.1:{free_port()}/none",
        "COUPLED_STORE__PASSWORD": WRONG,
    }
    done += [coupled(world, *words, env=gone) for words in (["status"], ["check"], ["run"])]
    assert [one.returncode for one in done[-3:]] == [3, 3, 3]
    return [(f"the output of {' '.join(one.args[3:-2])}", f"{one.stdout}{one.stderr}".encode()) for one in done]


def test_no_secret_is_written_anywhere(world: World, tokens: list[str], postgres: str) -> None:
    known = {"the client secret": SECRET, "the store's password": STORE, "the console's password": CONSOLE}
    guessed = {"a wrong client secret": WRONG, "a wrong password": GUESS}
    written = Written({**known, **guessed, "the token of the API": TOKEN})
    kept = [world.secret, *world.folder.glob("*.secret")]
    with DaemonProcess(world) as daemon:
        wait_until(lambda: len(client_states(world)) == 6, 60, "six subscriptions")
        states = client_states(world)
        weather(world)
        bad_messages(world)
        notices(world, states)
        written.add(console(world))
        written.add(command_lines(world))
        note = world.note()
        assert note
        written.add(messages(str(note["bootstrap"])))
        assert daemon.terminate() == 0
    written.add(tables(postgres))
    files = [path for path in world.folder.iterdir() if path.is_file() and path not in (world.config, *kept)]
    written.add([(path.name, path.read_bytes()) for path in files])
    written.secrets |= {f"client state {number}": state for number, state in enumerate(states)}
    written.secrets |= {f"token {number}": token for number, token in enumerate(tokens)}
    assert len(tokens) > 5
    found = leaks(written.secrets, written.places)
    assert {one.rpartition(" in ")[2] for one in found} == {ALLOWED}, found
    assert {one.rpartition(" in ")[0] for one in found} == {f"client state {number}" for number in range(6)}


def test_the_search_finds_what_is_hidden_in_other_forms() -> None:
    hidden = [(str(number), b"x" + form + b"x") for number, form in enumerate(forms(CONSOLE))]
    assert leaks({"it": CONSOLE}, hidden) == ["it in 0", "it in 1", "it in 2"]
    assert leaks({"it": CONSOLE}, [("there", b"nothing")]) == []
