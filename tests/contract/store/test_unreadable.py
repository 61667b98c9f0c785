"""Messages that nobody could read are counted for a day, each once, for every worker."""

from datetime import timedelta

from daemon.store.engine import Store
from daemon.store.tidying import tidy

from .conftest import Clock

ITEMS, CONTROL = "coupled.bc.items", "coupled.control"


async def test_each_counts_once_by_topic_and_for_a_day(store: Store, clock: Clock, another) -> None:
    assert await store.unreadable.lately() == {}
    for offset in (7, 8, 7):
        await store.unreadable.note(ITEMS, 0, offset)
    clock.forward(3600)
    await store.unreadable.note(CONTROL, 0, 7)
    assert await (await another()).unreadable.lately() == {ITEMS: 2, CONTROL: 1}
    clock.forward(23 * 3600 + 1)
    assert await store.unreadable.lately() == {CONTROL: 1}
    assert await tidy(store.database, clock() + timedelta(seconds=1)) == 0
    assert await store.unreadable.lately() == {}
