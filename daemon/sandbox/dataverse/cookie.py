"""Paging cookies: opaque, sealed against change, bound to their query (wire-protocols B3, D98)."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import orjson

from daemon.sandbox.dataverse.errors import DataverseError, bad_request

_COOKIE = re.compile(r'<cookie pagenumber="(\d+)" pagingcookie="([^"]*)" istracking="(True|False)" />')


def seal(secret: bytes, query: str, page: int, state: dict[str, Any], *, tracking: bool) -> str:
    """A `$skiptoken` value, percent-encoded as the service writes it (`%3Ccookie%20pagenumber=%222%22 …`)."""
    payload = urlsafe_b64encode(
        orjson.dumps({**state, "page": page, "tracking": tracking}, default=lambda value: {"d": str(value)})
    )
    text = f"{payload.decode()}.{_sign(secret, query, payload)}"
    cookie = f'<cookie pagenumber="{page}" pagingcookie="{text}" istracking="{tracking}" />'
    return quote(cookie, safe="=/")


def unseal(secret: bytes, query: str, token: str) -> tuple[dict[str, Any], bool]:
    """The state of a cookie, and whether it belongs to change tracking; 400 for anything we did not write so."""
    found = _COOKIE.fullmatch(token)
    if found is None:
        raise _changed()
    payload, _, signature = found[2].partition(".")
    if not hmac.compare_digest(signature, _sign(secret, query, payload.encode())):
        raise _changed()
    state = orjson.loads(urlsafe_b64decode(payload))
    if state["page"] != int(found[1]) or state["tracking"] != (found[3] == "True"):
        raise _changed()
    return state, bool(state["tracking"])


def revive(value: Any) -> Any:
    """A value that went through JSON; decimals travel as `{"d": "1.50"}`."""
    return Decimal(value["d"]) if isinstance(value, dict) else value


def _sign(secret: bytes, query: str, payload: bytes) -> str:
    return hashlib.blake2b(payload + query.encode(), key=secret, digest_size=12).hexdigest()


def _changed() -> DataverseError:
    return bad_request("The paging cookie in the $skiptoken is not valid for this query.", "0x80041129")
