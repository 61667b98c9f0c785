"""The multipart form of `$batch`: single requests and change sets of one request each (wire-protocols D55)."""

from __future__ import annotations

import re
from typing import Any

import orjson

from daemon.sandbox.business_central.errors import PRODUCT, ApiError, bad_request
from daemon.sandbox.business_central.service import Answer

_REASONS = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 404: "Not Found", 409: "Conflict"}


def split_parts(body: Any, content_type: str) -> tuple[list[dict[str, Any]], str]:
    """The requests of a multipart body, and its boundary; a change set of two or more requests is refused."""
    boundary = _boundary(content_type)
    found: list[dict[str, Any]] = []
    for headers, content in _sections(body, boundary):
        inner_type = headers.get("content-type", "")
        if inner_type.lower().startswith("multipart/mixed"):
            inner = _sections(content, _boundary(inner_type))
            if len(inner) > 1:
                text = (
                    f"Multiple requests within the same change set are not supported by {PRODUCT} OData web services."
                )
                raise ApiError(500, "Internal_ServerError", text)
            found += [_request(one) for _, one in inner]
        else:
            found.append(_request(content))
    return found, boundary


def _boundary(content_type: str) -> str:
    match = re.search(r'boundary="?([^";\s]+)', content_type)
    if match is None:
        raise bad_request("The multipart content type has no boundary.")
    return match.group(1)


def _sections(body: bytes, boundary: str) -> list[tuple[dict[str, str], bytes]]:
    pieces = re.split(rb"(?:^|\r?\n)--" + re.escape(boundary.encode()) + rb"(?:--)?[ \t]*(?:\r?\n|$)", body)
    return [_head_and_rest(piece) for piece in pieces[1:] if piece.strip()]


def _head_and_rest(piece: bytes) -> tuple[dict[str, str], bytes]:
    head, _, rest = piece.lstrip(b"\r\n").replace(b"\r\n", b"\n").partition(b"\n\n")
    pairs = (line.partition(":") for line in head.decode("utf-8", "replace").split("\n") if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}, rest


def _request(content: bytes) -> dict[str, Any]:
    line, _, rest = content.lstrip(b"\r\n").replace(b"\r\n", b"\n").partition(b"\n")
    words = line.decode("utf-8", "replace").split()
    if len(words) < 2:
        raise bad_request("A part of the batch has no request line.")
    headers, body = _head_and_rest(rest if rest.strip(b"\n").count(b"\n") or b":" in rest else b"\n\n" + rest)
    return {"method": words[0], "url": words[1], "headers": headers, "body": body.strip(b"\n")}


def join_parts(answers: list[Answer], boundary: str) -> bytes:
    """The multipart answer."""
    lines = b""
    for answer in answers:
        body = answer.body
        content = b"" if body is None else body.encode() if isinstance(body, str) else orjson.dumps(body)
        reason = _REASONS.get(answer.status, "Error")
        lines += (
            (
                f"--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
                f"HTTP/1.1 {answer.status} {reason}\r\nContent-Type: {answer.media_type}\r\nOData-Version: 4.0\r\n\r\n"
            ).encode()
            + content
            + b"\r\n"
        )
    return lines + f"--{boundary}--\r\n".encode()
