"""What of a filter Business Central's server gets: what it surely takes (wire-protocols A3)."""

import pytest

from schemas.pushdown import pushed


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("", ""),
        ("blocked eq false", "blocked eq false"),
        ("blocked", "blocked eq true"),
        ("not blocked", "blocked ne true"),
        ("unitPrice gt 12.50 and inventory le -1", "unitPrice gt 12.50 and inventory le -1"),
        ("5 lt unitPrice", "unitPrice gt 5"),
        ("id eq 5D115C9C-44e3-ea11-bb43-000d3a2feca1", "id eq 5d115c9c-44e3-ea11-bb43-000d3a2feca1"),
        # Codes stand in capitals there; other text is compared to the letter, and choices are refused.
        ("country eq 'de '", "country eq 'DE'"),
        ("itemCategoryCode eq 'O''NEIL'", "itemCategoryCode eq 'O''NEIL'"),
        ("companyNumber ne ''", "companyNumber ne ''"),
        ("city eq 'London'", ""),
        ("blocked eq '_x0020_'", ""),
        ("country eq '_x0020_'", ""),
        ("number gt 'A'", ""),
        # Moments, nulls, functions, fields among themselves.
        ("lastModifiedDateTime gt 2026-01-01T00:00:00Z", ""),
        ("birthday eq 2026-01-01", ""),
        ("country ne null", ""),
        ("startswith(number,'1')", ""),
        ("unitPrice gt unitCost", ""),
        ("unitPrice eq 1234567890123456", ""),
        # What holds of both together may be said alone; of one or the other, only of one field.
        ("type eq 'Person' and companyNumber ne ''", "companyNumber ne ''"),
        ("city eq 'A' and (contains(name,'x') and blocked eq false)", "blocked eq false"),
        ("country eq 'DE' or country eq 'AT'", "country eq 'DE' or country eq 'AT'"),
        ("country eq 'DE' or number eq '1'", ""),
        ("country eq 'DE' or city eq 'Ulm'", ""),
        ("blocked and (price eq 1 or price eq 2)", "blocked eq true and (price eq 1 or price eq 2)"),
        ("(price gt 1 and name eq 'x') or price eq 0", "price gt 1 or price eq 0"),
        ("not (country eq 'DE' or price gt 5)", "country ne 'DE' and price le 5"),
        ("not (country eq 'DE' and country ne 'AT')", "country ne 'DE' or country eq 'AT'"),
        ("not (country eq 'DE' and name eq 'x')", ""),
        # A field of ours.
        ("exchangeRate gt 1 and code ne 'EUR'", "code ne 'EUR'"),
        ("not (exchangeRate gt 1)", ""),
    ],
)  # fmt: skip
def test_the_part_that_the_server_gets(text: str, server: str) -> None:
    assert pushed(text, {"exchangeRate"}) == server


def test_what_does_not_fit_into_a_url_is_left_to_us() -> None:
    codes = " or ".join(f"country eq 'C{number}'" for number in range(200))
    assert pushed(codes) == ""
    assert pushed(f"({codes}) and blocked eq false") == "blocked eq false"
