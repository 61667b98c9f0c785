"""`coupled check` against both simulators: all well, and each thing that may be wrong provoked."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import orjson
import pytest

from daemon.checkup import checkup
from daemon.sandbox.business_central import BcSettings
from daemon.sandbox.business_central import create_app as create_bc
from daemon.sandbox.dataverse import DataverseSettings
from daemon.sandbox.dataverse.settings import TRACKED
from daemon.sandbox.faults import Fault
from daemon.sandbox.identity import BUSINESS_CENTRAL_AUDIENCE, Identity
from daemon.sessions import SideSettings, session
from daemon.settings import Settings
from schemas.checkup import Checked, State, exit_of
from schemas.mapping_file import read, standard_text
from schemas.side import Side
from tests.contract.clients.client_support import HOST, Ticker, bc, sales, settings, state

AUTH = {"client_id": "coupled", "client_secret": "sandbox-secret", "token_url": f"{HOST}/contoso/oauth2/v2.0/token"}
BC, SALES = "Business Central", "Sales"
OTHER = "https://other.example"


@dataclass
class Tenant:
    """Two sides, a coupled.yaml and a mappings file; a test makes one of them wrong."""

    folder: str
    bc: BcSettings = field(default_factory=BcSettings)
    sales: DataverseSettings = field(default_factory=DataverseSettings)
    company: str = "CRONUS"
    public_url: str | None = None
    mappings: str = field(default_factory=standard_text)
    clients: Mapping[Side, httpx.AsyncClient] = field(default_factory=dict)
    ticker: Ticker = field(default_factory=Ticker)

    def __post_init__(self) -> None:
        self.clients = {Side.BC: bc(self.ticker, self.bc), Side.SALES: sales(self.ticker, self.sales)}

    def arm(self, side: Side, **fault: Any) -> None:
        state(self.clients[side]).control.faults.arm(Fault(**fault))

    async def check(self) -> list[Checked]:
        webhooks = {"public_url": self.public_url}
        place = {"url": f"{HOST}/v2.0/sandbox", "company": self.company, "auth": AUTH, "webhooks": webhooks}
        store = {"url": f"sqlite:///{self.folder}/coupled.db"}
        told = Settings.model_validate(
            {"business_central": place, "sales": {"url": HOST, "auth": AUTH}, "store": store}
        )
        return await checkup(told, read(self.mappings), self.clients, self.ticker.now)


def mended(found: list[Checked]) -> list[Checked]:
    return [one for one in found if one.state in (State.WARNING, State.ERROR)]


@pytest.mark.parametrize("public_url", [None, "http://127.0.0.1:8086"])
async def test_where_all_is_well_there_is_nothing_to_mend_and_nothing_was_written(
    tmp_path: Any, public_url: str | None
) -> None:
    tenant = Tenant(str(tmp_path), public_url=public_url)
    found = await tenant.check()
    assert mended(found) == []
    assert [(one.about, one.what) for one in found if one.state is State.NOT_TRIED] == [(BC, "writing")]
    assert exit_of(found) == 0
    about = {(one.about, one.what) for one in found}
    assert about >= {
        *((side, what) for side in (BC, SALES) for what in ("connection", "reading", "writing", "clock")),
        (SALES, "change tracking"),
        (SALES, "limits"),
        ("Kafka", "connection"),
        ("store", "connection"),
        ("mappings", "fields"),
    }
    assert ((BC, "webhooks") in about) == (public_url is not None)
    for client in tenant.clients.values():
        assert state(client).control.log.entries(writes=True) == []
    assert list(tmp_path.iterdir()) == [], "the store is the daemon's to make"


def _field(tenant: Tenant) -> None:
    tenant.mappings = tenant.mappings.replace("sales: telephone1", "sales: telefon1", 1)


def _advice(tenant: Tenant) -> None:
    old = "  - name: CUSTOMER\n"
    tenant.mappings = tenant.mappings.replace(old, f"{old}    on_delete: uncouple\n    only_coupled: false\n", 1)


def _page(tenant: Tenant) -> None:
    tenant.arm(Side.BC, status=404, count=9, path="/api/coupled/")


def _forbidden(tenant: Tenant) -> None:
    tenant.arm(Side.BC, status=403, count=9, path="/customers")


def _no_list(tenant: Tenant) -> None:
    tenant.public_url = "http://127.0.0.1:8086"
    tenant.arm(Side.BC, status=404, count=9, path="webhookSupportedResources")


def _untold(tenant: Tenant) -> None:
    tenant.arm(Side.SALES, status=404, count=9, path="RetrieveUserPrivileges")


def _undefined(tenant: Tenant) -> None:
    tenant.arm(Side.SALES, status=403, count=99, path="EntityDefinitions")


def _no_subscriptions(tenant: Tenant) -> None:
    tenant.public_url = "http://127.0.0.1:8086"
    tenant.arm(Side.BC, status=403, count=9, path="/subscriptions")


def _elsewhere(side: Side, **fault: Any) -> Callable[[Tenant], None]:
    """Something answers there, and it is not the service."""
    return lambda tenant: tenant.arm(side, count=99, path="/api/", **{"status": 404, **fault})


def _ahead(tenant: Tenant) -> None:
    control = state(tenant.clients[Side.BC]).control
    control.clock.offset = -control.clock.offset.resolution * 300_000_000


def nothing(tenant: Tenant) -> None:
    """The settings are wrong already."""


PROVOKED: list[Any] = [
    pytest.param({}, _field, "error 2 mappings fields", "line", "telefon1", "telephone1", id="field"),
    pytest.param({}, _page, "error 2 mappings fields", "coupled/sync/v1.0", "", "Publish", id="custom page"),
    pytest.param({}, _advice, "warning 0 mappings fields", "on_delete", "created again", "restore", id="advice"),
    pytest.param({}, _forbidden, f"error 2 {BC} reading", "customers", "403", "read privilege on customers", id="bc"),
    pytest.param({}, _no_list, f"warning 0 {BC} webhooks", "does not say", "", "coupled_webhook", id="no list"),
    pytest.param(
        {"sales": DataverseSettings(missing_privileges=frozenset({"prvWriteAccount", "prvAssignAccount"}))},
        nothing,
        f"error 2 {SALES} writing",
        "accounts: prvWriteAccount, prvAssignAccount",
        "",
        "Grant these privileges",
        id="may not write",
    ),
    pytest.param(
        {"sales": DataverseSettings(missing_privileges=frozenset({"prvAppendToTransactionCurrency"}))},
        nothing,
        f"error 2 {SALES} writing",
        "transactioncurrencies: prvAppendToTransactionCurrency",
        "",
        "Grant these privileges",
        id="may not be named",
    ),
    pytest.param({}, _untold, f"warning 0 {SALES} writing", "accounts (create, write)", "404", "Compare", id="untold"),
    pytest.param({}, _undefined, f"warning 0 {SALES} writing", "Not tried", "403", "Compare", id="no definitions"),
    pytest.param({}, _no_subscriptions, f"error 2 {BC} webhooks", "403", "", "permission set", id="no subscriptions"),
    pytest.param(
        {}, _elsewhere(Side.BC), f"error 2 {BC} connection", "404", "", "business_central.url: it ends", id="bc url"
    ),
    pytest.param(
        {}, _elsewhere(Side.SALES), f"error 2 {SALES} connection", "404", "", "sales.url: it ends", id="sales url"
    ),
    pytest.param(
        {},
        _elsewhere(Side.SALES, status=429),
        f"error 3 {SALES} connection",
        "429",
        "",
        "Ask again in a few minutes",
        id="throttled",
    ),
    pytest.param({}, _ahead, f"warning 0 {BC} clock", "300 s behind", "30 s", "NTP", id="clock"),
    pytest.param({"company": "KRONOS"}, nothing, f"error 2 {BC} connection", "KRONOS", "", "CRONUS", id="company"),
    pytest.param(
        {"sales": DataverseSettings(missing_privileges=frozenset({"prvReadContact"}))},
        nothing,
        f"error 2 {SALES} reading",
        "contacts",
        "403",
        "read privilege on contacts",
        id="privilege",
    ),
    pytest.param(
        {"sales": DataverseSettings(without_org_read=frozenset({"products"}))},
        nothing,
        f"error 2 {SALES} change tracking",
        "products",
        "",
        "organisation-wide read on products",
        id="own records only",
    ),
    pytest.param(
        {"sales": DataverseSettings(change_tracking=TRACKED - {"accounts"})},
        nothing,
        f"warning 0 {SALES} change tracking",
        "Off for accounts",
        "`modifiedon` instead, its deletions every 60 minutes",
        "Track changes",
        id="no tracking",
    ),
    pytest.param(
        {"bc": BcSettings(webhooks_left_out=frozenset({"contacts"})), "public_url": "http://127.0.0.1:8086"},
        nothing,
        f"warning 0 {BC} webhooks",
        "contacts",
        "polled",
        "Nothing has to be done",
        id="no webhooks",
    ),
    pytest.param(
        {"sales": DataverseSettings(requests_per_window=100)},
        nothing,
        f"warning 0 {SALES} limits",
        "remain",
        "below 300",
        "application user of its own",
        id="limits",
    ),
]


@pytest.mark.parametrize(("chosen", "spoil", "kind", "says", "more", "fix"), PROVOKED)
async def test_what_is_wrong_is_told_once_with_its_mending(
    tmp_path: Any, chosen: dict[str, Any], spoil: Callable[[Tenant], None], kind: str, says: str, more: str, fix: str
) -> None:
    tenant = Tenant(str(tmp_path), **chosen)
    spoil(tenant)
    found = await tenant.check()
    (one,) = mended(found)
    assert f"{one.state} {int(exit_of(found))} {one.about} {one.what}" == kind
    assert says in one.says
    assert more in one.says
    assert fix in one.fix


@pytest.mark.parametrize("side", list(Side))
async def test_a_side_that_is_down_hides_nothing_of_the_rest(tmp_path: Any, side: Side) -> None:
    tenant = Tenant(str(tmp_path))
    tenant.arm(side, status=503, count=1000)
    found = await tenant.check()
    assert exit_of(found) == 3
    (one,) = mended(found)
    assert (one.about, one.what) == (side.label, "connection")
    others = {(one.about, one.what) for one in found if one.about == side.other.label}
    assert others >= {(side.other.label, what) for what in ("connection", "reading", "writing")}
    assert any(one.about == "mappings" and f"not held against {side.label}" in one.says for one in found)


def readable(aud: str = BUSINESS_CENTRAL_AUDIENCE, roles: tuple[str, ...] = (), **wrong: str) -> httpx.AsyncClient:
    """A Business Central whose tokens can be read, as Entra's can, and say this."""
    ticker, told, chosen = Ticker(), settings(Side.BC), BcSettings()
    parts = [{"alg": "none"}, {"aud": aud, "roles": roles}, {}]
    text = ".".join(base64.urlsafe_b64encode(orjson.dumps(one)).decode().rstrip("=") for one in parts)
    identity = Identity(chosen.clients, {aud}, ticker.moment, new_token=lambda: text)
    app = create_bc(chosen, {}, ticker.moment, identity=identity)
    credentials = replace(told.credentials, scope=f"{aud}/.default", **wrong)
    client = session(
        Side.BC, SideSettings(told.url, credentials), transport=httpx.ASGITransport(app), clocks=ticker.time
    )
    client.app = app  # type: ignore[attr-defined]
    return client


