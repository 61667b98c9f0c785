"""How each side was found, told from worker to worker."""

from daemon.store.engine import Store
from daemon.store.sides import Seen
from schemas.side import Side

from .conftest import Clock


async def test_what_was_told_last_of_a_side_is_what_others_read(store: Store, clock: Clock, another) -> None:
    assert await store.sides.told() == {}
    first, checked = clock(), clock()
    up, down = Seen(up=True, detail="", checked=checked), Seen(up=False, detail="It refuses.", checked=None)
    await store.sides.tell({Side.BC: up, Side.SALES: up})
    later = clock.forward(5)
    await store.sides.tell({Side.SALES: down})
    assert await (await another()).sides.told() == {Side.BC: (up, first), Side.SALES: (down, later)}
