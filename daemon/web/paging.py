"""One shape for every list of /api: some items, and the address of those that follow.

A cursor is the place of the last item shown, not a number of items: what is added meanwhile moves nothing.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, Literal
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from daemon.web.parameters import LAST_JOB, MOST, Word
from daemon.web.ports import Page, Spot, T
from schemas.errors import Refused

LARGEST_PAGE = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Number = Annotated[int, Field(ge=0, le=MOST)]
_Job = Annotated[int, Field(ge=0, le=LAST_JOB)]

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="at most so many items")]
Cursor = Annotated[
    str | None,
    Query(max_length=4000, description="where to go on: `next` of the answer before holds it"),
]
Offset = Annotated[
    int, Query(ge=0, le=MOST, deprecated=True, description="leaves out so many; items may move meanwhile: use `next`")
]


class Listing(BaseModel, Generic[T]):
    """A page of a list."""

    items: Sequence[T]
    next: str | None = Field(description="path and query of the items that follow; null: there are none")
    more: bool = Field(description="whether `next` is given")
    total: int | None = Field(description="how many there are in all; null: not counted")


class List:
    """One list of the API: its name and what its places are made of, so that no other cursor is taken for one."""

    def __init__(self, name: str, *parts: Any) -> None:
        # Literal of a value: only the running program knows it.
        self._place: TypeAdapter[Any] = TypeAdapter(tuple[(Literal[name], *parts)])  # type: ignore[valid-type]
        self._name = name

    def cursor(self, place: Spot) -> str:
        text = self._place.dump_json((self._name, *place))
        return urlsafe_b64encode(text).rstrip(b"=").decode()

    def place(self, cursor: str) -> Spot:
        """Refused if it is no cursor of this list."""
        try:
            text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            _, *place = self._place.validate_json(text, strict=True)
        except (ValueError, ValidationError):
            raise _unknown() from None
        return tuple(place)


MAPPINGS = List("mappings", Word)
RUNS = List("runs", _Number, Word)
JOBS = List("jobs", _Job)
JOBS_OF_RUN = List("jobs-of-run", _Job)
FINDINGS = List("findings", _Number)
FINDINGS_OF_RUN = List("findings-of-run", _Number)
RECORDS = List("records", _Number, _Number)
RECORDS_OF_JOB = List("job-records", _Number)
FAILURES = List("failures", _Number, _Number)
CAUSES = List("causes", _Number, _Number, Word, Word, Word, Word)
BLANKS = List("blanks", Word, Word, Word, Word)
COUPLINGS = List("couplings", _Number)
LETTERS = List("dead-letters", _Number)
ALERTS = List("alerts", _Number, Word)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: how many, and from where on."""

    request: Request
    limit: int
    cursor: str | None
    offset: int = 0

    def after(self, of: List) -> Spot | None:
        return of.place(self.cursor) if self.cursor else None

    def listing(self, of: List, page: Page[Any], shown: Callable[[Any], Any] = lambda item: item) -> Listing[Any]:
        following = self._address(of.cursor(page.after)) if page.after else None
        items = [shown(item) for item in page.items]
        return Listing(items=items, next=following, more=following is not None, total=page.total)

    def part_of(self, of: List, items: Sequence[Any], key: Callable[[Any], int | str]) -> Page[Any]:
        """Of a list that is at hand as a whole; its order stays."""
        first, after = 0, self.after(of)
        if after:
            first = next((n for n, item in enumerate(items, 1) if key(item) == after[0]), 0)
            if not first:
                raise _unknown()
        part = items[first : first + self.limit]
        return Page(part, first, (key(part[-1]),) if len(items) > first + self.limit else None, len(items))

    def _address(self, cursor: str) -> str:
        given = [one for one in self.request.query_params.multi_items() if one[0] not in ("offset", "cursor")]
        # Starlette's own address is not quoted again: a path with a ? or a # would end there.
        return f"{quote(self.request.scope['path'])}?{urlencode([*given, ('cursor', cursor)])}"


def _asked(request: Request, limit: Limit = 50, cursor: Cursor = None) -> Asked:
    return Asked(request, limit, cursor)


def _asked_from(request: Request, limit: Limit = 50, cursor: Cursor = None, offset: Offset = 0) -> Asked:
    if cursor and offset:
        raise Refused("request-invalid", "cursor: it and offset exclude each other.", "Leave the offset out.")
    return Asked(request, limit, cursor, offset)


Paging = Annotated[Asked, Depends(_asked)]
PagingFrom = Annotated[Asked, Depends(_asked_from)]


def _unknown() -> Refused:
    return Refused("request-invalid", "cursor: it is none of this list.", "Ask with `next` of the answer before.")


def micros(at: datetime | None) -> int:
    """A moment as a part of a place."""
    return ((at or _EPOCH) - _EPOCH) // timedelta(microseconds=1)


def moment(part: int) -> datetime:
    return _EPOCH + timedelta(microseconds=part)
