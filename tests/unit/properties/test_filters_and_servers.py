"""A filter says the same of a row here as on the server that sweeps with it (business-central-sync 2.1)."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.sandbox.filters import compile_filter
from schemas.filters import Filter
from schemas.side import Side

words = st.text("aAbB sSßé50%_-", max_size=6)
names = st.sampled_from(["name", "city"])
rows = st.fixed_dictionaries(
    {
        "name": st.none() | words,
        "city": st.none() | words,
        "count": st.none() | st.integers(-3, 3) | st.floats(-3, 3, allow_nan=False),
        "active": st.none() | st.booleans(),
    }
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


texts = st.builds("{} {} {}".format, names, st.sampled_from(["eq", "ne"]), words.map(quoted))
parts = st.builds("{}({},{})".format, st.sampled_from(["contains", "startswith", "endswith"]), names, words.map(quoted))
numbers = st.builds("count {} {}".format, st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]), st.integers(-3, 3))
flags = st.sampled_from(["active", "active eq true", "active ne false", "active eq null", "name ne null"])
conditions = st.recursive(
    texts | parts | numbers | flags,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=4,
)


@settings(max_examples=600)
@given(text=conditions, row=rows)
def test_a_filter_over_sales_matches_what_the_server_finds(text: str, row: dict[str, Any]) -> None:
    server = compile_filter(text, case_insensitive=True, wildcards=True)
    assert Filter.parse(text, Side.SALES).matches(row) == server.matches(row), text
