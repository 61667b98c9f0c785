"""A daemon tells somebody what needs a look: once, also over its restart, and once that it is over. Whoever opens its
console is shown it while it lasts, also where nobody is to be told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from daemon.alerts import notifier
from schemas import alert_causes, alerts
from schemas.alert_causes import Kind
from schemas.alerts import Rule
from tests.support.mail_server import Posts, receiver
from tests.support.waiting import wait_until
from tests.support.world import World


@pytest.fixture
def posts() -> Iterator[Posts]:
    with receiver() as found:
        yield found


def test_a_pause_is_told_once_and_its_end_once_whatever_happens_to_the_daemon(
    tmp_path: Path, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the patience, which tests/unit/test_alerts.py tries in a time of its own.
    monkeypatch.setitem(alerts.RULES, Kind.PAUSED, Rule("info", 0))  # type: ignore[arg-type]
    monkeypatch.setattr(alerts, "CALM", 0.5)
    monkeypatch.setattr(notifier, "SECONDS", 0.1)
    with World(tmp_path, customers=1) as world:
        (world.folder / "url").write_text(posts.url)
        world.config.write_text(f"{world.config.read_text()}notify: {{webhook: {{url_file: url}}}}\n")
        with world.daemon():
            world.command("pause", mappings=["CUSTOMER"])
            wait_until(lambda: posts.received, 20, "the message")
            [told] = wait_until(lambda: world.cli("notify"), 20, "what was told")
            assert [one["about"] for one in told["told"]] == ["CUSTOMER"]
        looks: list[object] = []
        looked = notifier.look
        monkeypatch.setattr(notifier, "look", lambda *one: looks.append(one) or looked(*one))
        with world.daemon():
            wait_until(lambda: len(looks) > 3, 20, "some looks after the restart")
            world.command("resume", mappings=["CUSTOMER"])
            wait_until(lambda: len(posts.received) > 1, 20, "that it is over")
    first, second = posts.bodies()
    assert ([one["alert"] for one in first["raised"]], first["over"]) == (["CoupledPausedLong"], [])
    assert (second["raised"], [one["about"] for one in second["over"]]) == ([], ["CUSTOMER"])
    assert first["from"] == "CRONUS"


def test_what_is_wrong_is_shown_while_it_lasts_though_nobody_is_notified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(alerts.RULES, Kind.RUN_STALLED, Rule("warning", 0))  # type: ignore[arg-type]
    monkeypatch.setattr(alert_causes, "_STANDSTILL", 0.5)
    monkeypatch.setattr(notifier, "SECONDS", 0.1)
    with World(tmp_path, customers=1) as world, world.daemon(), world.commands() as commands:
        note = world.note()
        assert note
        with httpx.Client(base_url=str(note["web"])) as browser:

            def needs() -> str:
                return browser.get("/").text.partition("Needs you now")[2].partition("</section>")[0]

            wait_until(lambda: "<strong>Nothing</strong>" in needs(), 20, "that all is well")
            world.bc.arm(status=503, method="GET", path="/customers", count=100_000)
            run = commands.command("sync", mappings=["CUSTOMER"])
            shown = wait_until(lambda: (text := needs()).count("Run stalled") and text, 60, "that it is shown")
            assert f"Run {run} has got nowhere" in shown
            assert "What to do: CoupledRunStalled in docs/runbooks.md." in shown
            assert f'href="/jobs?run={run}"' in shown
            listed = browser.get("/api/alerts").json()["items"]
            assert [one["about"] for one in listed if one["alert"] == Kind.RUN_STALLED] == [run]
            world.bc.disarm()
            wait_until(lambda: "<strong>Nothing</strong>" in needs(), 120, "that it is over")
            assert browser.get("/api/alerts").json()["items"] == []
