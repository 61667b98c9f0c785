"""The OAuth2 client-credentials token endpoint that both simulators offer (wire-protocols A1, D1 1–6).

Promises: tokens are opaque and random, live `token_seconds` of the injected clock, and open only the audience they
were asked for; every refusal carries an AADSTS code and says what was wrong, without echoing a secret.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote_plus

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

BUSINESS_CENTRAL_AUDIENCE = "https://api.businesscentral.dynamics.com"
_FORM = "application/x-www-form-urlencoded"


class Unauthorised(Exception):
    """The request carries no usable token; `reason` is missing, unknown, expired or audience."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class _Token:
    client_id: str
    audience: str
    expires: datetime


class _Refused(Exception):
    def __init__(self, status: int, error: str, code: int, text: str) -> None:
        super().__init__(text)
        self.status, self.error, self.code, self.text = status, error, code, text


class Identity:
    """Issues and checks tokens for the clients and audiences it was given.

    `clients` maps client id to secret. `audiences` are resource URLs without `/.default`. With `accept_host` the
    address the token request itself came to is an audience too (Dataverse's scope is the organisation's own URL).
    `tenants` of None accepts any tenant segment.
    """

    def __init__(
        self,
        clients: Mapping[str, str],
        audiences: Collection[str],
        now: Callable[[], datetime],
        *,
        token_seconds: int = 3599,
        accept_host: bool = False,
        tenants: Collection[str] | None = None,
        new_token: Callable[[], str] = lambda: secrets.token_urlsafe(48),
    ) -> None:
        self._clients = dict(clients)
        self._audiences = frozenset(audience.rstrip("/") for audience in audiences)
        self._now = now
        self._token_seconds = token_seconds
        self._accept_host = accept_host
        self._tenants = None if tenants is None else frozenset(tenants)
        self._new_token = new_token
        self._tokens: dict[str, _Token] = {}

    def routes(self) -> list[Route]:
        """The token endpoint, and `DELETE /_sandbox/tokens`, which makes every issued token invalid (D5 123)."""
        return [
            Route("/{tenant}/oauth2/v2.0/token", self._answer, methods=["POST"]),
            Route("/_sandbox/tokens", self._forget, methods=["DELETE"]),
        ]

    def authorise(self, authorization: str | None, audience: str | Collection[str]) -> str:
        """The client id behind an `Authorization` header, or `Unauthorised` (D1 5–6)."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            raise Unauthorised("missing", "The request carries no bearer token.")
        token = self._tokens.get(value.strip())
        if token is None:
            raise Unauthorised("unknown", "The token is not one this tenant issued.")
        if token.expires <= self._now():
            raise Unauthorised("expired", "The token has expired.")
        accepted = {audience} if isinstance(audience, str) else audience
        if token.audience not in {one.rstrip("/") for one in accepted}:
            raise Unauthorised("audience", f"The token is for the audience '{token.audience}'.")
        return token.client_id

    def issue(self, client_id: str, audience: str) -> str:
        """A token for a client of the simulator itself, which needs no secret."""
        now = self._now()
        self._tokens = {key: token for key, token in self._tokens.items() if token.expires > now}
        value = self._new_token()
        self._tokens[value] = _Token(client_id, audience.rstrip("/"), now + timedelta(seconds=self._token_seconds))
        return value

    def revoke_all(self) -> None:
        """Make every token issued so far invalid."""
        self._tokens.clear()

    async def _forget(self, request: Request) -> Response:
        self.revoke_all()
        return Response(status_code=204)

    async def _answer(self, request: Request) -> Response:
        try:
            client_id, audience = await self._check(request)
        except _Refused as refused:
            return self._refusal(refused)
        body = {
            "token_type": "Bearer",
            "expires_in": self._token_seconds,
            "ext_expires_in": self._token_seconds,
            "access_token": self.issue(client_id, audience),
        }
        return JSONResponse(body, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    async def _check(self, request: Request) -> tuple[str, str]:
        tenant = request.path_params["tenant"]
        if self._tenants is not None and tenant not in self._tenants:
            raise _Refused(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
            raise _missing("grant_type")
        form = await request.form()
        grant = _field(form, "grant_type")
        if grant != "client_credentials":
            raise _Refused(400, "unsupported_grant_type", 70003, f"The grant type '{grant}' is not supported.")
        client_id = self._client(request, form)
        return client_id, self._audience(request, _field(form, "scope"))

    def _client(self, request: Request, form: FormData) -> str:
        """The client whose id and secret come in the form or as HTTP Basic (D1 2)."""
        client_id, secret = _basic(request.headers.get("authorization", ""))
        if client_id is None:
            client_id, secret = _field(form, "client_id"), str(form.get("client_secret", ""))
        known = self._clients.get(client_id)
        if known is None:
            text = f"Application with identifier '{client_id}' was not found in the directory."
            raise _Refused(400, "unauthorized_client", 700016, text)
        if not secret:
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise _Refused(401, "invalid_client", 7000218, text)
        if not secrets.compare_digest(known.encode(), secret.encode()):
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{client_id}'."
            )
            raise _Refused(401, "invalid_client", 7000215, text)
        return client_id

    def _audience(self, request: Request, scope: str) -> str:
        """The resource that a `<resource>/.default` scope names (D1 3)."""
        resource, _, suffix = scope.rpartition("/")
        if suffix != ".default" or not resource:
            text = (
                f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value "
                "with /.default suffixed to the resource identifier (application ID URI)."
            )
            raise _Refused(400, "invalid_scope", 1002012, text)
        own = {str(request.base_url).rstrip("/")} if self._accept_host else set()
        if resource.rstrip("/") not in self._audiences | own:
            text = f"The provided value for the input parameter 'scope' is not valid. The scope {scope} is not known."
            raise _Refused(400, "invalid_scope", 70011, text)
        return resource.rstrip("/")

    def _refusal(self, refused: _Refused) -> JSONResponse:
        now, trace, correlation = self._now(), str(uuid.uuid4()), str(uuid.uuid4())
        stamp = f"{now:%Y-%m-%d %H:%M:%S}Z"
        text = f"AADSTS{refused.code}: {refused.text}"
        body = {
            "error": refused.error,
            "error_description": f"{text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}",
            "error_codes": [refused.code],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
        }
        return JSONResponse(body, refused.status, headers={"Cache-Control": "no-store"})


def _missing(parameter: str) -> _Refused:
    text = f"The request body must contain the following parameter: '{parameter}'."
    return _Refused(400, "invalid_request", 900144, text)


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    if not isinstance(value, str) or not value:
        raise _missing(name)
    return value


def _basic(header: str) -> tuple[str | None, str]:
    """Client id and secret from HTTP Basic (RFC 6749 2.3.1), or None for any other header."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None, ""
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)
