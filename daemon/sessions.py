"""The HTTP session of a side: signed in, governed, and all that capture and the targets share of it (DESIGN 1)."""

from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from daemon.governor import Governor, Hooks, Limits, Time
from daemon.oauth import ClientCredentials, Credentials
from schemas.errors import ConfigurationError
from schemas.side import Side

# BC runs 5 requests of one user at a time; Dataverse takes 52 per web server (wire-protocols A6, B6).
_CONCURRENCY = {Side.BC: 5, Side.SALES: 16}
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
    """How to reach a side: `url` is what stands before /api/v2.0 or /api/data/v9.2."""

    url: str
    tenant: str
    client_id: str
    client_secret: str = field(repr=False)
    token_url: str = ""
    scope: str = ""
    concurrency: int = 0
    timeout_seconds: float = 120.0

    def credentials(self, side: Side) -> Credentials:
        """With Entra's addresses where none are given (wire-protocols A1, B1)."""
        token_url = self.token_url or f"https://login.microsoftonline.com/{self.tenant}/oauth2/v2.0/token"
        owner = "https://api.businesscentral.dynamics.com" if side is Side.BC else self.url.rstrip("/")
        return Credentials(token_url, self.client_id, self.client_secret, self.scope or f"{owner}/.default")


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
    credentials = settings.credentials(side)
    for name, url in (("url", settings.url), ("token_url", credentials.token_url)):
        _check_address(side, name, url)
    clocks = clocks or Time()
    limits = limits or Limits(settings.concurrency or _CONCURRENCY[side], timeout_seconds=settings.timeout_seconds)
    return httpx.AsyncClient(
        base_url=settings.url,
        auth=ClientCredentials(side, credentials, clocks.clock),
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
    if address.scheme == "http" and not _is_loopback(address.hostname):
        raise ConfigurationError(
            "plain-http",
            f"{side.label}: {name} {url!r} would send the secret unencrypted",
            "Use https; plain http is accepted for loopback addresses only.",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
