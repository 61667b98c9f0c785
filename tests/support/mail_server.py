"""A real SMTP server on a loopback port that keeps what it is sent, and a web server that does the same with posts."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.support.ports import free_port

USER, PASSWORD = "coupled", "let-me-mail"


class MailServer:
    """Wants a login if `login`; refuses `refused` as recipients. `pem`: key and certificate, for STARTTLS."""

    def __init__(self, pem: Path | None = None, login: bool = False, implicit: bool = False) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refused: set[str] = set()
        self.logins = 0
        context = None
        if pem:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
        more: dict[str, Any] = {"ssl_context": context} if implicit else {"tls_context": context}
        if context and not implicit:
            more["require_starttls"] = True
        if login:
            more |= {"authenticator": self._authenticate, "auth_required": True}
            more["auth_require_tls"] = context is not None and not implicit
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **more)

    def _authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.logins += 1
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


class Posts:
    """What was posted: headers (names in small letters) and body. It answers with `status`."""

    def __init__(self) -> None:
        self.status = 204
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.methods: list[str] = []
        self.arrived = threading.Event()
        self.url = ""

    def bodies(self) -> list[Any]:
        return [orjson.loads(body) for _, body in self.received]


@contextmanager
def receiver() -> Iterator[Posts]:
    """A web server that takes posts."""
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            posts.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self._answer("POST")
            posts.arrived.set()

        def do_HEAD(self) -> None:
            self._answer("HEAD")

        def do_GET(self) -> None:
            self._answer("GET")

        def _answer(self, method: str) -> None:
            posts.methods.append(method)
            self.send_response(posts.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    posts.url = f"http://127.0.0.1:{server.server_address[1]}/hook?sig=very-secret"
    try:
        yield posts
    finally:
        server.shutdown()
        server.server_close()
