"""Notifications arrive: by mail at a real SMTP server, by webhook at a real web server; and when not, it is told."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from daemon.alerts.channels import Channel, Undelivered, channels
from daemon.checkup.notify import notify as checked
from daemon.cli.app import app
from daemon.config import load
from daemon.notify_settings import Notify
from schemas.alert_causes import Cause, Kind
from schemas.alerts import News
from tests.support.certificates import Authority
from tests.support.mail_server import PASSWORD, USER, MailServer, Posts, receiver

CAUSE = Cause(
    Kind.FAILURES, "CUSTOMER", "3 CUSTOMER records — Müller & Söhne — cannot be carried", "coupled errors CUSTOMER"
)
BAD = News([CAUSE])
TO = ["admin@example.com", "erp@example.com"]
MAIL = {"host": "localhost", "from": "coupled@example.com", "to": TO}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def posts() -> Iterator[Posts]:
    with receiver() as found:
        yield found


def channel(**notify: Any) -> Channel:
    [found] = channels(Notify.model_validate(notify), "CRONUS").values()
    return found


def by_mail(server: MailServer, **more: Any) -> Channel:
    return channel(email={**MAIL, "port": server.port, "security": "none", **more})


async def test_a_mail_arrives_at_all_of_its_addresses_and_can_be_read() -> None:
    with MailServer() as server:
        await by_mail(server).send(BAD)
    [mail], [recipients] = server.mails, server.recipients
    assert recipients == TO
    assert (mail["From"], mail["To"]) == ("coupled@example.com", ", ".join(TO))
    assert mail["Subject"] == f"coupled, warning: {CAUSE.summary}"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"]
    assert mail["Message-ID"].endswith("@example.com>")
    assert "CoupledFailuresGrowing. coupled errors CUSTOMER" in mail.get_content()


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_guarded_server_is_believed_by_its_certificate_and_given_the_password(
    authority: Authority, security: str
) -> None:
    pem = authority.issue("localhost")
    login = {"username": USER, "password": PASSWORD, "security": security}
    with MailServer(pem, login=True, implicit=security == "tls") as server:
        await by_mail(server, **login, ca_file=str(authority.file)).send(BAD)
        assert (len(server.mails), server.logins) == (1, 1)
        with pytest.raises(Undelivered, match="certificate does not hold"):
            await by_mail(server, **login).send(BAD)
        assert (len(server.mails), server.logins) == (1, 1)


async def test_no_password_is_given_to_a_server_that_offers_no_tls() -> None:
    with MailServer(login=True) as server:
        with pytest.raises(Undelivered):
            await by_mail(server, security="starttls", username=USER, password=PASSWORD).send(BAD)
        assert (server.mails, server.logins) == ([], 0)


async def test_what_goes_wrong_with_a_mail_is_told_without_the_password() -> None:
    with MailServer(login=True) as server:
        with pytest.raises(Undelivered, match="refuses the username or password") as wrong:
            await by_mail(server, username=USER, password="not-this-one").send(BAD)
        assert "not-this-one" not in str(wrong.value)
        there = by_mail(server)
    with pytest.raises(Undelivered, match=r"localhost:\d+: Connection refused"):
        await there.send(BAD)


async def test_a_mail_that_one_address_refuses_has_not_gone() -> None:
    with MailServer() as server:
        server.refused = {TO[1]}
        with pytest.raises(Undelivered, match=f"it refuses {TO[1]}"):
            await by_mail(server).send(BAD)


async def test_a_post_arrives_signed_with_what_it_says_and_the_headers_of_the_settings(posts: Posts) -> None:
    headers = {"Authorization": "Bearer abc"}
    await channel(webhook={"url": posts.url, "secret": "s3cret", "headers": headers}).send(News([], [CAUSE]))
    [(sent, content)] = posts.received
    assert sent["content-type"] == "application/json"
    assert sent["authorization"] == "Bearer abc"
    expected = hmac.new(b"s3cret", content, hashlib.sha256).hexdigest()
    assert sent["x-coupled-signature"] == f"sha256={expected}"
    body = orjson.loads(content)
    assert (body["from"], body["raised"], body["test"]) == ("CRONUS", [], False)
    assert [one["id"] for one in body["over"]] == ["CoupledFailuresGrowing:CUSTOMER"]


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_anything_but_success_is_no_delivery_and_a_redirect_is_not_followed(posts: Posts, status: int) -> None:
    posts.status = status
    with pytest.raises(Undelivered, match=f"127.0.0.1 answered {status}"):
        await channel(webhook={"url": posts.url}).send(BAD)
    assert posts.methods == ["POST"]


async def test_the_address_of_a_webhook_is_told_to_nobody(tmp_path: Path) -> None:
    kept = tmp_path / "url"
    kept.write_text("http://127.0.0.1:1/hook?sig=very-secret\n", encoding="utf-8")
    with pytest.raises(Undelivered) as wrong:
        await channel(webhook={"url_file": str(kept)}).send(BAD)
    assert "very-secret" not in repr(wrong.value)
    assert "127.0.0.1" in str(wrong.value)


async def test_a_check_reaches_both_and_tells_nobody_anything(posts: Posts, tmp_path: Path) -> None:
    with MailServer() as server:
        file = configured(tmp_path, posts.url, server.port)
        found = await checked(load(file, {}))
    assert [(one.what, one.state) for one in found] == [("webhook", "ok"), ("email", "ok")]
    assert (server.mails, posts.received) == ([], [])
    [_, mail] = await checked(load(file, {}))
    assert (mail.state, mail.away) == ("warning", False)
    assert "Connection refused" in mail.says


def test_the_command_sends_a_test_on_each_and_says_what_did_not_go(posts: Posts, tmp_path: Path) -> None:
    with MailServer() as server:
        words = ["notify", "--test", "--config", str(configured(tmp_path, posts.url, server.port))]
        answer = CliRunner().invoke(app, words)
        assert (answer.exit_code, answer.stdout) == (0, "webhook: sent\nemail: sent\n")
        assert server.mails[0]["Subject"] == "coupled: a test"
    assert [one["test"] for one in posts.bodies()] == [True]
    posts.status = 403
    answer = CliRunner().invoke(app, [*words, "--json"])
    assert answer.exit_code == 3
    first, second = orjson.loads(answer.stdout)
    assert first == {"channel": "webhook", "error": "127.0.0.1 answered 403"}
    assert "Connection refused" in second["error"]


def configured(folder: Path, url: str, port: int) -> Path:
    file = folder / "coupled.yaml"
    (folder / "url").write_text(url, encoding="utf-8")
    file.write_text(
        f"""business_central:
  url: https://api.businesscentral.dynamics.com/v2.0/production
  company: CRONUS
  auth: {{tenant: t, client_id: c, client_secret_file: coupled.yaml}}
