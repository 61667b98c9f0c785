"""A change of one record on one side: the unit of data, in the Debezium envelope (DESIGN 2)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from schemas.side import Direction, Side

# Of an id or a version: what fits a PostgreSQL index entry, four bytes a character, with room for its neighbours.
LONGEST = 400
_CONTROL, _LEADING = re.compile(r"[\x00-\x1f\x7f-\x9f]"), re.compile(r"[\s()/\\?#%&'\"]")
LARGEST = 2**63 - 1
LARGEST_JOB = 2**31 - 1


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
    `left_out`: the fields that were too large for a message, and their bytes; `after` is without them.
    A sweep names its `job` and the one `mapping` it is for. `retry`: the record has failed before under that mapping.
    `trace` is the W3C `traceparent` that came with its message, no part of the envelope; empty without one.
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
    retry: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)
    trace: str = field(default="", compare=False)

    @property
    def direction(self) -> Direction:
        return Direction.from_side(self.side)


@dataclass(frozen=True, slots=True)
class Version:
    """A record's version, and where it stands in the record's order; 0 is unknown."""

    version: str
    sequence: int = 0


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
    if change.left_out:
        source["left_out"] = dict(change.left_out)
    if change.mapping is not None:
        source |= {"job": change.job, "mapping": change.mapping, "retry": change.retry}
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
            op=_op(envelope["op"]),
            side=Side(source["side"]),
            table=_name(source["table"]),
            key=_key(source["key"]),
            after=_record(envelope["after"]),
            version=_line(source["version"]),
            sequence=_number(source["sequence"]),
            ts_ms=_number(source["ts_ms"]),
            captured_ms=_number(envelope["ts_ms"]),
            job=_job(source.get("job")),
            mapping=None if source.get("mapping") is None else _name(source["mapping"]),
            retry=source.get("retry") is True,
            left_out={_name(name): _number(size) for name, size in (source.get("left_out") or {}).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"the message is not a change envelope: {error!r}") from error


def _op(value: Any) -> Op:
    """Fields may be added; another operation means what this version cannot know."""
    if isinstance(value, str) and value not in set(Op):
        raise ValueError(f"the operation {value[:20]!r} is unknown; of a newer version, it is known after an upgrade")
    return Op(value)


def _name(value: Any) -> str:
    """An id or a version that every store can hold (promise 7): a PostgreSQL text, short enough for an index."""
    text = str(value)
    if "\0" in text:
        raise ValueError("a zero character in an id, a version or a name")
    if len(text) > LONGEST:
        raise ValueError(f"an id, a version or a name of {len(text)} characters; {LONGEST} are allowed")
    return text


def _line(value: Any) -> str:
    """A version goes into a header of a batch's part."""
    text = _name(value)
    if _CONTROL.search(text):
        raise ValueError("a control character in an id or a version")
    return text


def _key(value: Any) -> str:
    """An id goes into the url of a request: nothing in it may lead elsewhere."""
    text = _line(value)
    if _LEADING.search(text):
        raise ValueError("an id with a character that means something in a url")
    return text


def _number(value: Any) -> int:
    number = int(value)
    if abs(number) > LARGEST:
        raise ValueError("a number of more than 64 bits")
    return number


def _job(value: Any) -> int | None:
    if value is None or (type(value) is int and 0 < value <= LARGEST_JOB):
        return value
    raise ValueError("`job` is not the number of a job")


def _record(after: Any) -> Mapping[str, Any] | None:
    if after is None or isinstance(after, dict):
        return after
    raise TypeError("`after` is not a record")
