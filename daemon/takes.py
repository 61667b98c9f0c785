"""Batches of the right size: a burst is not cut in pieces, each of which would cost the other side a request, and what
a long sweep has packed into few messages does not fill the memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TypeVar

from consumers.synchronise import Message

T = TypeVar("T")
# Bytes of messages to be worked on at once: some thousands of records.
_PORTION = 4_000_000
# A trickle that never pauses is handed over after that many times `quiet`.
_AT_MOST = 5


async def whole(
    takes: AsyncIterator[Sequence[T]], most: int, quiet: float, hold: Callable[[T], None]
) -> AsyncIterator[list[T]]:
    """Joins takes until `most` items are there, or none has come for `quiet` seconds.

    `hold` is called with each item the moment it is taken: the take before is given back to its stream as soon as the
    next is asked for. The next take is asked for while a batch is worked on, never more than one.
    """

    async def take() -> Sequence[T]:
        taken = await anext(takes)
        for item in taken:
            hold(item)
        return taken

    coming = asyncio.ensure_future(take())
    try:
        while True:
            batch = list(await coming)
            coming = asyncio.ensure_future(take())
            until = asyncio.get_running_loop().time() + _AT_MOST * quiet
            while len(batch) < most and await _comes(coming, quiet, until):
                batch += coming.result()
                coming = asyncio.ensure_future(take())
            yield batch
    except StopAsyncIteration:
        return
    finally:
        coming.cancel()


async def _comes(coming: asyncio.Future[Sequence[T]], quiet: float, until: float) -> bool:
    left = min(quiet, until - asyncio.get_running_loop().time())
    done, _ = await asyncio.wait({coming}, timeout=max(0.0, left))
    return bool(done) and coming.exception() is None


def portions(messages: Sequence[Message], most: int = _PORTION) -> Iterator[Sequence[Message]]:
    """The messages in order, each portion of `most` bytes or a single larger message."""
    start, size = 0, 0
    for index, message in enumerate(messages):
        length = len(message.value or b"")
        if index > start and size + length > most:
            yield messages[start:index]
            start, size = index, 0
        size += length
    if messages[start:]:
        yield messages[start:]
