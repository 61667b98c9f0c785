"""Who may come in, and whose forms are taken: one signed cookie carries the login and the form token's seed.

Four guards stand behind each other: SameSite=Strict, a token in each form, the Origin header, and, where there is no
login, the Host header (a page elsewhere could have its name point at this machine).
"""

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from daemon.settings import Web, is_loopback
from schemas.errors import Refused

COOKIE = "coupled_session"
LIFETIME = 12 * 3600
_TRIES, _WINDOW = 10, 60.0
_API = "/api/"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in. Without `password` everyone who reaches the port, so `host` must be loopback then. `token` lets
    programs use the API."""

    host: str = "127.0.0.1"
    password: Callable[[], str] | None = None
    token: Callable[[], str] | None = None

    @staticmethod
    def of(web: Web) -> "Access":
        """As the configuration says; a file is read whenever somebody shows what may be in it."""
        return Access(
            web.host,
            (lambda: web.secret().get_secret_value()) if web.login else None,
            web.token_now if web.has_token else None,
        )


@dataclass(frozen=True, slots=True)
class Session:
    """What the cookie says. `fresh` ones are new and still have to be sent."""

    seed: str
    signed_in: bool
    expires: int
    fresh: bool = False


class Guard:
    """Signs with a key of this process: a restart ends every login, and nothing secret is kept anywhere."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._key = secrets.token_bytes(32)
        self._wrong: list[float] = []

    @property
    def login(self) -> bool:
        return self._access.password is not None

    def session(self, connection: HTTPConnection) -> Session:
        """The visitor's session, or a fresh one that is not signed in."""
        parts = connection.cookies.get(COOKIE, "").split(".")
        if len(parts) == 4 and _same(self._sign(".".join(parts[:3])), parts[3]):
            seed, signed_in, expires = parts[:3]
            if int(expires) > time.time():
                return Session(seed, signed_in == "1", int(expires))
        return self._fresh(signed_in=False)

    def keep(self, response: Response, session: Session, *, https: bool) -> None:
        """Sends the cookie of a session."""
        text = f"{session.seed}.{int(session.signed_in)}.{session.expires}"
        response.set_cookie(
            COOKIE,
            f"{text}.{self._sign(text)}",
            max_age=LIFETIME,
            httponly=True,
            samesite="strict",
            secure=https,
        )

    def token(self, session: Session) -> str:
        """What a form must carry."""
        return self._sign(f"form.{session.seed}")

    async def form_of(self, request: Request) -> FormData:
        """The form that was sent. Refused unless it carries the token of the visitor's session."""
        form, session = await request.form(), self.session(request)
        if session.fresh or not _same(self.token(session), str(form.get("token", ""))):
            raise Refused("form-stale", "This form is out of date.", "Go back, reload the page, and try again.")
        return form

    def sign_in(self, password: str) -> Session | None:
        """A new session, or None for a wrong password (a new seed: an old cookie gains nothing)."""
        if self._right(password):
            return self._fresh(signed_in=True)
        self._wrong.append(time.monotonic())
        return None

    @property
    def locked(self) -> bool:
        """Too many wrong passwords lately."""
        since = time.monotonic() - _WINDOW
        self._wrong = [moment for moment in self._wrong if moment > since]
        return len(self._wrong) >= _TRIES

    def may_enter(self, connection: HTTPConnection) -> bool:
        """Signed in by cookie, or a program that sends a bearer token: that of the API, or the password.

        Too many wrong ones close the door to the password only: the token is too long to be guessed.
        """
        if not self.login or self.session(connection).signed_in:
            return True
        scheme, _, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        if connection.url.path.startswith(_API) and _is(self._access.token, given.strip()):
            return True
        if self.locked:
            return False
        if self._right(given.strip()):
            return True
        self._wrong.append(time.monotonic())
        return False

    def misdirected(self, connection: HTTPConnection) -> bool:
        """Without a login, only our own names may be used to reach us (DNS rebinding)."""
        host = urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
        return not self.login and not (is_loopback(host) or host == self._access.host)

    def _right(self, password: str) -> bool:
        return _is(self._access.password, password)

    def _fresh(self, *, signed_in: bool) -> Session:
        return Session(secrets.token_urlsafe(16), signed_in, int(time.time()) + LIFETIME, fresh=True)

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), sha256).hexdigest()


def _is(expected: Callable[[], str] | None, given: str) -> bool:
    """Never, of what is not set or empty."""
    known = expected() if expected else ""
    return bool(known) and _same(known, given)


def _same(expected: str, given: str) -> bool:
    """Takes as long for a wrong one as for the right one."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass"))


def by_https(request: Request) -> bool:
    """Does the browser speak https, be it to a proxy in front of us? The origin of its form says so."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")


def foreign(request: Request) -> bool:
    """Was this sent by a page of another origin?"""
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    return urlsplit(origin).netloc != request.headers.get("host", "")
