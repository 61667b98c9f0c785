"""Multipart batches, written and read (wire-protocols B5, D114, D116)."""

import pytest

from consumers.multipart import Request, decode, encode

TYPE = "multipart/mixed; boundary=batchresponse_1"


def answer(*parts: str, boundary: str = "batchresponse_1", end: str = "\r\n", last: bool = True) -> bytes:
    lines: list[str] = []
    for part in parts:
        lines += [
            f"--{boundary}",
            "Content-Type: application/http",
            "Content-Transfer-Encoding: binary",
            "",
            *part.split("\n"),
        ]
    return end.join([*lines, *([f"--{boundary}--", ""] if last else [])]).encode()


MADE = 'HTTP/1.1 201 Created\nOData-Version: 4.0\nRetry-After: 3\n\n{"name":"--batchresponse_1"}'
NONE = "HTTP/1.1 204 No Content\nOData-EntityId: http://x/accounts(1)\n\n"


def test_every_line_ends_with_crlf_the_last_too() -> None:
    body = encode([Request("PATCH", "/api/x(1)?$select=a", {"If-Match": 'W/"1"'}, b'{"a":"\xc3\xa4"}')], "batch_1")
    assert body == (
        b"--batch_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        b'PATCH /api/x(1)?$select=a HTTP/1.1\r\nIf-Match: W/"1"\r\n\r\n{"a":"\xc3\xa4"}\r\n--batch_1--\r\n'
    )
    assert b"\n" not in body.replace(b"\r\n", b"")


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize(
    "content_type",
    [TYPE, 'multipart/mixed;boundary="batchresponse_1"', f"{TYPE}; charset=utf-8", TYPE.upper()[:15] + TYPE[15:]],
)
def test_parts_are_read_in_order_whatever_the_line_ends(content_type: str, end: str) -> None:
    first, second = decode(content_type, answer(MADE, NONE, end=end))
    assert (first.status, first.body, first.headers["retry-after"]) == (201, b'{"name":"--batchresponse_1"}', "3")
    assert (second.status, second.body) == (204, b"")


def test_odd_boundaries_preambles_and_epilogues() -> None:
    odd = "b(1)+.*?"
    content = b"a preamble\r\n" + answer(NONE, NONE, boundary=odd) + b"an epilogue\r\n--b(1)+.*?\r\nno part\r\n"
    assert [part.status for part in decode(f'multipart/mixed; boundary="{odd}"', content)] == [204, 204]


def test_a_part_that_cannot_be_read_keeps_its_place() -> None:
    parts = decode(TYPE, answer(MADE, "garbage", NONE))
    assert [part.status for part in parts] == [201, 0, 204]


def test_a_missing_last_boundary_still_gives_what_is_there() -> None:
    parts = decode(TYPE, answer(NONE, 'HTTP/1.1 200 OK\n\n{"na', last=False))
    assert [(part.status, part.body) for part in parts] == [(204, b""), (200, b'{"na')]


@pytest.mark.parametrize("content_type", ["", "text/html", "multipart/mixed", "application/json; boundary=x"])
def test_anything_else_has_no_parts(content_type: str) -> None:
    assert decode(content_type, answer(MADE)) == []
