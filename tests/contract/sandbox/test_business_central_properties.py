"""Whatever is written, every way of reading agrees with a plain scan (wire-protocols A3, D25, D53)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.business_central.query import parse_query
from daemon.sandbox.business_central.read import count, read_page
from daemon.sandbox.business_central.rows import Record
from daemon.sandbox.business_central.store import Store
from daemon.sandbox.business_central.tables import TABLES

UNITS = TABLES["unitsOfMeasure"]
START = datetime(2026, 1, 1, tzinfo=UTC)
IDS = [f"00000000-0000-0000-0000-{n:012d}" for n in range(12)]
FILTERS = [
    "",
    "code eq 'B'",
    "code eq 'B' or code eq 'C' or code eq 'NONE'",
    f"id eq {IDS[3]} or id eq {IDS[5]}",
    "lastModifiedDateTime gt 2026-01-01T00:00:00.5Z",
    "lastModifiedDateTime ge 2026-01-01T00:00:00.3Z and lastModifiedDateTime le 2026-01-01T00:00:00.7Z",
    "not (lastModifiedDateTime gt 2026-01-01T00:00:00.5Z)",
    "code eq 'A' and lastModifiedDateTime lt 2026-01-01T00:00:00.9Z",
    "displayName ne 'B'",
    "displayName eq 'lastModifiedDateTime gt 2026-01-01T00:00:00Z'",
]
ORDERS = ["", "lastModifiedDateTime", "lastModifiedDateTime desc", "code", "displayName desc,code", "id", "id desc"]

steps = st.tuples(st.sampled_from(IDS), st.integers(0, 10), st.sampled_from("ABC"), st.booleans(), st.booleans())


class Failed(Exception):
    pass


def _fail_if(fails: bool) -> None:
    if fails:
        raise Failed


def apply(store: Store, model: dict[str, Record], step: tuple[str, int, str, bool, bool]) -> None:
    """One write to the store, and to the model unless its transaction fails."""
    record_id, tenths, letter, remove, fails = step
    now = START + timedelta(milliseconds=100 * tenths)
    store.modified_at = now
    before = store.rows("unitsOfMeasure").get(record_id)
    after: Record | None = None
    try:
        with store.transaction():
            if remove and before is not None:
                store.delete(UNITS, before)
            elif before is not None:
                after = store.update(UNITS, before, {"code": letter})
            else:
                after = store.insert(UNITS, {**UNITS.blanks, "id": record_id, "code": letter, "displayName": letter})
            _fail_if(fails)
    except Failed:
        return
    model.pop(record_id, None)
    if after is not None:
        model[record_id] = after


def in_order(records: list[Record], order: str) -> list[str]:
    """The ids sorted the slow way: by id, then stably by each field from the last to the first."""
    found = sorted(records, key=lambda record: record.id)
    for name, *direction in reversed([part.split() for part in order.split(",") if part]):
        found.sort(key=lambda record: _comparable(record)[name], reverse=direction == ["desc"])
    return [record.id for record in found]


def _comparable(record: Record) -> Mapping[str, Any]:
    return {**record.values, "lastModifiedDateTime": record.modified}


@settings(max_examples=150)
@given(st.lists(steps, max_size=25), st.sampled_from(FILTERS), st.sampled_from(ORDERS), st.integers(1, 5))
def test_pages_agree_with_a_scan(written: list[Any], text: str, order: str, size: int) -> None:
    store = Store(BcSettings(), lambda: START, lambda: IDS[0])
    model: dict[str, Record] = {}
    for step in written:
        apply(store, model, step)
    options = {"$filter": text, "$orderby": order}
    given_options = {name: value for name, value in options.items() if value}
    rows, seen = store.rows("unitsOfMeasure"), list[str]()
    link: str | None = urlencode(given_options)
    while link is not None:
        query = parse_query(UNITS, link, f"odata.maxpagesize={size}", BcSettings())
        page = read_page(rows, query, "", lambda record: {"id": record.id})
        seen += [row["id"] for row in page["value"]]
        link = page["@odata.nextLink"].removeprefix("?") if "@odata.nextLink" in page else None
    query = parse_query(UNITS, urlencode(given_options), "", BcSettings())
    wanted = [one for one in model.values() if query.filter is None or query.filter.matches(one.values)]
    assert seen == in_order(wanted, order)
    assert count(rows, query) == len(wanted)
