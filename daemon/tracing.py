"""OpenTelemetry traces, off unless told where to send them: from the capture of a change to its end on the other side.

The context travels in the header `traceparent` of each message on a table topic (W3C Trace Context), so that other
programs on the topics may go on with a trace, or begin one.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from daemon.settings import Tracing
from schemas.change import Change
from schemas.errors import ConfigurationError
from schemas.outcome import Settled
from schemas.side import Side

if TYPE_CHECKING:
    from consumers.odata import Send

HEADER = "traceparent"
Headers = list[tuple[str, bytes]]
# Of version 00, with ids that are not all zero; the last bit of the flags says that the trace is kept.
_SAMPLED = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f][13579bdf]")


class Traces(Protocol):
    def publishing(self, topic: str, changes: Sequence[Change]) -> contextlib.AbstractContextManager[Headers]:
        """While these changes are put on the topic; yields the headers of their messages."""

    def pushing(self, side: Side, send: "Send") -> "Send":
        """Sends as `send` does, and looks on: what carries writes to a side (`consumers.odata.Watch`)."""

    def answered(self, side: Side, operation: str, status: int, seconds: float) -> None:
        """The side took so long for one request; told where that was sent (`daemon.governor.Hooks.observe`)."""

    def settled(self, settled: Iterable[Settled], now_ms: int) -> None:
        """These have ended, and that is stored."""

    async def close(self) -> None:
        """Sends what is left."""


class NoTraces:
    """What a daemon has that is not told where to send any."""

    def publishing(self, topic: str, changes: Sequence[Change]) -> contextlib.AbstractContextManager[Headers]:
        return contextlib.nullcontext([])

    def pushing(self, side: Side, send: "Send") -> "Send":
        return send

    def answered(self, side: Side, operation: str, status: int, seconds: float) -> None:
        """Nobody wants to know."""

    def settled(self, settled: Iterable[Settled], now_ms: int) -> None:
        """Nobody wants to know."""

    async def close(self) -> None:
        """Nothing is left."""


def traces_of(tracing: Tracing, now_ms: Callable[[], int]) -> Traces:
    """As the settings want them. ConfigurationError if they need packages that are not installed."""
    if tracing.endpoint is None:
        return NoTraces()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        from daemon.spans import OpenTelemetry
    except ImportError as error:
        raise ConfigurationError(
            "tracing-not-installed",
            "tracing.endpoint is set, and the packages of OpenTelemetry are not installed.",
            "Install coupled with its extra `otel`, or leave tracing.endpoint out.",
        ) from error
    return OpenTelemetry(tracing.sample, OTLPSpanExporter(endpoint=tracing.endpoint), now_ms)


def trace_id(change: Change) -> str:
    """The id of the change's trace; empty if it has none, or if whoever began it does not keep it."""
    found = _SAMPLED.fullmatch(change.trace)
    return found[1] if found else ""
