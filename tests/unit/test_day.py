"""The last 24 hours as bars."""

from datetime import UTC, datetime, timedelta

from daemon.store.ended import SLOT, Lately, Slot, half_hour
from daemon.web.day import HEIGHT, WIDTH, bars

NOW = datetime(2026, 3, 2, 12, 17, tzinfo=UTC)
SINCE = NOW - timedelta(days=1)


def lately(*slots: Slot) -> Lately:
    return Lately(SINCE, 0.0, {}, slots, len(slots))


def test_a_bar_for_each_half_hour_from_the_one_of_the_beginning_to_the_one_of_now() -> None:
    found = bars(lately())
    assert [bar.at for bar in found] == [half_hour(SINCE) + n * SLOT for n in range(49)]
    assert found[-1].at == half_hour(NOW)
    assert [bar.x for bar in found] == [n * WIDTH for n in range(49)]
    assert {(bar.number, bar.height) for bar in found} == {(0, 0)}


def test_the_tallest_has_all_of_the_height_and_what_there_was_at_all_is_seen() -> None:
    found = bars(lately(Slot(half_hour(SINCE), 1), Slot(half_hour(NOW), 1000), Slot(half_hour(NOW) - SLOT, 500)))
    assert [bar.height for bar in (found[0], found[-2], found[-1])] == [2, HEIGHT // 2, HEIGHT]
    assert [bar.number for bar in (found[0], found[1], found[-1])] == [1, 0, 1000]
