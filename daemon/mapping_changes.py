"""What changed in the mappings since the daemon last ran, as its log tells it and as the command line shows it."""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from schemas.mapping_diff import Change, Kind, MappingDiff

_log = structlog.get_logger(__name__)


def tell_changes(diffs: Iterable[MappingDiff]) -> None:
    """One line per mapping. Couplings and positions stay as they are, whatever changed."""
    for diff in diffs:
        settings = [change.setting for change in diff.changes]
        _log.warning(
            "mapping_changed", mapping=diff.name, kind=diff.kind.value, settings=settings, run=list(diff.commands)
        )


def as_dict(diff: MappingDiff, couplings: int) -> dict[str, Any]:
    """For `mappings diff`; `couplings` is how many the mapping has in the store."""
    return {
        "name": diff.name,
        "kind": diff.kind.value,
        "couplings": couplings,
        "changes": [_change(change) for change in diff.changes if diff.kind is Kind.CHANGED],
        "run": list(diff.commands),
    }


def _change(change: Change) -> Mapping[str, Any]:
    return {
        "setting": change.setting,
        "old": change.old,
        "new": change.new,
        "sweep": change.sweep.value if change.sweep else None,
        "directions": [way.value for way in change.ways],
    }
