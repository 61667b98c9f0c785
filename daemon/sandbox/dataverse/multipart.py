"""The text of a `$batch`: parts in, parts out (wire-protocols B5, D114–D116).

As strict as the service: every line end of a request body is CRLF, the last one included; anything else is
"Stream was not readable". As lenient as it too: quoted or bare boundary, a preamble, part URLs of every kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from daemon.sandbox.dataverse.context import Reply
from daemon.sandbox.dataverse.errors import DataverseError, bad_payload

_BOUNDARY = re.compile(r'multipart/mixed\s*;.*?boundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE | re.DOTALL)
_REQUEST_LINE = re.compile(r"(GET|POST|PATCH|PUT|DELETE|MERGE) (\S+) HTTP/1\.[01]")


@dataclass(frozen=True)
class Part:
    """One HTTP request inside a batch; header names are lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    content_id: str | None = None


@dataclass(frozen=True)
class ChangeSet:
    """Requests that succeed or fail together."""

    parts: Sequence[Part]


def unreadable(detail: str = "Stream was not readable.") -> DataverseError:
    """The service's answer to a malformed batch (D116)."""
    return bad_payload("$batch", detail)


def parse_batch(content_type: str, body: bytes) -> list[Part | ChangeSet]:
    """The parts and change sets of a batch body."""
    boundary = _boundary(content_type)
    if boundary is None:
        raise unreadable("The content type of a batch must be multipart/mixed with a boundary.")
    if re.search(rb"(?<!\r)\n", body) or not body.endswith(f"--{boundary}--\r\n".encode()):
        raise unreadable()
    return [_parse_piece(piece) for piece in _pieces(boundary, body)]


def _boundary(content_type: str) -> str | None:
    found = _BOUNDARY.match(content_type.strip())
    return None if found is None else found[1] or found[2]


def _pieces(boundary: str, body: bytes) -> list[bytes]:
    """What stands between the delimiters; the preamble and whatever follows the end mark are no parts."""
    delimiter = f"\r\n--{boundary}".encode()
    pieces = (b"\r\n" + body).split(delimiter)[1:]
    if not pieces or not pieces[-1].startswith(b"--"):
        raise unreadable()
    inner = pieces[:-1]
    if not all(piece.startswith(b"\r\n") for piece in inner):
        raise unreadable()
    return [piece[2:] for piece in inner]


def _parse_piece(piece: bytes) -> Part | ChangeSet:
    headers, body = _headers(piece)
    content_type = headers.get("content-type", "")
    nested = _boundary(content_type)
    if nested is not None:
        return ChangeSet([_parse_request(*_headers(inner)) for inner in _pieces(nested, body)])
    return _parse_request(headers, body)


def _parse_request(envelope: Mapping[str, str], body: bytes) -> Part:
    if envelope.get("content-type", "").split(";")[0].strip().lower() != "application/http":
        raise unreadable("Every part of a batch must have the content type application/http.")
    line, _, rest = body.partition(b"\r\n")
    found = _REQUEST_LINE.fullmatch(line.decode("utf-8", "replace").strip())
    if found is None:
        raise unreadable(f"The request line '{line.decode('utf-8', 'replace')[:200]}' is not valid.")
    headers, content = _headers(rest)
    return Part(found[1], found[2], headers, content, envelope.get("content-id", headers.get("content-id")))


def _headers(text: bytes) -> tuple[dict[str, str], bytes]:
    """Headers up to the first empty line, and what follows it."""
    if text.startswith(b"\r\n"):
        return {}, text[2:]
    head, _, body = text.partition(b"\r\n\r\n")
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n") if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in lines}, body


def render(boundary: str, blocks: Iterable[tuple[str, bytes]]) -> bytes:
    """A multipart body of (headers, content) blocks."""
    pieces = [f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in blocks]
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def render_reply(reply: Reply, content_id: str | None) -> tuple[str, bytes]:
    """One answer as a part."""
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary"
    if content_id is not None:
        head += f"\r\nContent-ID: {content_id}"
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}", "OData-Version: 4.0"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return head, "\r\n".join(lines).encode() + b"\r\n\r\n" + reply.body