sales: {{url: https://contoso.crm.dynamics.com, auth: {{tenant: t, client_id: c, client_secret_file: coupled.yaml}}}}
notify:
  webhook: {{url_file: url}}
  email: {{host: localhost, port: {port}, security: none, from: coupled@example.com, to: [admin@example.com]}}
""",
        encoding="utf-8",
    )
    return file


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"email": {**MAIL, "host": "mail.example.com", "security": "none"}}, "loopback addresses only"),
        ({"email": {**MAIL, "to": []}}, "at least one address in to"),
        ({"email": {**MAIL, "to": ["admin@example.com\r\nBcc: all@example.com"]}}, "name@example.com"),
        ({"email": {**MAIL, "from": "Coupled"}}, "name@example.com"),
        ({"email": {**MAIL, "username": "u"}}, "come together"),
        ({"email": {"to": TO}}, "give host"),
        ({"webhook": {"url": "http://hooks.example.com/very-secret"}}, "url: plain http"),
        ({"webhook": {"url": "hooks.example.com/very-secret"}}, "url: a full address is needed, such as https://hooks"),
        ({"webhook": {"headers": {"X-A": "b"}}}, "give url or url_file"),
        ({"webhook": {"url": "https://x.example.com", "headers": {"X-A": "very-secret\r\nX-B: c"}}}, "one line"),
        ({"webhook": {"url": "https://x.example.com", "url_file": __file__}}, "either url or url_file"),
    ],
)
def test_settings_that_cannot_work_are_refused_and_no_secret_is_shown(part: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as wrong:
        Notify.model_validate(part)
    assert "very-secret" not in str(wrong.value)


def test_a_variable_names_several_addresses(tmp_path: Path) -> None:
    file = configured(tmp_path, "https://hooks.example.com/x", 25)
    settings = load(file, {"COUPLED_NOTIFY__EMAIL__TO": "a@example.com, b@example.com"})
    assert settings.notify.email.to == ["a@example.com", "b@example.com"]
    assert "hooks.example.com/x" not in repr(settings)
