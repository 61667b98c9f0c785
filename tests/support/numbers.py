"""The numbers that a page of the console shows: where each stands, and where it leads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_NUMBER = re.compile(r"[(“]?(\d[\d\u202f]*)[).,;:”]*")
_DURATION = re.compile(r"\d+(\.\d)? (s|min|h|d)( \d+ (s|min|h))?")
_VOID = frozenset({"meta", "link", "img", "input", "br"})
# What they hold is written by nobody of ours, is a moment, a gauge, or what a reader may choose.
_SILENT = frozenset({"progress", "code", "time", "option", "script", "title", "footer", "header", "legend", "button"})


@dataclass(frozen=True, slots=True)
class Told:
    """A number in a text. `place` is the heading of its column, the name of its tile, or else the element it is in."""

    number: int
    text: str
    place: str
    href: str | None
    title: str | None

    def __str__(self) -> str:
        return f"{self.text!r} in {self.place!r}"


@dataclass(slots=True)
class Table:
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Open:
    tag: str
    attributes: dict[str, str | None]

    @property
    def classes(self) -> list[str]:
        return str(self.attributes.get("class") or "").split()


class Shown(HTMLParser):
    """A page: its numbers, its links, and its tables."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.numbers: list[Told] = []
        self.links: list[tuple[str, str]] = []
        self.tables: list[Table] = []
        self.totals: list[str] = []
        self._open: list[_Open] = []
        self._term = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        self._open.append(_Open(tag, dict(attrs)))
        match tag:
            case "table":
                self.tables.append(Table())
            case "tr" if self._within("tbody"):
                self.tables[-1].rows.append([])
            case "td" | "th" if self._within("tbody"):
                self.tables[-1].rows[-1].append("")
            case "th" if self._within("thead"):
                self.tables[-1].columns.append("")
            case "a":
                self.links.append((str(self._open[-1].attributes.get("href")), ""))
            case "dt":
                self._term = ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        text = data.strip()
        if not text:
            return
        if self._within("thead") and self._within("th"):
            self.tables[-1].columns[-1] += text
        elif self._within("td") or (self._within("tbody") and self._within("th")):
            self.tables[-1].rows[-1][-1] += f" {text}"
        if self._within("dt"):
            self._term += text
        if self._within("a"):
            self.links[-1] = (self.links[-1][0], self.links[-1][1] + text)
        if any({"total", "pager"} & {*one.classes} for one in self._open):
            self.totals.append(text)
        if not any(one.tag in _SILENT for one in self._open):
            self.numbers += self._told(text)

    def _told(self, text: str) -> Iterator[Told]:
        link = next((one for one in reversed(self._open) if one.tag == "a"), None)
        counted = next((one for one in reversed(self._open) if "counted" in one.classes), None)
        for word in _DURATION.sub("", text).split(" "):
            if found := _NUMBER.fullmatch(word):
                yield Told(
                    number=int(found[1].replace("\u202f", "")),
                    text=text,
                    place=self._place(),
                    href=link and str(link.attributes.get("href")),
                    title=counted and counted.attributes.get("title"),
                )

    def _place(self) -> str:
        if self._within("td") or (self._within("tbody") and self._within("th")):
            return self.tables[-1].columns[len(self.tables[-1].rows[-1]) - 1]
        if self._within("dd"):
            return self._term
        last = next(one for one in reversed(self._open) if one.tag not in ("a", "span", "strong"))
        return ".".join((last.tag, *last.classes))

    def _within(self, tag: str) -> bool:
        return any(one.tag == tag for one in self._open)
