"""OData as both sides speak it: literals, query options, and what an answer's bytes say (wire-protocols A3, B3)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import orjson

from schemas.errors import ApiError, api_error

Row = Mapping[str, Any]
_GUID_COLUMN = re.compile(r"(_\w+_value|id|\w+Id)\Z")
# A custom page may call a text `externalId`: by its name alone it would go into a filter as it is.
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
# Every escape in a JSON text, so that an escaped backslash is none before `ud83d`. A pair of halves is a character.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
# How much of a $filter fits into one URL: BC and Dataverse take far more, proxies on the way often do not.
_TERMS, _LENGTH = 50, 6000
_PORTS = {"http": 80, "https": 443}
_SAFE = "$,()':*/@!="


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of an entity set: its rows, and the absolute links to what follows ('' if the side gave none)."""

    rows: tuple[Row, ...]
    next: str
    delta: str


def query(**options: str) -> str:
    """`?$select=…&$filter=…` of the options that are not empty, spaces as %20."""
    pairs = [f"${name}={quote(text, safe=_SAFE)}" for name, text in options.items() if text]
    return f"?{'&'.join(pairs)}" if pairs else ""


def literal(column: str, value: Any, id_column: str = "id") -> str:
    """A value as a filter writes it: GUIDs of id columns unquoted, text quoted with `'` doubled (wire-protocols A3)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if (column == id_column or _GUID_COLUMN.match(column)) and _GUID.fullmatch(str(value)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def any_of(column: str, values: Iterable[Any], id_column: str = "id") -> Iterator[str]:
    """Filters that together say `column` is one of `values`; each is short enough for a URL."""
    terms: list[str] = []
    length = 0
    for value in dict.fromkeys(values):
        term = f"{column} eq {literal(column, value, id_column)}"
        size = len(quote(term)) + 8
        if terms and (len(terms) == _TERMS or length + size > _LENGTH):
            yield " or ".join(terms)
            terms, length = [], 0
        terms.append(term)
        length += size
    if terms:
        yield " or ".join(terms)


def both(*filters: str) -> str:
    """The filters joined with `and`, empty ones left out."""
    given = [text for text in filters if text]
    return " and ".join(f"({text})" for text in given) if len(given) > 1 else "".join(given)


def instant(ms: int, timespec: str = "milliseconds") -> str:
    """A time as both sides write it: UTC with `Z`."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def loads(content: bytes) -> Any:
    """A side's JSON; orjson.JSONDecodeError if it is none.

    Half a character, as it is left where a service cuts a text by UTF-16 units, becomes U+FFFD: JSON can write it and
    no UTF-8 text can hold it, and the one record must not make the whole page unreadable (promise 7).
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        mended = _ESCAPE.sub(lambda found: b"\\ufffd" if found[1] else found[0], content)
        if mended == content:
            raise
        return orjson.loads(mended)


def document(status: int, content: bytes) -> dict[str, Any]:
    """The JSON object of an answer, {} for an empty one; ApiError for anything that is not a success.

    A success that cannot be read has status 0: nobody knows what became of the request.
    """
    body: Any
    try:
        body = loads(content) if content.strip() else {}
    except orjson.JSONDecodeError:
        body = content.decode("utf-8", "replace")
    if not 200 <= status < 300:
        raise api_error(status, body)
    if not isinstance(body, dict):
        raise ApiError(
            0,
            "unreadable-answer",
            f"HTTP {status}, but the body is not a JSON object: {content[:80]!r}",
            "The answer was cut short, or something between us and the service answered in its place.",
        )
    return body


def rows(status: int, content: bytes, asked: str) -> Rows:
    """The page of an entity set that the answer to the url `asked` carries; ApiError as `document`."""
    body = document(status, content)
    found = body.get("value")
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ApiError(0, "unreadable-answer", f"HTTP {status}, but the body has no list of rows in `value`")
    base = _absolute(asked, str(body.get("@odata.context") or ""))
    following, delta = (str(body.get(f"@odata.{name}") or "") for name in ("nextLink", "deltaLink"))
    return Rows(tuple(found), following and _absolute(base, following), delta and _absolute(base, delta))


class Trail:
    """The links followed since a query began: a side that leads us back to one of them is in a loop (C30)."""

    def __init__(self) -> None:
        self._links: list[str] = []

    def follow(self, link: str) -> None:
        """Following a link again, after a failure or from an older position, forgets what came after it."""
        if link in self._links:
            del self._links[self._links.index(link) :]
        self._links.append(link)

    def start(self) -> None:
        self._links.clear()

    def check(self, link: str) -> str:
        if link and link in self._links:
            raise ApiError(200, "paging-loop", "the side's next link leads back to a page already read")
        return link


def _absolute(base: str, link: str) -> str:
    """A relative link counts from the answer's context, which counts from the request (OData JSON 4.0, 4.5.1).

    An absolute one stays to the letter (wire-protocols B3).
    """
    return link if urlsplit(link).scheme else urljoin(base, link)


def own_link(base_url: str, link: str) -> str:
    """`link`, if it leads to where `base_url` does; our token goes nowhere else (promise 10)."""
    target, base = urlsplit(link), urlsplit(base_url)
    if target.netloc and _origin(link) != _origin(base_url):
        raise ApiError(
            200,
            "foreign-link",
            f"the answer's link leads to {target.scheme}://{target.hostname}, not to {base.hostname}",
            "Set the side's url to the address the service itself uses in its links.",
        )
    return link


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    """Scheme, host and port, the scheme's own where none is named; None if the port is no number."""
    parts = urlsplit(url)
    try:
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
