"""What may differ from one organisation to the next, and every disputed point (⚙) of wire-protocols D4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TRACKED = frozenset(
    {"transactioncurrencies", "uomschedules", "uoms", "products", "accounts", "contacts", "systemusers"}
)
UNIQUE: Mapping[str, tuple[str, ...]] = {
    "transactioncurrencies": ("isocurrencycode",),
    "uomschedules": ("name",),
    "products": ("productnumber",),
}
DUPLICATE_RULES: Mapping[str, tuple[str, ...]] = {"accounts": ("emailaddress1",), "contacts": ("emailaddress1",)}


@dataclass(frozen=True)
class DataverseSettings:
    """One organisation. The defaults are the documented behaviour; where it is disputed, the likelier one."""

    tenant: str = "contoso"
    clients: Mapping[str, str] = field(default_factory=lambda: {"coupled": "sandbox-secret"})
    organisation: str = "contoso"
    organisation_id: str = "0e2f6a52-6c3c-4a5e-9b0e-6d1c5f0a7b01"
    business_unit_id: str = "0e2f6a52-6c3c-4a5e-9b0e-6d1c5f0a7b02"
    application_user_id: str = "0e2f6a52-6c3c-4a5e-9b0e-6d1c5f0a7b03"
    base_currency: str = "EUR"
    base_currency_id: str = "0e2f6a52-6c3c-4a5e-9b0e-6d1c5f0a7b04"
    audiences: tuple[str, ...] = ("https://contoso.crm.dynamics.com", "https://contoso.api.crm.dynamics.com")

    change_tracking: frozenset[str] = TRACKED
    alternate_keys: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    unique_columns: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(UNIQUE))
    duplicate_rules: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(DUPLICATE_RULES))
    missing_privileges: frozenset[str] = frozenset()  # such as "prvCreateAccount" (403)
    without_org_read: frozenset[str] = frozenset()  # sets whose changes the caller may not track (D110)
    delta_life_days: int = 7

    application_user_is_integration: bool = True
    products_start_active: bool = False  # CreateProductsWithoutParentInActiveState (⚙ D118)
    empty_text_is_null: bool = True  # ⚙ D90
    missing_bind_status: int = 404  # ⚙ D91: 404 or 400
    untyped_body_status: int = 400  # a body without a Content-Type: 400 or 415
    required_missing_code: str = "0x80040203"  # ⚙ D79
    read_only_in_body: str = "ignore"  # "ignore" or "refuse"
    state_on_create: str = "ignore"  # ⚙ D119: "ignore" or "refuse"
    count_with_bom: bool = True  # ⚙ D100
    untracked_table_status: int = 400  # ⚙ D103
    report_unselected_changes: bool = True  # ⚙ D107
    expired_token_status: int = 400  # ⚙ D108
    require_target_type: bool = True  # ⚙ D112
    unsupported_bulk_status: int = 404  # ⚙ D113: 404 or 400
    change_set_needs_content_id: bool = True  # ⚙ inside change sets; never outside (D116)
    duplicate_detected_status: int = 412  # ⚙ D120: 412 or 500

    page_limit: int = 5000
    count_limit: int = 5000
    condition_limit: int = 500
    url_limit: int = 32_768
    batch_url_limit: int = 65_536
    batch_limit: int = 1000
    requests_per_window: int = 6000
    execution_ms_per_window: int = 1_200_000
    request_cost_ms: int = 0
    window_seconds: int = 300
    concurrent_requests: int = 52
    servers: int = 1  # B6: each has limits of its own; the affinity cookie leads back to the one that answered
    dop_hint: int | None = 4  # B6: `x-ms-dop-hint`, how many requests at once are recommended
    latency_seconds: float = 0  # what every request takes; /_sandbox/latency changes it
    webhook_bytes_limit: int = 262_144  # D122: above it a message loses its parameters
    webhook_timeout_seconds: float = 60
