"""Everything about the simulated tenant that can be chosen, and every disputed point (⚙ of wire-protocols D2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from daemon.sandbox.identity import BUSINESS_CENTRAL_AUDIENCE


def _clients() -> Mapping[str, str]:
    return {"coupled": "sandbox-secret"}


def _series() -> Mapping[str, tuple[str, int]]:
    firms = {"customers": ("C00010", 10), "vendors": ("V00010", 10), "contacts": ("CT000001", 1)}
    return {**firms, "items": ("1000", 1), "resources": ("R0010", 10)}


@dataclass(frozen=True)
class BcSettings:
    """One environment with one company. Defaults are the likelier answer of the real service."""

    environment: str = "sandbox"
    tenant: str = "contoso"
    company_id: str = "c0a6b5b5-8a3c-4c1e-9d8e-0c0c0c0c0c01"
    company_name: str = "CRONUS"
    company_display_name: str = "CRONUS Europe"
    local_currency: str = "EUR"
    clients: Mapping[str, str] = field(default_factory=_clients)
    audience: str = BUSINESS_CENTRAL_AUDIENCE
    token_seconds: int = 3599
    log_entries: int = 100_000

    # Numbering: first number and step of each series; a number given by the client is taken when manual.
    number_series: Mapping[str, tuple[str, int]] = field(default_factory=_series)
    manual_numbers: bool = True

    # Limits (A6, D21–24, D55–58). Requests are counted per client in a sliding window, batch parts included.
    page_limit: int = 20_000
    batch_limit: int = 100
    rate_limit: int | None = 6_000
    rate_window_seconds: float = 300
    batch_parts_count: bool = True
    retry_after_on_429: bool = False
    concurrent_requests: int = 5
    queued_requests: int = 95
    connections_limit: int = 100  # open ones of one user, whether anything runs on them or not
    queue_seconds: float = 480
    latency_seconds: float = 0  # what every request takes; /_sandbox/latency changes it
    operation_seconds: float = 480  # an operation that takes longer is 408
    replica_lag_seconds: float = 0

    # Disputed answers (⚙), by the number of the point.
    unknown_company_status: Literal[400, 404] = 404  # D9
    unknown_company_code: str = "Internal_CompanyNotFound"  # D9
    duplicate_status: Literal[400, 409] = 400  # D31
    client_ids: Literal["ignore", "honour", "reject"] = "ignore"  # D36
    nulls: Literal["blank", "reject"] = "blank"  # D37
    stale_status: Literal[409, 412] = 409  # D40
    read_only_fields: Literal["reject", "ignore"] = "reject"  # D42
    untyped_body_status: Literal[400, 415] = 400  # A1: a body without a Content-Type
    null_update_touches: bool = False  # D43: a PATCH that changes nothing gets a new etag
    method_not_allowed_status: Literal[400, 405, 501] = 405  # D45
    delete_needs_if_match: bool = False  # D46
    blocked_filter_fails: bool = False  # A2 [T]: `$filter` on `blocked` answers 400
    functions_need_schemaversion: bool = True  # A3: contains & co. only with `$schemaversion=2.1`
    contact_updates_customer: bool = True  # a company contact's edit reaches its customer or vendor, as in the product
    validate_email: bool = True

    # Webhooks (A4.1, D59–D73). Seconds are of the simulated clock, but those we wait for an answer.
    subscription_limit: int = 200
    subscription_seconds: float = 3 * 86_400
    handshake_timeout_seconds: float = 5
    notification_timeout_seconds: float = 30
    notification_delay_seconds: float = 30
    notification_retry_seconds: tuple[float, ...] = (60, 60, 600, 6_000, 60_000)
    notification_collection_above: int = 1_000
    notification_rows_limit: int = 1_000_000
    handshake_verb: Literal["POST", "GET"] = "POST"  # D59
    handshake_failure_code: str = "BadRequest"  # D60: not documented
    same_subscription: Literal["add", "reject"] = "add"  # A4.1: a second one for the same address and resource
    pages_that_modify: frozenset[str] = frozenset()  # A5: entity sets whose one POST is told as created and updated
    notification_slash: bool = False  # A4.1: `resource` with a leading slash
    notifications_twice: bool = False  # D72
    notifications_overtaken: bool = False  # D72: a message waits until the next one to its address has been sent
    notifications_reversed: bool = False  # D72
    webhooks_left_out: frozenset[str] = frozenset()  # F8: entity sets a tenant does not offer
    delegated_clients: frozenset[str] = frozenset()  # D73: who cannot schedule the job that sends
