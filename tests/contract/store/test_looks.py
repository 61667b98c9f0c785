"""What the leader saw last is what every worker tells."""

from datetime import UTC, datetime

from daemon.store.engine import Store
from schemas.alert_causes import Kind
from schemas.holding import BELIEVED, NOBODY_LEADS, Alert, Looked

from .conftest import Clock

SINCE = datetime(2026, 3, 1, 11, 17, 3, 250_000, tzinfo=UTC)
SLOW = Alert("CoupledSlow:changes", Kind.SLOW, "warning", "changes", "6% …", "coupled status", SINCE)
STALLED = Alert("CoupledCaptureStalled:bc", Kind.CAPTURE_STALLED, "critical", "bc", "\0 💥", "", SINCE, ("items", "ä"))


async def test_the_last_look_is_what_others_read(store: Store, clock: Clock, another) -> None:
    assert (await store.looks.last(), await store.looks.told()) == (None, ())
    await store.looks.keep(Looked(clock(), [STALLED, SLOW]))
    assert await (await another()).looks.last() == Looked(clock(), [STALLED, SLOW])
    await store.looks.keep(Looked(clock.forward(15), [SLOW]))
    assert await store.looks.last() == Looked(clock(), [SLOW])
    assert await store.looks.told() == [SLOW]


async def test_by_the_time_of_who_asks_it_is_believed_no_more(store: Store, clock: Clock) -> None:
    begun = clock()
    await store.looks.keep(Looked(begun, [SLOW]))
    clock.forward(BELIEVED.total_seconds())
    assert [one.alert for one in await store.looks.told(begun)] == [NOBODY_LEADS]
    assert await store.looks.told(clock()) == ()
