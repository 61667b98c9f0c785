"""How a record is called where no mapping says it: in the console, and in `coupled tail`."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from schemas.naming import called, named


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"number": "1000", "displayName": "Chair"}, "Chair"),
        ({"standardcost": 7, "productnumber": "1000", "name": ""}, "1000"),
        ({"name": 7, "code": "EUR"}, "EUR"),
        ({"email": "ann@contoso.example"}, ""),
        ({}, ""),
    ],
)
def test_the_most_telling_text_names_a_record(values: Mapping[str, object], name: str) -> None:
    assert named(values) == name


def test_any_text_is_better_than_none() -> None:
    assert called({"email": "ann@contoso.example", "code": "A"}) == "A"
    assert called({"blocked": True, "city": "", "email": "ann@contoso.example"}) == "ann@contoso.example"
    assert called({"blocked": True}) == ""
