"""The rows under the simulator: what a delta adds up to, what a failed transaction leaves (D104–D109, D115)."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daemon.sandbox.dataverse.catalogue import catalogue
from daemon.sandbox.dataverse.store import Index, Store

_SET = "accounts"
_IDS = [f"id{number}" for number in range(5)]
_STEP = st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from(_IDS), st.sampled_from(["a", "B", None]))
_STEPS = st.lists(_STEP, max_size=12)


def _store() -> Store:
    tables = {_SET: catalogue()[_SET]}
    return Store(tables, {_SET: [Index(("accountnumber",), "accountnumber", is_key=True)]})


def _apply(store: Store, steps: list[tuple[str, str, str | None]]) -> None:
    for verb, row_id, value in steps:
        rows = store.data[_SET].rows
        number = value and f"{value} of {row_id}"  # the writer has made sure that keys are unique
        row: dict[str, Any] = {"accountid": row_id, "accountnumber": number, "_parentaccountid_value": value}
        if verb == "remove" and row_id in rows:
            store.remove(_SET, row_id)
        elif verb == "put":
            (store.replace if row_id in rows else store.insert)(_SET, row_id, row)


def _state(store: Store) -> tuple[Any, ...]:
    data = store.data[_SET]
    links = {prop: {target: sorted(ids) for target, ids in found.items() if ids} for prop, found in data.links.items()}
    listed = [row["accountid"] for _, row in data.after(0)]
    keys = [dict(index.ids) for index in data.indexes]
    return copy.deepcopy((data.rows, listed, data.log_versions, data.log_ids, data.deleted, links, keys))


@given(before=_STEPS, after=_STEPS)
def test_d_104_a_delta_leads_from_the_old_rows_to_the_new(
    before: list[tuple[str, str, str | None]], after: list[tuple[str, str, str | None]]
) -> None:
    store = _store()
    _apply(store, before)
    mirror = dict(store.data[_SET].rows)
    since = store.version
    _apply(store, after)
    seen = [row_id for _, row_id, _ in store.data[_SET].changes(since, store.version)]
    assert len(seen) == len(set(seen))
    for _, row_id, row in store.data[_SET].changes(since, store.version):
        if row is None:
            mirror.pop(row_id, None)
        else:
            mirror[row_id] = row
    assert mirror == store.data[_SET].rows
    assert sorted(row["accountid"] for _, row in store.data[_SET].after(0)) == sorted(mirror)


@given(before=_STEPS, kept=_STEPS, undone=_STEPS)
def test_d_115_a_failed_transaction_leaves_no_trace_but_the_version_counter(
    before: list[tuple[str, str, str | None]],
    kept: list[tuple[str, str, str | None]],
    undone: list[tuple[str, str, str | None]],
) -> None:
    store = _store()
    _apply(store, before)
    with store.transaction():
        _apply(store, kept)
        inner = _state(store)
        _fail(store, undone, [])
        assert _state(store) == inner
    outer = _state(store)
    _fail(store, undone, kept)
    assert _state(store) == outer


def _fail(store: Store, steps: list[tuple[str, str, str | None]], nested: list[tuple[str, str, str | None]]) -> None:
    """A transaction that does its steps, commits an inner one, and then fails."""
    with suppress(RuntimeError), store.transaction():
        _apply(store, steps)
        with store.transaction():
            _apply(store, nested)
        raise RuntimeError
