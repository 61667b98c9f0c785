"""Whatever the services' answer to what nobody could find out (⚙ of wire-protocols D): the main job ends the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.dataverse import DataverseSettings
from tests.support.in_process import Systems
from tests.support.main_job import do_it, two_systems

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
    "rate_limit": [300, None],
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
    "requests_per_window": [300],
    "request_cost_ms": [4000],
}
# Names, sizes of what is kept, what costs real time, what the main job does not touch (webhooks have a test of theirs).
NO_SWITCH = (
    "environment tenant company_id company_name company_display_name local_currency clients audience log_entries "
    "number_series manual_numbers batch_limit rate_window_seconds connections_limit concurrent_requests "
    "queued_requests queue_seconds latency_seconds operation_seconds "
    "subscription_limit subscription_seconds handshake_timeout_seconds notification_timeout_seconds "
    "notification_delay_seconds notification_retry_seconds notification_collection_above notification_rows_limit "
    "handshake_verb handshake_failure_code same_subscription pages_that_modify notification_slash notifications_twice "
    "notifications_reversed webhooks_left_out delegated_clients",
    "tenant clients organisation organisation_id business_unit_id application_user_id base_currency base_currency_id "
    "audiences alternate_keys unique_columns missing_privileges without_org_read url_limit batch_url_limit "
    "batch_limit execution_ms_per_window window_seconds concurrent_requests latency_seconds webhook_bytes_limit "
    "webhook_timeout_seconds",
)
_RUNS, _OTHER = 9, 5


def _chosen() -> list[dict[str, Any]]:
    """Nine runs, in which any two switches are met in every combination of usual and other.

    Every switch is turned in another five of the first eight runs: of two such fives some run is in both, some only in
    the one, some only in the other; and in the ninth run all stand as usual.
    """
    names = [("bc", name, others) for name, others in BC.items()]
    names += [("sales", name, others) for name, others in SALES.items()]
    fives = list(combinations(range(_RUNS - 1), _OTHER))
    assert len(names) <= len(fives)
    runs: list[dict[str, Any]] = [{} for _ in range(_RUNS)]
    for (side, name, others), five in zip(names, fives, strict=False):
        for turn, run in enumerate(five):
            runs[run][f"{side}.{name}"] = others[turn % len(others)]
    return runs


def _of(side: str, run: Mapping[str, Any]) -> dict[str, Any]:
    return {name.partition(".")[2]: value for name, value in run.items() if name.startswith(f"{side}.")}


@pytest.mark.parametrize("run", _chosen(), ids=range(_RUNS))
async def test_the_main_job_ends_the_same_whatever_the_switches(run: dict[str, Any], tmp_path: Path) -> None:
    systems = Systems(BcSettings(**_of("bc", run)), DataverseSettings(**_of("sales", run)))
    async with two_systems(tmp_path, systems) as stage:

        def lose_answers() -> None:
            """So that what is there already is met: the number of an item, the id of an account."""
            stage.bc.arm(status=503, after_commit=True, method="POST", path="/items", count=2)
            stage.sales.arm(kind="drop", after_commit=True, method="POST", path="/$batch")

        await do_it(stage, lose_answers)


def test_no_setting_of_a_simulator_is_forgotten_here() -> None:
    both = ((BcSettings(), BC), (DataverseSettings(), SALES))
    for (settings, switches), others in zip(both, NO_SWITCH, strict=True):
        assert {one.name for one in fields(settings)} - set(others.split()) == switches.keys()
        assert {name for name, positions in switches.items() if getattr(settings, name) in positions} == set()
