"""The envelope: what goes on a topic comes off it, and what cannot be read says why."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.change import Change, Op, decode, encode
from schemas.side import Direction, Side
from tests.support.made import bc_row, change_of, mapping
from tests.support.tries import tries

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text()
fine_scalars = scalars.filter(lambda value: not isinstance(value, float) or abs(value) != float("inf"))
texts = st.text(st.characters(codec="utf-8"), max_size=12)
records = st.dictionaries(texts, fine_scalars.filter(lambda v: not isinstance(v, str)) | texts, max_size=5)
numbers = st.integers(0, 2**63 - 1)
ids = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Z"], exclude_characters="()/\\?#%&'\""), max_size=12
)
changes = st.builds(
    Change,
    op=st.sampled_from(Op),
    side=st.sampled_from(Side),
    table=ids,
    key=ids,
    after=st.none() | records,
    version=ids,
    sequence=numbers,
    ts_ms=numbers,
    captured_ms=numbers,
).flatmap(
    lambda change: st.sampled_from([(None, None), (7, "CUSTOMER")]).map(
        lambda job: Change(
            **{name: getattr(change, name) for name in Change.__slots__} | {"job": job[0], "mapping": job[1]}
        )
    )
)


@tries(100)
@given(changes)
def test_a_change_comes_back_as_it_went(change: Change) -> None:
    assert decode(encode(change)) == [change]


@tries(30)
@given(st.lists(changes, max_size=4))
def test_a_page_of_changes_comes_back_in_order(page: list[Change]) -> None:
    assert decode(encode(page)) == page


def test_the_envelope_is_debeziums() -> None:
    envelope = orjson.loads(encode(change_of(mapping(), Side.BC, bc_row(displayName="Adatum"))))
    assert {"op", "before", "after", "source", "ts_ms"} == set(envelope)
    assert envelope["op"] == "u"
    assert {"side": "bc", "table": "customers"}.items() <= envelope["source"].items()


def test_what_a_newer_version_adds_is_ignored() -> None:
    envelope = orjson.loads(encode(change_of(mapping(), Side.BC, bc_row())))
    newer = {**envelope, "schema": 2, "source": {**envelope["source"], "lsn": 1}}
    assert decode(orjson.dumps(newer)) == decode(orjson.dumps(envelope))


def test_what_a_newer_version_means_and_this_one_cannot_know_says_to_upgrade() -> None:
    """It is put aside, byte for byte, and can be put back then (promise 7)."""
    envelope = json.loads(encode(change_of(mapping(), Side.BC, bc_row())))
    with pytest.raises(ValueError, match="'merge' is unknown; of a newer version, it is known after an upgrade"):
        decode(orjson.dumps({**envelope, "op": "merge"}))


@pytest.mark.parametrize("value", [None, b"", b"{", b"7", b'"text"', b"[1]", b"{}", b"null", b'{"source": 1}'])
def test_what_is_no_envelope_says_so(value: bytes | None) -> None:
    with pytest.raises(ValueError, match="the message is"):
        decode(value)


@pytest.mark.parametrize("field", ["side", "table", "key", "version", "sequence", "ts_ms"])
def test_a_source_without_a_field_is_named(field: str) -> None:
    envelope = orjson.loads(encode(change_of(mapping(), Side.BC, bc_row())))
    del envelope["source"][field]
    with pytest.raises(ValueError, match=field):
        decode(orjson.dumps(envelope))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "a\0b"),
        ("key", "a\r\nb"),
        ("key", "a b"),
        ("key", "a)/b"),
        ("key", "../a"),
        ("key", "a?b"),
        ("key", "a%29"),
        ("version", "a\0b"),
        ("version", "1\r\nPrefer: x"),
        ("mapping", "a\0b"),
        ("key", "x" * 401),
        ("version", "x" * 3000),
        ("mapping", "x" * 3000),
        ("sequence", 2**63),
        ("sequence", -(2**63) - 1),
        ("ts_ms", 1e30),
        ("sequence", "a number"),
        ("job", "7"),
        ("job", True),
        ("job", 7.0),
        ("job", -1),
        ("job", 2**31),
        ("job", [7]),
    ],
)
def test_what_no_store_or_request_can_hold_is_not_read(field: str, value: object) -> None:
    """It must go to the dead letters: PostgreSQL would refuse it, and with it every other record (promise 7).

    An id goes into the url of a part of a batch and a version into a header of it.
    """
    envelope = orjson.loads(encode(change_of(mapping(), Side.BC, bc_row(), job=7)))
    envelope["source"][field] = value
    with pytest.raises(ValueError, match="the message is not a change envelope"):
        decode(json.dumps(envelope).encode())


def test_a_change_travels_away_from_its_side() -> None:
    assert change_of(mapping(), Side.BC, bc_row()).direction is Direction.TO_SALES
