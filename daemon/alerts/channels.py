"""The ways to tell people: a webhook, and mail. One message each; Undelivered says why it did not go."""

import asyncio
import hashlib
import hmac
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Protocol

import httpx
import orjson

from daemon.notify_settings import Email, Notify, Webhook
from daemon.settings import Settings
from schemas import alert_words
from schemas.alerts import News

SIGNATURE = "X-Coupled-Signature"
_SECONDS, _MAIL_SECONDS = 10.0, 45.0


class Undelivered(Exception):
    """The message did not go, or nobody knows whether it did. The text holds no secret."""


class Channel(Protocol):
    async def send(self, news: News) -> None:
        """Returns when the other end has taken it. Undelivered if it has not. No news: a test."""

    async def connect(self) -> str:
        """What can be tried without telling anybody, in words. Undelivered if it does not go."""


def channels_of(settings: Settings) -> Mapping[str, Channel]:
    """Those that are configured, by name."""
    notify = settings.notify
    return channels(notify, notify.name or settings.business_central.company)


def channels(settings: Notify, who: str) -> Mapping[str, Channel]:
    """As `channels_of`. `who`: what the daemon calls itself."""
    found: dict[str, Channel] = {}
    if settings.webhook.on:
        found["webhook"] = WebhookChannel(settings.webhook, who)
    if settings.email.on:
        found["email"] = EmailChannel(settings.email, who)
    return found


class WebhookChannel:
    """A POST with JSON, signed if there is a secret. Anything but 2xx, a redirect too, is no delivery."""

    def __init__(self, settings: Webhook, who: str) -> None:
        self._settings, self._who = settings, who

    async def send(self, news: News) -> None:
        with _told_by(self._host()):
            content = orjson.dumps(alert_words.body(news, self._who, datetime.now(UTC).isoformat(timespec="seconds")))
            async with httpx.AsyncClient(timeout=_SECONDS) as client, asyncio.timeout(_MAIL_SECONDS):
                address = self._settings.address().get_secret_value()
                answer = await client.post(address, content=content, headers=self._headers(content))
        if not answer.is_success:
            raise Undelivered(f"{self._host()} answered {answer.status_code}")

    async def connect(self) -> str:
        """A HEAD request: any answer shows that it is reached."""
        with _told_by(self._host()):
            async with httpx.AsyncClient(timeout=_SECONDS) as client:
                await client.head(self._settings.address().get_secret_value())
        return f"{self._host()} answers; whether it takes messages, `coupled notify --test` shows"

    def _headers(self, content: bytes) -> dict[str, str]:
        given = {name: value.get_secret_value() for name, value in self._settings.headers.items()}
        signing = self._settings.signing()
        if signing:
            digest = hmac.new(signing.get_secret_value().encode(), content, hashlib.sha256).hexdigest()
            given[SIGNATURE] = f"sha256={digest}"
        return {"Content-Type": "application/json", "User-Agent": "coupled", **given}

    def _host(self) -> str:
        try:
            return self._settings.shown
        except (OSError, ValueError):
            return "the webhook"


class EmailChannel:
    """A mail to all of `to`; one that is refused for a single address has not gone."""

    def __init__(self, settings: Email, who: str) -> None:
        self._settings, self._who = settings, who

    async def send(self, news: News) -> None:
        await self._in_thread(self._mail(news))

    async def connect(self) -> str:
        await self._in_thread(None)
        return f"{self._settings.host}:{self._settings.port} is ready to take mail"

    async def _in_thread(self, mail: EmailMessage | None) -> None:
        try:
            async with asyncio.timeout(_MAIL_SECONDS):
                await asyncio.to_thread(self._deliver, mail)
        except (smtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            raise Undelivered(f"{self._settings.host}:{self._settings.port}: {_mail_reason(error)}") from None

    def _mail(self, news: News) -> EmailMessage:
        mail, sender = EmailMessage(), str(self._settings.sender)
        mail["Subject"] = alert_words.subject(news)
        mail["From"], mail["To"] = sender, ", ".join(self._settings.to)
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=sender.rpartition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"  # no vacation notes in answer (RFC 3834)
        mail.set_content(alert_words.text(news, self._who))
        return mail

    def _deliver(self, mail: EmailMessage | None) -> None:
        with self._connected() as server:
            if mail is None:
                server.noop()
            elif refused := server.send_message(mail):
                raise smtplib.SMTPRecipientsRefused(refused)

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        one = self._settings
        context = ssl.create_default_context(cafile=str(one.ca_file) if one.ca_file else None)
        if one.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(one.host, one.port, timeout=_SECONDS, context=context)
        else:
            server = smtplib.SMTP(one.host, one.port, timeout=_SECONDS)
        with server:
            if one.security == "starttls":
                server.starttls(context=context)
            if one.username:
                server.login(one.username, one.secret().get_secret_value())
            yield server


@contextmanager
def _told_by(host: str) -> Iterator[None]:
    """Not in the words of the error, but for the system's: they may quote the address."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError) as error:
        raise Undelivered(f"{host}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return {"ConnectError": "no connection", "ReadTimeout": "no answer in time"}.get(
        type(error).__name__, type(error).__name__
    )


def _mail_reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"it refuses the username or password ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "it refuses " + ", ".join(sorted(error.recipients))
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answered {error.smtp_code}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
