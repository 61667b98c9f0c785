"""Reading both sides of a mapping once through, page by page, into the store (promise 6)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from consumers.survey.ports import Row, Staging, Sweep
from schemas.side import Side

_DONE = "done"
_NEXT = "next"
_AT_ONCE = 500


async def read_both(
    job: int, sweeps: Mapping[Side, Sweep], staging: Staging, progress: Callable[[int], Awaitable[None]]
) -> None:
    """What is left to read of both sides is staged. Resumable at every page; `progress` gets each page's size."""
    for side, sweep in sweeps.items():
        position = await staging.position(job, side)
        while not position.get(_DONE):
            page = await sweep.read(position if _NEXT in position else None)
            position = {**page.position, **({} if page.more else {_DONE: True})}
            await staging.stage(job, side, page.changes, position)
            await progress(len(page.changes))


async def staged(job: int, side: Side, staging: Staging) -> AsyncIterator[Sequence[tuple[str, Row]]]:
    """All staged rows of a side with their ids, some hundred at a time, in the order of the ids."""
    last = ""
    while found := await staging.page(job, side, last, _AT_ONCE):
        yield found
        last = found[-1][0]
