"""Signing in: OAuth2 client credentials against Microsoft Entra (wire-protocols A1, B1)."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from schemas.errors import ApiError, CoupledError, Unreachable
from schemas.odata import document
from schemas.side import Side
from schemas.token import Claims, claims

_EARLY_SECONDS = 120
# What a bearer token may be made of: a header with anything else is refused by httpx, which then quotes it.
_TOKEN = re.compile(r"[\x21-\x7e]+")
_TIMEOUT = httpx.Timeout(30).as_dict()
_HINTS = {
    "AADSTS7000215": "Enter the secret's value, not its id; make a new one if the value is lost.",
    "AADSTS7000222": "The secret has expired: make a new one in the app registration.",
    "AADSTS700016": "Check client_id, and that the app is registered in this tenant.",
    "AADSTS90002": "Check tenant: it is the directory's id or one of its domains.",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in where. The secret is never shown (promise 10)."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str


class ClientCredentials(httpx.Auth):
    """Puts a bearer token on every request: fetched once, renewed before it ends, and again after one 401."""

    requires_response_body = True

    def __init__(self, side: Side, credentials: Credentials, clock: Callable[[], float]) -> None:
        self._side, self._credentials, self._clock = side, credentials, clock
        self._lock = asyncio.Lock()
        self._token, self._ends = "", 0.0

    def claims(self) -> Claims | None:
        """What the token in use says of itself, if it can be read; never the token (promise 10)."""
        return claims(self._token)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        used = self._token
        async with self._lock:  # whoever comes second finds a fresh token
            if not self._token or self._clock() >= self._ends:
                self._keep((yield self._ask()))
            used = self._token
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code != 401:
            return
        async with self._lock:
            if self._token == used:
                self._keep((yield self._ask()))
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request

    def _ask(self) -> httpx.Request:
        who = self._credentials
        form = {
            "grant_type": "client_credentials",
            "client_id": who.client_id,
            "client_secret": who.client_secret,
            "scope": who.scope,
        }
        return httpx.Request("POST", who.token_url, data=form, extensions={"timeout": _TIMEOUT, "operation": "token"})

    def _keep(self, response: httpx.Response) -> None:
        try:
            answer = document(response.status_code, response.content)
        except ApiError as error:
            if not response.is_success:
                raise self._refusal(response, error) from None  # the cause may quote what we sent
            answer = {}  # and this one a token that was cut short
        token, seconds = answer.get("access_token"), str(answer.get("expires_in", ""))
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise self._refusal(response, ApiError(0, "", "the answer carries no access token that can be used"))
        lasts = int(seconds) if seconds.isdigit() else 300
        self._token, self._ends = token, self._clock() + max(lasts - _EARLY_SECONDS, lasts / 2)

    def _refusal(self, response: httpx.Response, error: ApiError) -> CoupledError:
        where = f"{self._side.label} sign-in at {urlsplit(self._credentials.token_url).hostname}"
        text = _description(response) or error.problem.message
        text = text.replace(self._credentials.client_secret, "…") if self._credentials.client_secret else text
        if error.transient and error.status != 401:  # here a 401 is the refusal itself
            return ApiError(error.status, "sign-in-unavailable", f"{where} does not work now: {text}")
        hints = (hint for code, hint in _HINTS.items() if code in text)
        hint = next(hints, "Check tenant, client_id, client_secret and scope of this side.")
        return Unreachable("sign-in-refused", f"{where} was refused: {text}", hint)


def _description(response: httpx.Response) -> str:
    """Entra's own sentence, `AADSTS…: …`, without the trace ids after it."""
    try:
        body = response.json()
    except ValueError:
        return ""
    text = str(body.get("error_description") or body.get("error") or "") if isinstance(body, dict) else ""
    return text.partition("Trace ID:")[0].strip()
