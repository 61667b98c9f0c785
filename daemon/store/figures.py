"""What the views tell, in figures of each mapping: how far behind it is, and how many of its records failed."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from daemon.store.position_views import PositionView
from daemon.store.views import FailureCount
from schemas.mapping import Mappings
from schemas.side import Direction, Side


def _live(positions: Iterable[PositionView]) -> Iterable[tuple[tuple[Side, str], PositionView]]:
    """The positions of live capture (`live:<side>:<table>`); those of sweeps are their jobs' progress."""
    for position in positions:
        kind, _, rest = position.name.partition(":")
        side, _, table = rest.partition(":")
        if kind == "live":
            yield (Side(side), table), position


def lags(
    mappings: Mappings, positions: Iterable[PositionView], paused: Collection[str]
) -> Mapping[tuple[str, Direction], float]:
    """Since when the applied mark of live capture stands still although changes wait; 0 when none does. Of a mapping
    that is paused nothing is read, so nobody knows what waits."""
    ages = {live: position.applied_age if position.records_in_flight else 0.0 for live, position in _live(positions)}
    return {
        (mapping.name, way): ages[way.source, mapping.table(way.source).name]
        for mapping in mappings.all
        if mapping.name not in paused
        for way in mapping.direction.one_ways
        if (way.source, mapping.table(way.source).name) in ages
    }


def failures(counts: Iterable[FailureCount]) -> Counter[tuple[str, str]]:
    """By mapping and state (open, resolved), all codes together."""
    found: Counter[tuple[str, str]] = Counter()
    for count in counts:
        found[count.mapping, "open"] += count.open
        found[count.mapping, "resolved"] += count.resolved
    return found