ROLE = ("API.ReadWrite.All",)


@pytest.mark.parametrize(
    ("aud", "roles", "says", "fix"),
    [
        (OTHER, ROLE, f"It is for {OTHER}.", "Set business_central.auth.scope to https://localhost/.default"),
        ("http://localhost", (), "does not take the token", "API.ReadWrite.All"),
        ("http://localhost", ROLE, "does not take the token", "Microsoft Entra Applications"),
        ("996def3d-0000-4153-8607-a6fd3c01b89f", ROLE, "does not take the token", "Microsoft Entra Applications"),
    ],
    ids=["audience", "role", "unknown to the service", "audience by id"],
)
async def test_a_token_that_is_not_taken_is_looked_into_and_never_shown(
    tmp_path: Any, aud: str, roles: tuple[str, ...], says: str, fix: str
) -> None:
    """The simulator takes its own audience only."""
    tenant = Tenant(str(tmp_path))
    tenant.clients = {**tenant.clients, Side.BC: readable(aud, roles)}
    found = await tenant.check()
    (one,) = mended(found)
    assert (one.about, one.what, exit_of(found)) == (BC, "sign-in", 3)
    assert says in one.says
    assert fix in one.fix
    assert not any("eyJ" in f"{one.says} {one.fix}" for one in found)


async def test_a_wrong_secret_is_told_and_never_shown(tmp_path: Any) -> None:
    tenant = Tenant(str(tmp_path))
    tenant.clients = {**tenant.clients, Side.BC: readable(client_secret="not-the-right-one")}
    found = await tenant.check()
    (one,) = mended(found)
    assert exit_of(found) == 3
    assert "AADSTS7000215" in one.says
    assert "secret's value" in one.fix
    assert not any("not-the-right-one" in f"{one.says} {one.fix}" for one in found)
