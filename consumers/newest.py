"""Which change of a batch counts for each record, pure (promise 3)."""

from collections.abc import Sequence
from dataclasses import replace

from schemas.change import Change, Op


def newest_of(changes: Sequence[Change]) -> tuple[dict[str, Change], list[Change]]:
    """The newest change of each record, in order, and those it supersedes (promise 3)."""
    newest: dict[str, Change] = {}
    superseded: list[Change] = []
    for change in changes:
        earlier = newest.get(change.key)
        if earlier is None:
            newest[change.key] = change
            continue
        kept, passed = (change, earlier) if _follows(change, earlier) else (earlier, change)
        newest[change.key], told = _in_its_place(kept, passed)
        superseded.append(told)
    return newest, superseded


def _follows(change: Change, earlier: Change) -> bool:
    """Is the later message the newer version? A sequence of 0 is unknown: the order of the log counts."""
    if change.op is Op.DELETE or earlier.op is Op.DELETE or not change.sequence:
        return True
    return change.sequence >= earlier.sequence


def _in_its_place(kept: Change, passed: Change) -> tuple[Change, Change]:
    """What somebody asked for of a superseded change holds for the one that stands in for it, be that live capture's:
    a record that is named or retried is carried whatever "only coupled" and `live` say, and its job counts the outcome.
    """
    asked = replace(kept, retry=kept.retry or passed.retry, mapping=kept.mapping or passed.mapping)
    return (asked, passed) if kept.job is not None else (replace(asked, job=passed.job), replace(passed, job=None))
