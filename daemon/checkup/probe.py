"""One question to one part, whatever becomes of it; and what a side's answers tell beside their bodies."""

from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime

import httpx

from schemas.checkup import Checked, away, wrong
from schemas.errors import ApiError, CoupledError, Exit

Probe = Callable[[], Awaitable[list[Checked]]]


async def tell(about: str, what: str, probe: Probe) -> list[Checked]:
    """What the probe finds; a probe that fails has found that."""
    try:
        return await probe()
    except CoupledError as error:
        return [failed(about, what, error)]
    except Exception as error:  # a mistake of ours must not hide what the other probes find
        return [wrong(about, what, f"The check itself failed: {type(error).__name__}.", "Please report it.")]


def failed(about: str, what: str, error: CoupledError) -> Checked:
    """Away if it may be there later or after signing in; else there is something to mend."""
    gone = error.transient if isinstance(error, ApiError) else error.exit is Exit.UNREACHABLE
    make = away if gone else wrong
    return make(about, what, error.problem.message, error.problem.hint)


class Heard:
    """The side's clock against ours, and its headers, from every answer but those of the sign-in."""

    def __init__(self, client: httpx.AsyncClient, now: Callable[[], float]) -> None:
        self._host, self._now = client.base_url.host, now
        self.skew_seconds: float | None = None
        self.headers: dict[str, str] = {}
        client.event_hooks["response"].append(self._answered)

    async def _answered(self, response: httpx.Response) -> None:
        if response.request.url.host != self._host or response.request.extensions.get("operation") == "token":
            return
        self.headers |= dict(response.headers)
        skew = self._skew(response.headers.get("Date", ""))
        if skew is not None and (self.skew_seconds is None or abs(skew) < abs(self.skew_seconds)):
            self.skew_seconds = skew

    def _skew(self, date: str) -> float | None:
        """Positive: the side is ahead. `Date` leaves fractions of a second out."""
        try:
            return parsedate_to_datetime(date).timestamp() + 0.5 - self._now()
        except ValueError:
            return None
