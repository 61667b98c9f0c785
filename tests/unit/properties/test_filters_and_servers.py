"""A filter says the same of a row here as on the server that sweeps with it (business-central-sync 2.1).

Sales' server gets the whole filter; Business Central's the part that it evaluates.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daemon.sandbox.filters import compile_filter
from schemas.canonical import as_code
from schemas.filters import Filter
from schemas.pushdown import pushed
from schemas.side import Side
from tests.support.tries import tries

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


codes = words.map(lambda text: as_code(text.strip(" ")))
bc_rows = st.fixed_dictionaries(
    {
        "city": words,
        "country": codes,
        "number": codes,
        "blocked": st.sampled_from(["_x0020_", "Ship", "All"]),
        "count": st.integers(-3, 3) | st.floats(-3, 3, allow_nan=False),
        "active": st.booleans(),
        "currencyId": st.sampled_from(["00000000-0000-0000-0000-000000000000", "5d115c9c-44e3-ea11-bb43-000d3a2feca1"]),
    }
)
KINDS = {"country": "string", "number": "string", "count": "number", "active": "boolean", "currencyId": "guid"}


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


texts = st.builds("{} {} {}".format, names, st.sampled_from(["eq", "ne"]), words.map(quoted))
parts = st.builds("{}({},{})".format, st.sampled_from(["contains", "startswith", "endswith"]), names, words.map(quoted))
numbers = st.builds("count {} {}".format, st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]), st.integers(-3, 3))
flags = st.sampled_from(["active", "active eq true", "active ne false", "active eq null", "name ne null"])


def joined(leaves: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    both = st.sampled_from(["and", "or"])
    return st.recursive(
        leaves,
        lambda inner: st.builds("({} {} {})".format, inner, both, inner) | st.builds("not ({})".format, inner),
        max_leaves=most,
    )


conditions = joined(texts | parts | numbers | flags, 4)
keys = st.builds(
    "{} {} {}".format, st.sampled_from(["country", "number"]), st.sampled_from(["eq", "ne"]), words.map(quoted)
)
ids = st.sampled_from(["currencyId ne 5D115C9C-44e3-ea11-bb43-000d3a2feca1", "blocked eq ' '", "blocked ne 'all'"])
bc_texts = st.builds("city {} {}".format, st.sampled_from(["eq", "ne"]), words.map(quoted))
bc_flags = st.sampled_from(["active", "active eq true", "false ne active", "active ne false"])
bc_conditions = joined(keys | keys | numbers | ids | bc_texts | bc_flags | numbers.map(lambda one: f"not ({one})"), 6)


@tries(600)
@given(text=conditions, row=rows)
def test_a_filter_over_sales_matches_what_the_server_finds(text: str, row: dict[str, Any]) -> None:
    server = compile_filter(text, case_insensitive=True, wildcards=True)
    assert Filter.parse(text, Side.SALES).matches(row) == server.matches(row), text


@tries(1500)
@given(text=bc_conditions, row=bc_rows)
def test_the_part_that_business_central_gets_loses_no_row_and_is_one_it_takes(text: str, row: dict[str, Any]) -> None:
    part = pushed(text)
    if not part:
        return
    server = compile_filter(part, case_insensitive=False)
    assert not server.or_across_fields, part
    assert {name: {KINDS[name]} for name in server.fields} == server.literal_kinds, part
    ours = Filter.parse(text).matches(row)
    assert (server.matches(row) and ours) == ours, f"{text} → {part}"
