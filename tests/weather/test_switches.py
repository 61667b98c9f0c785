"""Whatever the services' answer to what nobody could find out (⚙ of wire-protocols D): the main job ends the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import pytest

from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.dataverse import DataverseSettings
from schemas.outcome import Outcome
from schemas.side import Side
from tests.support.in_process import Systems
from tests.support.main_job import do_it, two_systems
from tests.support.simulators import CLIENT, PERSON
from tests.support.stage import Stage
from tests.support.told_stage import NEVER, ToldStage

Switches = Mapping[str, Sequence[Any]]
# Each switch, and its other positions.
BC: Switches = {
    "unknown_company_status": [400],
    "unknown_company_code": ["BadRequest_NotFound"],
    "duplicate_status": [409],
    "client_ids": ["honour", "reject"],
    "nulls": ["reject"],
    "stale_status": [412],
    "read_only_fields": ["ignore"],
    "untyped_body_status": [415],
    "null_update_touches": [True],
    "method_not_allowed_status": [400, 501],
    "delete_needs_if_match": [True],
    "blocked_filter_fails": [True],
    "functions_need_schemaversion": [False],
    "contact_updates_customer": [False],
    "validate_email": [False],
    "page_limit": [7],
    "rate_limit": [40, None],
    "batch_parts_count": [False],
    "retry_after_on_429": [True],
    "replica_lag_seconds": [5],
    "token_seconds": [300],
}
SALES: Switches = {
    "change_tracking": [frozenset({"accounts", "contacts"}), frozenset()],
    "duplicate_rules": [{}],
    "delta_life_days": [30],
    "application_user_is_integration": [False],
    "products_start_active": [True],
    "empty_text_is_null": [False],
    "missing_bind_status": [400],
    "untyped_body_status": [415],
    "required_missing_code": ["0x80040265"],
    "read_only_in_body": ["refuse"],
    "state_on_create": ["refuse"],
    "count_with_bom": [False],
    "untracked_table_status": [501],
    "report_unselected_changes": [False],
    "expired_token_status": [410],
    "require_target_type": [False],
    "unsupported_bulk_status": [400],
    "change_set_needs_content_id": [False],
    "duplicate_detected_status": [500],
    "page_limit": [7],
    "count_limit": [3],
    "condition_limit": [60],
    "requests_per_window": [100],
    "request_cost_ms": [20_000],
    "servers": [3],
}
# Where the daemon is told of changes by webhook.
TOLD: Switches = {
    "subscription_seconds": [3_000],  # an hour of quiet, and they have expired
    "notification_collection_above": [1],
    "handshake_verb": ["GET"],
    "handshake_failure_code": ["Application_DialogException"],
    "same_subscription": ["reject"],
    "notification_slash": [True],
    "pages_that_modify": [frozenset({"customers", "items"})],
    "notifications_twice": [True],
    "notifications_overtaken": [True],
    "notifications_reversed": [True],
    "webhooks_left_out": [frozenset({"customers"})],
    "delegated_clients": [frozenset({CLIENT, PERSON})],
}
# Names, sizes of what is kept, what costs real time, what the main job does not touch.
NO_SWITCH = (
    "environment tenant company_id company_name company_display_name local_currency clients audience log_entries "
    "number_series manual_numbers batch_limit rate_window_seconds connections_limit concurrent_requests "
    "queued_requests queue_seconds latency_seconds operation_seconds "
    "subscription_limit handshake_timeout_seconds notification_timeout_seconds "
    "notification_delay_seconds notification_retry_seconds notification_rows_limit",
    "tenant clients organisation organisation_id business_unit_id application_user_id base_currency base_currency_id "
    "audiences alternate_keys unique_columns missing_privileges without_org_read url_limit batch_url_limit "
    "batch_limit execution_ms_per_window window_seconds concurrent_requests latency_seconds dop_hint "
    "webhook_bytes_limit webhook_timeout_seconds",
)
_RUNS, _OTHER = 9, 5


def _chosen(**switches: Switches) -> list[dict[str, Any]]:
    """Nine runs, in which any two switches are met in every combination of usual and other.

    Every switch is turned in another five of the first eight runs: of two such fives some run is in both, some only in
    the one, some only in the other; and in the ninth run all stand as usual.
    """
    names = [(side, name, others) for side, some in switches.items() for name, others in some.items()]
    fives = list(combinations(range(_RUNS - 1), _OTHER))
    assert len(names) <= len(fives)
    runs: list[dict[str, Any]] = [{} for _ in range(_RUNS)]
    for (side, name, others), five in zip(names, fives, strict=False):
        for turn, run in enumerate(five):
            runs[run][f"{side}.{name}"] = others[turn % len(others)]
    return runs


def _of(side: str, run: Mapping[str, Any]) -> dict[str, Any]:
    return {name.partition(".")[2]: value for name, value in run.items() if name.startswith(f"{side}.")}


_Met = tuple[str, str, str, set[int]]
_CODE = re.compile(rb"SP NO\. \d{5}")
# What must have been answered by the daemon's writes, lest a switch be in a place that nobody comes by:
# side, method, start of the path, and the statuses of which one is due.
_STALE: _Met = ("bc", "PATCH", "customers(", {409, 412})
_DUPLICATE: _Met = ("bc", "POST", "salespeoplePurchasers", {400, 409})


def _answered(stage: Stage, side: str, method: str, path: str) -> set[int]:
    log = (stage.bc if side == "bc" else stage.sales).log(0)
    return {one.status for one in log if one.method == method and one.path.rpartition(")/")[2].startswith(path)}


def _outrun(stage: Stage) -> None:
    """Somebody is quicker than the daemon with the code of a new salesperson, who is gone when it tries again."""
    line = stage.lines[Side.BC]

    def take_the_code(request: httpx.Request) -> None:
        wanted = _CODE.search(request.content) if request.method == "POST" else None
        if wanted:
            line.ahead = None
            made = stage.bc.create("salespeoplePurchasers", code=wanted.group().decode())
            line.ahead = lambda _: leave(made["id"])

    def leave(key: str) -> None:
        line.ahead = None
        stage.bc.delete(f"salespeoplePurchasers({key})")

    line.ahead = take_the_code


@pytest.mark.parametrize("run", _chosen(bc=BC, sales=SALES), ids=range(_RUNS))
async def test_the_main_job_ends_the_same_whatever_the_switches(run: dict[str, Any], tmp_path: Path) -> None:
    systems = Systems(BcSettings(**_of("bc", run)), DataverseSettings(**_of("sales", run)))
    async with two_systems(tmp_path, systems) as stage:
        _outrun(stage)

        def lose_answers() -> None:
            """So that what is there already is met: the number of an item, the id of an account."""
            stage.bc.arm(status=503, after_commit=True, method="POST", path="/items", count=2)
            stage.sales.arm(kind="drop", after_commit=True, method="POST", path="/$batch")

        await do_it(stage, lose_answers)
        assert not [one for one in stage.settled if one.outcome is Outcome.FAILED]
        for side, method, path, statuses in (_STALE, _DUPLICATE):
            assert _answered(stage, side, method, path) & statuses, (side, method, path)


@pytest.mark.parametrize("run", _chosen(bc=TOLD), ids=range(_RUNS))
async def test_the_main_job_ends_the_same_however_webhooks_tell(run: dict[str, Any], tmp_path: Path) -> None:
    unheard = run.keys() & {"bc.webhooks_left_out", "bc.delegated_clients"}
    make = partial(ToldStage, seldom=300 if unheard else NEVER)
    async with two_systems(tmp_path, Systems(BcSettings(**_of("bc", run))), make) as stage:
        await do_it(stage, lambda: stage.bc.arm(kind="drop", after_commit=True, method="POST", path="/subscriptions"))
        assert not [one for one in stage.settled if one.outcome is Outcome.FAILED]


def test_no_setting_of_a_simulator_is_forgotten_here() -> None:
    both = ((BcSettings(), {**BC, **TOLD}), (DataverseSettings(), SALES))
    for (settings, switches), others in zip(both, NO_SWITCH, strict=True):
        assert {one.name for one in fields(settings)} - set(others.split()) == switches.keys()
        assert {name for name, positions in switches.items() if getattr(settings, name) in positions} == set()
