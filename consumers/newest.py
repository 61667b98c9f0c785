"""Which change of a batch counts for each record, pure (promise 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from schemas.change import Change, Op, Version


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


def older(newest: Mapping[str, Change], failed: Mapping[str, Version]) -> frozenset[str]:
    """Of the newest changes, those of an older version than the one that has failed: a sweep read it before, and was
    slower. It says nothing of the record, whose failure stands until that version, or a newer one, went across."""
    return frozenset(key for key in failed.keys() & newest.keys() if 0 < newest[key].sequence < failed[key].sequence)


def tried_again(newest: Mapping[str, Change], failed: Mapping[str, Version]) -> dict[str, Change]:
    """Another version of what has failed is a retry: it is carried though "only coupled" has been turned on since, and
    is no failure any more once it has left the filter (business-central-sync 3.8)."""
    again = {key for key, one in failed.items() if newest[key].version != one.version}
    return {key: replace(one, retry=True) if key in again else one for key, one in newest.items()}


def _in_its_place(kept: Change, passed: Change) -> tuple[Change, Change]:
    """What somebody asked for of a superseded change holds for the one that stands in for it, be that live capture's:
    a record that is named or retried is carried whatever "only coupled" and `live` say, and its job counts the outcome.
    """
    asked = replace(kept, retry=kept.retry or passed.retry, mapping=kept.mapping or passed.mapping)
    return (asked, passed) if kept.job is not None else (replace(asked, job=passed.job), replace(passed, job=None))
