"""The pictures of the console, taken by the browser tests as they go, in light, dark and on a phone.

They are for people to look at, and so are compared with nothing: fonts differ from one machine to the next. They go to
docs/images only when asked (`make screenshots`), and are made smaller there; else to where pytest forgets them.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from playwright.sync_api import Page

from tests.support.chromium import LIGHT, Look, turn

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
# Says where to put them.
VARIABLE = "COUPLED_PICTURES"
NAMES = (
    *("set-up-check", "dry-run", "full-synchronisation", "overview", "records", "mappings", "mapping", "errors"),
    *("pair", "jobs"),
    *("couplings", "dead-letters"),
)
# What is added to a name, and how the page is looked at.
LOOKS = {
    "": Look("light", "light", 1280, 640),
    "-dark": Look("dark", "dark", 1280, 640),
    "-phone": Look("phone", "light", 390, 844),
}
# Of pages on which what matters stands further down, or that have little.
_HEIGHTS = {"overview": 1000, "mapping": 900, "full-synchronisation": 780, "pair": 1040, "dead-letters": 420}
# Kept in the repository for good, and loaded with every page that shows them.
LARGEST, LARGEST_TOGETHER = 110_000, 2_000_000
# Lines of pixels that are not like any other: a page of text has hundreds.
_LINES = 60


def files() -> set[str]:
    """What there is to be in docs/images."""
    return {f"{name}{look}.png" for name in NAMES for look in LOOKS}


@dataclass(slots=True)
class Album:
    """Takes pictures into a folder, each once."""

    folder: Path
    taken: list[str] = field(default_factory=list)

    @staticmethod
    def wanted(otherwise: Path) -> Album:
        folder = Path(os.environ.get(VARIABLE) or otherwise)
        folder.mkdir(parents=True, exist_ok=True)
        return Album(folder)

    def take(self, page: Page, name: str) -> None:
        """The page as it is now, in every look; it is as before afterwards."""
        assert name in NAMES
        page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
        for added, usual in LOOKS.items():
            look = usual if added == "-phone" else replace(usual, height=_HEIGHTS.get(name, usual.height))
            turn(page, look)
            file = self.folder / f"{name}{added}.png"
            picture = page.screenshot(path=file, animations="disabled")
            assert size(picture) == (look.width, look.height)
            assert distinct_lines(picture) > _LINES, f"{file.name} shows next to nothing"
        turn(page, LIGHT)
        self.taken.append(name)


def size(png: bytes) -> tuple[int, int]:
    """Width and height."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def distinct_lines(png: bytes) -> int:
    """How many lines of pixels are written down unlike any other."""
    return len(set(_lines(png)))


def smaller(png: bytes) -> bytes:
    """The same picture in 256 colours: its commonest, and for every other the nearest of them."""
    width, height = size(png)
    depth = {2: 3, 6: 4}[png[25]]  # with or without transparency, of which a page has none
    pixels = [line[at : at + 3] for line in _plain(png, depth) for at in range(0, width * depth, depth)]
    colours = [colour for colour, _ in Counter(pixels).most_common(256)]
    place = {colour: number for number, colour in enumerate(colours)}
    for colour in set(pixels) - place.keys():
        place[colour] = place[min(colours, key=lambda one: sum((a - b) ** 2 for a, b in zip(one, colour, strict=True)))]
    indexes = bytes(place[pixel] for pixel in pixels)
    body = b"".join(b"\0" + indexes[n * width : (n + 1) * width] for n in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", b"".join(colours)), (b"IDAT", zlib.compress(body, 9)), (b"IEND", b""))
    return png[:8] + b"".join(
        struct.pack(">I", len(held)) + kind + held + struct.pack(">I", zlib.crc32(kind + held)) for kind, held in parts
    )


def _lines(png: bytes) -> list[bytes]:
    """As they are written: how each is filtered, and what is left of it."""
    written, at = b"", 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        written += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    raw, lines = zlib.decompress(written), size(png)[1]
    width = len(raw) // lines
    return [raw[n * width : (n + 1) * width] for n in range(lines)]


def _plain(png: bytes, depth: int) -> Iterator[bytes]:
    """Each line's bytes, without the filter that it was written with (PNG, 9)."""
    above = bytes(size(png)[0] * depth)
    for line in _lines(png):
        kind, found = line[0], bytearray(line[1:])
        for at in range(len(found) if kind else 0):
            left, up = found[at - depth] if at >= depth else 0, above[at]
            corner = above[at - depth] if at >= depth else 0
            guess = (left, up, (left + up) // 2, _nearest(left, up, corner))[kind - 1]
            found[at] = (found[at] + guess) & 255
        above = bytes(found)
        yield above


def _nearest(left: int, up: int, corner: int) -> int:
    """Paeth's guess."""
    straight = left + up - corner
    return min((left, up, corner), key=lambda one: abs(straight - one))


if __name__ == "__main__":
    for one in sorted(IMAGES.glob("*.png")):
        before = one.read_bytes()
        after = smaller(before) if before[25] != 3 else before
        one.write_bytes(min(before, after, key=len))
        print(f"{one.name}: {len(before):,} bytes, now {len(min(before, after, key=len)):,}")
