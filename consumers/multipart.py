"""Multipart batches as Dataverse takes and answers them (wire-protocols B5, D114, D116). Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/\d\.\d\s+(\d{3})")


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """`status` 0: the part is there but cannot be read."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def encode(requests: Sequence[Request], boundary: str) -> bytes:
    """CRLF everywhere, after the last line too: anything else is refused as "Stream was not readable" (B5)."""
    lines: list[bytes] = []
    for request in requests:
        lines += [
            f"--{boundary}".encode(),
            b"Content-Type: application/http",
            b"Content-Transfer-Encoding: binary",
            b"",
            f"{request.method} {request.target} HTTP/1.1".encode(),
            *(f"{name}: {value}".encode() for name, value in request.headers.items()),
            b"",
            request.body,
        ]
    lines += [f"--{boundary}--".encode(), b""]
    return b"\r\n".join(lines)


def decode(content_type: str, content: bytes) -> list[Response]:
    """The parts of an answer, in order. Lenient where answers differ: quoted boundaries, LF, no last boundary."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/") or not found:
        return []
    boundary = re.escape((found[1] or found[2]).encode())
    pieces = re.split(rb"(?:\A|\n)--" + boundary + rb"(--)?[ \t]*\r?(?=\n|\Z)", content)
    # pieces: preamble, then (closing mark, text) in turn; what follows the closing boundary is no part.
    parts: list[Response] = []
    for closing, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if closing:
            break
        parts.append(_part(text))
    return parts


def _part(text: bytes) -> Response:
    """A part is a header block, then a whole HTTP answer."""
    halves = _BLANK_LINE.split(text.lstrip(b"\r\n"), maxsplit=1)
    message = halves[1].lstrip(b"\r\n") if len(halves) == 2 else halves[0]
    status = _STATUS.match(message)
    if not status:
        return Response(0, {}, text)
    head, _, body = _cut(message)
    return Response(int(status[1]), _headers(head), body.strip())


def _cut(message: bytes) -> tuple[bytes, bytes, bytes]:
    blank = _BLANK_LINE.search(message)
    return (message[: blank.start()], blank[0], message[blank.end() :]) if blank else (message, b"", b"")


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").splitlines()[1:]
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
