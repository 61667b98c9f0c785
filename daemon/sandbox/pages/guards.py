"""Whose requests the pages take: nobody else's page may look at them, frame them, or send their forms."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Forms of a page without a referrer would say "Origin: null".
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def objection(request: Request) -> str:
    """Why a request is refused, or nothing. A name that only points here may be a page's elsewhere (DNS rebinding)."""
    host = request.headers.get("host", "")
    if not _is_loopback(urlsplit(f"//{host}").hostname or ""):
        return "The pages answer only under a loopback address, such as 127.0.0.1."
    if request.method == "POST" and _is_foreign(request, host):
        return "This form was sent by a page of another origin."
    return ""


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _is_foreign(request: Request, host: str) -> bool:
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("origin")
    return origin is not None and (urlsplit(origin).scheme, urlsplit(origin).netloc) != (request.url.scheme, host)
