"""Structured logs on stderr: readable on a console, or one JSON object a line. No secret gets through (promise 10)."""

import json
import logging
import re
import sys
import textwrap
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from schemas.visible import visible, visible_json

# Libraries tell every heartbeat and request; what matters of them is what went wrong.
QUIET = ("faust", "mode", "aiokafka", "kafka", "uvicorn", "httpx", "httpcore", "asyncio", "alembic", "sqlalchemy")
HIDDEN = "•••"
_INDENT = "    "
_SECRET_KEY = re.compile(r"secret|password|passwd|token|authorization|api[-_]?key|cookie|credential", re.IGNORECASE)
# Where no key tells: a header or JSON in a text, and the password within an address.
_SECRET_TEXT = (
    (
        re.compile(rf'(?i)("[^"\\]{{0,64}}(?:{_SECRET_KEY.pattern})[^"\\]{{0,64}}"\s*:\s*")(?:[^"\\]|\\.)*'),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?i)\b((?:client_secret|access_token|password)=)[^&\s\"']+"), rf"\1{HIDDEN}"),
    (re.compile(r"(://[^/\s:@]+:)[^@\s]+@"), rf"\1{HIDDEN}@"),
)


def configure(style: Literal["console", "json"] = "console", level: str = "INFO", stream: TextIO | None = None) -> None:
    """Sends every log line of the process, structlog's and the standard library's, to `stream` (stderr)."""
    out = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_ending(style, out)],
        )
    )
    _attach(handler, level)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger: `get(__name__).info("page published", table="accounts", records=500)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def redact(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Hides the values of secret-sounding keys, at any depth, and what looks like a secret within texts."""
    return _cleaned(event)


def hidden(text: str) -> str:
    """The text without what looks like a secret in it."""
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _ending(style: str, out: TextIO) -> list[Processor]:
    if style == "json":
        render: Processor = structlog.processors.JSONRenderer(_json, ensure_ascii=False, default=str)
        return [structlog.processors.EventRenamer("message"), structlog.processors.format_exc_info, redact, render]
    # Exceptions become text before redaction: a traceback may quote a header.
    render = structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=32)
    return [structlog.processors.format_exc_info, redact, one_line, render]


def one_line(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """What a record, an answer or an error says begins no line of its own: the lines of a traceback are indented."""
    event["event"] = visible(str(event.get("event", "")))
    if "exception" in event:
        event["exception"] = textwrap.indent(visible(str(event["exception"]), "\n"), _INDENT)
    return event


def _json(event: EventDict, **options: Any) -> str:
    return visible_json(json.dumps(event, **options))


def _attach(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(max(logging.WARNING, root.level))


def _cleaned(values: Mapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: HIDDEN if _SECRET_KEY.search(str(key)) and value else _clean(value) for key, value in values.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, Mapping):
        return _cleaned(value)
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value if isinstance(value, int | float | bool | None) else _clean(str(value))
