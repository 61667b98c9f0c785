"""Messages nobody could read: listed, and put back where they came from."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from daemon.letter_rows import result_of
from daemon.letters import PutBack
from daemon.web import paging
from daemon.web.access import Guard
from daemon.web.commanding import only_json
from daemon.web.operations import OPERATIONS
from daemon.web.paging import LARGEST_PAGE, Listing, Paging
from daemon.web.parameters import MOST, Word
from daemon.web.ports import Letter, Letters, Page, Services
from daemon.web.rendering import Renderer
from schemas.errors import Refused

NEWEST = 100
Topic = Annotated[Word, Query(description="only those of this topic, with or without its prefix")]


def _numeric(value: object) -> object:
    """JSON has one kind of number, in which 7.0 is 7; no text and no truth is one."""
    if type(value) not in (int, float):
        raise ValueError("it is no number")
    return value


Number = Annotated[int, Field(ge=0, le=MOST), BeforeValidator(_numeric)]


class LetterRow(BaseModel):
    """A message nobody could read: where it came from and why, escaped, cut, and without what looks like a secret."""

    letter: int = Field(description="its number, by which it is named")
    at: datetime = Field(description="when it was found unreadable")
    topic: str
    partition: int | None
    offset: int | None
    key: str | None
    reason: str
    bytes: int = Field(description="of the whole value")
    value: str | None = Field(description="how it begins")
    whole: bool = Field(description="whether the letter keeps all of it")
    stuck: str = Field(description="why it cannot be put back; empty if it can")

    @staticmethod
    def of(letter: Letter) -> "LetterRow":
        return LetterRow.model_validate({**letter.row, "stuck": letter.stuck})


class Chosen(BaseModel):
    model_config = ConfigDict(extra="forbid")
    letters: list[Number] = Field(min_length=1, max_length=LARGEST_PAGE, description="their numbers")


class Moved(BaseModel):
    """A letter, and where its message is now."""

    letter: int
    topic: str
    partition: int
    offset: int


class Left(BaseModel):
    letter: int
    reason: str


class Replayed(BaseModel):
    """What was put back, and what was not."""

    replayed: Sequence[Moved]
    left: Sequence[Left]

    @classmethod
    def of(cls, done: Sequence[PutBack], wanted: AbstractSet[int]) -> Self:
        return cls.model_validate(result_of(done, wanted))


def api(services: Services) -> APIRouter:
    routes = APIRouter(prefix="/api/dead-letters", **OPERATIONS)

    @routes.get("")
    async def listed(asked: Paging, topic: Topic = "") -> Listing[LetterRow]:
        """The messages nobody could read, newest first. Kafka forgets them by the topic's retention."""
        after = asked.after(paging.LETTERS)
        found = await _box(services).newest(asked.limit + 1, after[0] if after else None, topic)
        shown = [LetterRow.of(one) for one in found[: asked.limit]]
        last = (shown[-1].letter,) if len(found) > asked.limit else None
        return asked.listing(paging.LETTERS, Page(shown, after=last))

    @routes.post("/replay", dependencies=[Depends(only_json)])
    async def replay(chosen: Chosen) -> Replayed:
        """Puts messages back where they came from, byte for byte, for the daemon to read again. Nothing is removed, and
        twice does no harm: an older version never overwrites a newer one."""
        wanted = set(chosen.letters)
        return Replayed.of(await _box(services).put_back(wanted), wanted)

    return routes


def router(services: Services, guard: Guard, renderer: Renderer) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    async def page(request: Request, done: Sequence[PutBack] = ()) -> Response:
        found = await _box(services).newest(NEWEST)
        now = datetime.now(UTC)
        return await renderer.page(request, "dead_letters", letters=found, newest=NEWEST, done=done, read=now)

    @routes.get("/dead-letters")
    async def listed(request: Request) -> Response:
        return await page(request)

    @routes.post("/dead-letters")
    async def put_back(request: Request) -> Response:
        form = await guard.form_of(request)
        chosen = {int(one) for one in map(str, form.getlist("letters")) if one.isdecimal() and len(one) < 19}
        if not chosen:
            raise Refused("nothing-chosen", "No letter was chosen.", "Tick at least one.")
        return await page(request, await _box(services).put_back(chosen))

    return routes


def _box(services: Services) -> Letters:
    if services.letters is None:
        raise HTTPException(404)
    return services.letters
