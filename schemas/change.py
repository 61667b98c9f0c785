"""A change of one record on one side: the unit of data, in the Debezium envelope (DESIGN 2)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from schemas.side import Direction, Side


class Op(StrEnum):
    """Debezium's words. Sides do not tell an insert from an update, so live changes are `u`; sweeps read (`r`)."""

    CREATE = "c"
    UPDATE = "u"
    DELETE = "d"
    READ = "r"


@dataclass(frozen=True, slots=True)
class Change:
    """`after` is the record as the side answered it (the selected columns), None when deleted.

    `version` is the side's etag; `sequence` orders the versions of one record: Sales' versionnumber, BC's
    last-modified time in ms. `ts_ms` is when the side says it changed, `captured_ms` when we read it.
    A sweep names its `job` and the one `mapping` it is for.
    """

    op: Op
    side: Side
    table: str
    key: str
    after: Mapping[str, Any] | None
    version: str
    sequence: int
    ts_ms: int
    captured_ms: int
    job: int | None = None
    mapping: str | None = None

    @property
    def direction(self) -> Direction:
        return Direction.from_side(self.side)


def encode(changes: Change | Sequence[Change]) -> bytes:
    """One envelope, or a list of them (the records of one swept page that share a partition)."""
    if isinstance(changes, Change):
        return orjson.dumps(_envelope(changes))
    return orjson.dumps([_envelope(change) for change in changes])


def decode(value: bytes | None) -> list[Change]:
    """The changes of one message. ValueError says what makes it unreadable; a newer field is ignored."""
    if not value:
        raise ValueError("the message is empty")
    try:
        data = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the message is not JSON: {error}") from error
    return [_change(envelope) for envelope in _as_list(data)]


def _as_list(data: Any) -> Iterable[Any]:
    return data if isinstance(data, list) else [data]


def _envelope(change: Change) -> dict[str, Any]:
    source: dict[str, Any] = {
        "connector": "coupled",
        "side": change.side.value,
        "table": change.table,
        "key": change.key,
        "version": change.version,
        "sequence": change.sequence,
        "ts_ms": change.ts_ms,
    }
    if change.job is not None:
        source |= {"job": change.job, "mapping": change.mapping}
    return {
        "op": change.op.value,
        "before": None,
        "after": change.after,
        "source": source,
        "ts_ms": change.captured_ms,
    }


def _change(envelope: Any) -> Change:
    try:
        source = envelope["source"]
        return Change(
            op=Op(envelope["op"]),
            side=Side(source["side"]),
            table=str(source["table"]),
            key=str(source["key"]),
            after=_record(envelope["after"]),
            version=str(source["version"]),
            sequence=int(source["sequence"]),
            ts_ms=int(source["ts_ms"]),
            captured_ms=int(envelope["ts_ms"]),
            job=source.get("job"),
            mapping=source.get("mapping"),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"the message is not a change envelope: {error!r}") from error


def _record(after: Any) -> Mapping[str, Any] | None:
    if after is None or isinstance(after, dict):
        return after
    raise TypeError("`after` is not a record")
