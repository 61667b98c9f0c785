"""What a request carries through the service, and what comes back; the same for a plain request and a `$batch` part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from daemon.sandbox.dataverse.settings import DataverseSettings
from daemon.sandbox.dataverse.steps import Steps
from daemon.sandbox.dataverse.store import Store


@dataclass(frozen=True)
class Request:
    """One request: `path` is still percent-encoded and relative to the service root; header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    base: str
    caller: str
    content_ids: Mapping[str, str] = field(default_factory=dict)
    in_batch: bool = False
    in_change_set: bool = False

    @property
    def preferences(self) -> Mapping[str, str]:
        """`Prefer` as name to value; `return=representation` and `odata.maxpagesize=2` alike."""
        found: dict[str, str] = {}
        for part in _split_preferences(self.headers.get("prefer", "")):
            name, _, value = part.strip().partition("=")
            if name:
                found.setdefault(name.strip().lower(), value.strip().strip('"'))
        return found

    def header(self, name: str) -> str | None:
        """A header's value; the literal text `null` counts as absent (D76)."""
        value = self.headers.get(name)
        return None if value is None or value.strip().lower() == "null" else value.strip()


def _split_preferences(text: str) -> list[str]:
    parts, quoted = [""], False
    for character in text:
        quoted ^= character == '"'
        if character == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts


@dataclass(frozen=True)
class Reply:
    """One answer; `entity` is the URL of the row a write has touched, for `$1` references."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    entity: str = ""


@dataclass(frozen=True)
class Service:
    """What every handler needs: the rows, the organisation, time and new ids, whom to tell of writes."""

    store: Store
    settings: DataverseSettings
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    secret: bytes
    steps: Steps


JSON = "application/json; odata.metadata=minimal"


def json_reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON answer; decimals keep their places (`20000.0000`, B2)."""
    return Reply(status, {"Content-Type": JSON, **(headers or {})}, dump(body))


def dump(body: Any) -> bytes:
    return orjson.dumps(body, default=_decimal_text)


def _decimal_text(value: Any) -> Any:
    return orjson.Fragment(format(value, "f"))


def etag(row: Mapping[str, Any]) -> str:
    """`W/"n"`, where n is the versionnumber (D85)."""
    return f'W/"{row["versionnumber"]}"'
