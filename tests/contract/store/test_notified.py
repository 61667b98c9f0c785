"""What people were notified of outlives the daemon."""

from daemon.store.engine import Store
from schemas.alert_causes import Cause, Kind

FAILS = Cause(Kind.FAILURES, "CUSTOMER", "3 fail", "coupled errors")
LATE = Cause(Kind.BEHIND, "CUSTOMER to_bc", "late", "coupled status")


async def test_each_channel_has_its_own(store: Store, clock, another) -> None:
    await store.notified.keep("email", [FAILS, LATE], clock())
    await store.notified.keep("webhook", [LATE], clock())
    assert await store.notified.all() == {"email": [FAILS, LATE], "webhook": [LATE]}
    clock.forward(60)
    await store.notified.keep("email", [LATE], clock())
    assert await store.notified.all() == {"email": [LATE], "webhook": [LATE]}
    await store.notified.keep("email", [], clock())
    assert await (await another()).notified.all() == {"webhook": [LATE]}


async def test_what_is_told_already_stays_as_it_was_told(store: Store, clock) -> None:
    await store.notified.keep("email", [FAILS], clock())
    await store.notified.keep("email", [Cause(Kind.FAILURES, "CUSTOMER", "9 fail", ""), LATE], clock.forward(60))
    assert await store.notified.all() == {"email": [FAILS, LATE]}
