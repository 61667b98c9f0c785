"""What a page of the site shows, and what it loads."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

_ASKS = ("src", "href", "srcset", "poster", "data", "action", "formaction")
_COUNTED = frozenset(
    {"h1", "h2", "h3", "p", "li", "ul", "ol", "table", "tr", "th", "td", "pre", "code", "img", "em", "strong"}
)


class Shown(HTMLParser):
    """The text of a piece of HTML without white space, how often each element occurs, and what it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.loads: list[str] = []
        self._text: list[str] = []
        self.feed(html)

    @property
    def text(self) -> str:
        return "".join("".join(self._text).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _COUNTED:
            self.elements[tag] += 1
        # A link is followed by whoever wants to.
        self.loads += [value for name, value in attrs if name in _ASKS and value and tag != "a"]

    def handle_data(self, data: str) -> None:
        self._text.append(data)
