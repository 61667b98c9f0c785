"""How far behind each mapping is, as the positions of live capture tell."""

from collections.abc import Iterable, Mapping

from daemon.store.views import PositionView
from schemas.mapping import Mappings
from schemas.side import Direction, Side


def _live(positions: Iterable[PositionView]) -> Iterable[tuple[tuple[Side, str], PositionView]]:
    """The positions of live capture (`live:<side>:<table>`); those of sweeps are their jobs' progress."""
    for position in positions:
        kind, _, rest = position.name.partition(":")
        side, _, table = rest.partition(":")
        if kind == "live":
            yield (Side(side), table), position


def lags(mappings: Mappings, positions: Iterable[PositionView]) -> Mapping[tuple[str, Direction], float]:
    """Since when the applied mark stands still although changes wait; 0 when none does."""
    ages = {live: position.applied_age if position.records_in_flight else 0.0 for live, position in _live(positions)}
    return {
        (mapping.name, way): ages[way.source, mapping.table(way.source).name]
        for mapping in mappings.all
        for way in mapping.direction.one_ways
        if (way.source, mapping.table(way.source).name) in ages
    }
