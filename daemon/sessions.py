"""The HTTP session of a side: signed in, governed, and all that capture and the targets share of it (DESIGN 1)."""

from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from daemon.governor import Governor, Hooks, Limits, Time
from daemon.oauth import ClientCredentials, Credentials
from daemon.pace import Rate
from daemon.settings import is_loopback
from schemas.errors import ConfigurationError
from schemas.side import Side

# BC runs 5 requests of one user at a time, takes 6,000 in any 300 s (600 + 300 · 18), each part of a batch counted, and
# gives up on one after 8 minutes, its gateway after 10: one whose answer we do not await may yet create records (A6).
# Dataverse takes 52 at a time and 6,000 in 300 s per web server, of which we know only what it says remains (B6).
_LIMITS = {
    Side.BC: Limits(concurrency=5, write_seconds=660, rate=Rate(per_second=18, burst=600)),
    Side.SALES: Limits(concurrency=16, most=48, rate=Rate(per_second=20, below=300)),
}


def limits_of(workers: int) -> dict[Side, Limits]:
    """What each of so many workers may take of a side's limits, if they sign in as the same user."""
    return {side: _part(limits, workers) for side, limits in _LIMITS.items()}


def _part(limits: Limits, workers: int) -> Limits:
    rate = limits.rate
    return replace(
        limits,
        concurrency=max(1, limits.concurrency // workers),
        most=limits.most and max(1, limits.most // workers),
        rate=rate and replace(rate, per_second=rate.per_second / workers, burst=max(1, rate.burst // workers)),
    )


# A person waits for the answer: a side that is away is told of soon.
BRIEF = {side: replace(one, attempts=2, timeout_seconds=30.0, patience_seconds=30.0) for side, one in _LIMITS.items()}
_HEADERS = {
    Side.BC: {"Accept": "application/json"},
    Side.SALES: {
        "Accept": "application/json",
        "OData-Version": "4.0",
        "OData-MaxVersion": "4.0",
        "If-None-Match": "null",
    },
}


@dataclass(frozen=True, slots=True)
class SideSettings:
    """How to reach a side, and who signs in: `url` is what stands before /api/v2.0 or /api/data/v9.2."""

    url: str
    credentials: Credentials


def session(
    side: Side,
    settings: SideSettings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    limits: Limits | None = None,
    hooks: Hooks | None = None,
    clocks: Time | None = None,
) -> httpx.AsyncClient:
    """A client for relative paths below the side's url. ConfigurationError if the url would show secrets on the wire.

    Sending raises ApiError (status 0) when no answer comes and Unreachable when sign-in is refused, nothing else.
    """
    for name, url in (("url", settings.url), ("token_url", settings.credentials.token_url)):
        _check_address(side, name, url)
    clocks, limits = clocks or Time(), limits or _LIMITS[side]
    return httpx.AsyncClient(
        base_url=settings.url,
        auth=ClientCredentials(side, settings.credentials, clocks.clock),
        headers=_HEADERS[side],
        timeout=httpx.Timeout(limits.timeout_seconds, connect=min(10.0, limits.timeout_seconds)),
        transport=Governor(side, transport or _wire(settings.url), limits, hooks or Hooks(), clocks),
        # Dataverse's affinity cookie would tie all our requests to one web server (wire-protocols B6).
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
    )


def _wire(url: str) -> httpx.AsyncBaseTransport:
    """Real connections; https goes through the proxy that the environment names."""
    address = urlsplit(url)
    proxy = getproxies().get("https") if address.scheme == "https" else None
    if proxy and address.hostname and proxy_bypass(address.hostname):
        proxy = None
    return httpx.AsyncHTTPTransport(proxy=proxy, limits=httpx.Limits(keepalive_expiry=60))


def _check_address(side: Side, name: str, url: str) -> None:
    address = urlsplit(url)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise ConfigurationError(
            "bad-url", f"{side.label}: {name} {url!r} is not an http address", "It starts with https://."
        )
    if address.scheme == "http" and not is_loopback(address.hostname):
        raise ConfigurationError(
            "plain-http",
            f"{side.label}: {name} {url!r} would send the secret unencrypted",
            "Use https; plain http is accepted for loopback addresses only.",
        )
