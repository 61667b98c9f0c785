"""A change that no message holds goes without its largest fields, and says which."""

from dataclasses import replace

import pytest

from schemas.change import Change, Op, decode, encode
from schemas.fitting import MOST_BYTES, fitting
from schemas.side import Side

KEY = "1b1d1c1e-0000-4000-8000-000000000001"


def change(**after: object) -> Change:
    return Change(Op.UPDATE, Side.BC, "customers", KEY, {"id": KEY, **after}, 'W/"1"', 1, 1, 2)


def test_what_fits_is_left_as_it_is() -> None:
    small = change(name="Ada")
    assert fitting(small) is small


def test_only_as_much_is_left_out_as_must_be_and_the_largest_first() -> None:
    made = fitting(change(a="x" * 500_000, b="x" * 700_000, c="x" * 10))
    assert dict(made.after or {}) == {"id": KEY, "a": "x" * 500_000, "c": "x" * 10}
    assert list(made.left_out) == ["b"]


@pytest.mark.parametrize("count", [2, 50, 3000])
def test_it_fits_however_many_fields_there_are_and_is_read_back(count: int) -> None:
    made = fitting(change(**{f"field{n}": "x" * (3_000_000 // count) for n in range(count)}))
    assert len(encode(made)) <= MOST_BYTES
    assert decode(encode(made)) == [made]
    assert made.after
    assert len(made.after) > 1 or count == 2


def test_a_deletion_is_never_made_of_it_nor_the_other_way_round() -> None:
    gone = replace(change(), op=Op.DELETE, after=None, version="v" * 2_000_000)
    assert fitting(gone).after is None
    assert fitting(change(memo="x" * 2_000_000)).after == {"id": KEY}


def test_an_id_that_is_far_too_long_is_refused_by_whoever_reads_it() -> None:
    made = fitting(replace(change(), key="k" * 2_000_000))
    assert len(encode(made)) <= MOST_BYTES
    with pytest.raises(ValueError, match="400 are allowed"):
        decode(encode(made))
