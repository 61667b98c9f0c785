"""What writing to both sides shares: calls that fail in one way only, answers, and batches side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

import httpx
import orjson

from consumers.sizes import NOTHING_DONE, Size, batched, for_its_size
from schemas.answers import unknown_version
from schemas.errors import ApiError, BatchError, Unreachable
from schemas.mapping import Table
from schemas.odata import Row, Trail, document, own_link, rows
from schemas.side import Side
from schemas.write import Answer, Write, Written

JSON = "application/json"

Group = TypeVar("Group", bound=Hashable)
Send = Callable[[Sequence[Write]], Awaitable[Sequence[Answer]]]
# Sends as the given does, and looks on.
Watch = Callable[[Side, Send], Send]


def unwatched(side: Side, send: Send) -> Send:
    """Nobody looks on."""
    return send


async def call(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    parts: int = 1,
    operation: str = "",
) -> httpx.Response:
    """The side's answer, whatever its status; ApiError with status 0 if there is none.

    `parts` is how many requests a batch counts for (A6); `operation` is for the governor, if the verb does not tell it.
    """
    extensions = {"parts": parts, **({"operation": operation} if operation else {})}
    try:
        return await client.request(method, url, content=content, headers=headers, extensions=extensions)
    except Unreachable as error:  # says nothing about the record, so it must not count against it (promise 7)
        raise ApiError(0, error.problem.code, error.problem.message, error.problem.hint) from error
    except (httpx.RequestError, httpx.InvalidURL) as error:
        raise ApiError(0, "no-answer", f"no answer: {error or type(error).__name__}") from error


async def get_all(client: httpx.AsyncClient, urls: Iterable[str], parallel: int) -> list[Row]:
    """The rows of all pages of all these queries."""
    gate = asyncio.Semaphore(parallel)

    async def one(url: str) -> list[Row]:
        async with gate:
            return await _pages(client, url)

    return list(chain.from_iterable(await asyncio.gather(*(one(url) for url in urls))))


async def _pages(client: httpx.AsyncClient, url: str) -> list[Row]:
    found, trail = list[Row](), Trail()
    while url:
        trail.follow(url)
        response = await call(client, "GET", own_link(str(client.base_url), url))
        page = rows(response.status_code, response.content, str(response.url))
        found += page.rows
        url = trail.check(page.next)
    return found


def answer(status: int, content: bytes) -> Answer:
    """What one answer says of its write: the row (empty if it carries none), or why not."""
    try:
        return Written(document(status, content))
    except ApiError as error:
        return error


async def direct(client: httpx.AsyncClient, method: str, url: str, body: Any, headers: Mapping[str, str]) -> Answer:
    """One write as a request of its own; `body` None: it has none."""
    content = None if body is None else orjson.dumps(body)
    typed = {**headers, "Content-Type": JSON} if content else headers
    try:
        response = await call(client, method, url, content=content, headers=typed)
    except ApiError as error:
        return error
    return answer(response.status_code, response.content)


async def deliver(
    side: Side,
    writes: Sequence[Write],
    send: Send,
    *,
    group: Callable[[Write], Group],
    size: Callable[[Group], Size],
    parallel: int,
) -> Sequence[Answer]:
    """Sends the writes in full batches of one group and its `size`, `parallel` at once; answers in their order.

    A change of a record whose version nobody knows is not sent: it could overwrite a newer one (promise 3). `send`
    raises the ApiError of a batch that failed as a whole: the group's next ones are smaller, and its writes are
    answered BatchError, unless nothing of it was begun; then its halves are sent.
    """
    answers: list[Answer] = [unknown_version(write.id) for write in writes]
    groups: dict[Group, list[int]] = {}
    for index, write in enumerate(writes):
        if write.version != "":
            groups.setdefault(group(write), []).append(index)
    gate = asyncio.Semaphore(parallel)

    async def one(batch: Sequence[int], most: Size) -> None:
        async with gate:
            found = await _sent([writes[index] for index in batch], send, most)
        for index, made in zip(batch, found, strict=True):
            answers[index] = _legible(writes[index].mapping.table(side), made)

    async with asyncio.TaskGroup() as tasks:
        for name, indexes in groups.items():
            most = size(name)
            for batch in batched(indexes, most.now):
                tasks.create_task(one(batch, most))
    return answers


async def _sent(writes: Sequence[Write], send: Send, size: Size) -> Sequence[Answer]:
    try:
        found = await send(writes)
    except ApiError as error:
        if not for_its_size(error):
            return [error] * len(writes)
        size.failed(len(writes), error.status)
        if error.status not in NOTHING_DONE:
            return [BatchError(error)] * len(writes)
        halves = batched(writes, -(-len(writes) // 2))
        return [made for half in halves for made in await _sent(half, send, size)]
    if len(writes) == 1 and isinstance(found[0], ApiError):
        size.failed_alone(found[0].status)
    else:
        size.went(len(writes))
    return found


def _legible(table: Table, answer: Answer) -> Answer:
    """A success that carries something else than the record, such as a page put in JSON, does not say what became of
    the write."""
    if isinstance(answer, Written) and answer.row and table.id not in answer.row:
        return unanswered(ApiError(0, "unreadable-answer", "the answer to a write does not carry the record's id"))
    return answer


def unanswered(error: ApiError | None = None) -> ApiError:
    """For a write whose part of a batch answer is missing: its outcome is unknown, so status 0."""
    return error or ApiError(0, "no-answer", "the batch's answer does not say what became of this write")


def heed(response: httpx.Response, status: int, headers: Mapping[str, str]) -> None:
    """A part refused for too many requests holds back the whole side, as a whole answer would (promise 9)."""
    if refused := response.extensions.get("refused"):
        refused(status, httpx.Headers(headers))
