"""The token endpoint and what a token opens (wire-protocols D1)."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from daemon.sandbox.identity import BUSINESS_CENTRAL_AUDIENCE, Identity, Unauthorised
from tests.contract.sandbox.business_central_support import CREDENTIALS, HOST, TOKEN_URL, Clock, error, tenant
from tests.contract.sandbox.dataverse_support import org

DATAVERSE = "https://contoso.crm.dynamics.com"


@asynccontextmanager
async def endpoint(**options: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Identity, Clock]]:
    clock = Clock()
    identity = Identity({"coupled": "sandbox-secret"}, {BUSINESS_CENTRAL_AUDIENCE, DATAVERSE}, clock, **options)
    app = Starlette(routes=identity.routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as http:
        yield http, identity, clock


async def token(http: httpx.AsyncClient, **changes: str) -> str:
    answer = await http.post(TOKEN_URL, data={**CREDENTIALS, **changes})
    assert answer.status_code == 200, answer.text
    return f"Bearer {answer.json()['access_token']}"


async def test_d_001_right_secret_gives_a_bearer_token() -> None:
    async with endpoint() as (http, identity, _):
        answer = await http.post(TOKEN_URL, data=CREDENTIALS)
        body = answer.json()
        assert answer.status_code == 200
        assert set(body) == {"token_type", "expires_in", "ext_expires_in", "access_token"}
        assert (body["token_type"], body["expires_in"], body["ext_expires_in"]) == ("Bearer", 3599, 3599)
        assert identity.authorise(f"Bearer {body['access_token']}", BUSINESS_CENTRAL_AUDIENCE) == "coupled"


async def test_d_001_client_may_authenticate_with_http_basic() -> None:
    async with endpoint() as (http, _, _):
        form = {name: CREDENTIALS[name] for name in ("grant_type", "scope")}
        packed = base64.b64encode(b"coupled:sandbox-secret").decode()
        answer = await http.post(TOKEN_URL, data=form, headers={"Authorization": f"Basic {packed}"})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "name", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_id": "stranger"}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
async def test_d_002_wrong_secret_and_unknown_client(
    changes: dict[str, str], status: int, name: str, number: int
) -> None:
    async with endpoint() as (http, _, _):
        answer = await http.post(TOKEN_URL, data={**CREDENTIALS, **changes})
        body = answer.json()
        assert (answer.status_code, body["error"], body["error_codes"]) == (status, name, [number])
        assert body["error_description"].startswith(f"AADSTS{number}: ")
        assert {"timestamp", "trace_id", "correlation_id"} <= body.keys()
        assert "sandbox-secret" not in answer.text
        assert "wrong" not in body["error_description"]


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ("", "invalid_request"),
        (BUSINESS_CENTRAL_AUDIENCE, "invalid_scope"),
        (".default", "invalid_scope"),
        ("https://unknown.example/.default", "invalid_scope"),
    ],
)
async def test_d_003_wrong_or_missing_scope(scope: str, name: str) -> None:
    async with endpoint() as (http, _, _):
        answer = await http.post(TOKEN_URL, data={**CREDENTIALS, "scope": scope})
        assert (answer.status_code, answer.json()["error"]) == (400, name)


async def test_d_003_own_address_is_a_scope_only_where_asked_for() -> None:
    own = {**CREDENTIALS, "scope": f"{HOST}/.default"}
    async with endpoint() as (http, _, _):
        assert (await http.post(TOKEN_URL, data=own)).status_code == 400
    async with endpoint(accept_host=True) as (http, identity, _):
        answer = await http.post(TOKEN_URL, data=own)
        assert identity.authorise(f"Bearer {answer.json()['access_token']}", {HOST, DATAVERSE}) == "coupled"


async def test_d_004_json_instead_of_a_form() -> None:
    async with endpoint() as (http, _, _):
        answer = await http.post(TOKEN_URL, json=CREDENTIALS)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_d_005_token_of_another_audience() -> None:
    async with endpoint() as (http, identity, _):
        with pytest.raises(Unauthorised) as refused:
            identity.authorise(await token(http), DATAVERSE)
        assert refused.value.reason == "audience"


async def test_d_005_neither_side_takes_a_token_of_the_other() -> None:
    async with tenant() as bc, org() as sales:
        bc.http.headers["Authorization"], sales.http.headers["Authorization"] = (
            sales.http.headers["Authorization"],
            bc.http.headers["Authorization"],
        )
        assert error(await bc.get("customers")) == (401, "Authentication_InvalidCredentials")
        assert (await sales.get("accounts")).status_code == 401


async def test_d_006_token_expires_by_the_clock() -> None:
    async with endpoint(token_seconds=60) as (http, identity, clock):
        header = await token(http)
        clock.advance(seconds=59)
        assert identity.authorise(header, BUSINESS_CENTRAL_AUDIENCE) == "coupled"
        clock.advance(seconds=1)
        with pytest.raises(Unauthorised) as refused:
            identity.authorise(header, BUSINESS_CENTRAL_AUDIENCE)
        assert refused.value.reason == "expired"


async def test_d_006_expired_token_is_401_until_a_new_one_is_fetched() -> None:
    async with tenant() as bc:
        assert (await bc.get("customers")).status_code == 200
        bc.clock.advance(seconds=3599)
        assert error(await bc.get("customers")) == (401, "Authentication_InvalidCredentials")
        await bc.sign_in()
        assert (await bc.get("customers")).status_code == 200


async def test_d_123_tokens_can_be_rejected_in_mid_run() -> None:
    async with tenant() as bc:
        assert (await bc.http.delete("/_sandbox/tokens")).status_code == 204
        assert (await bc.get("customers")).status_code == 401


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic abc"])
async def test_d_007_header_without_a_usable_token(header: str | None) -> None:
    async with endpoint() as (_, identity, _):
        with pytest.raises(Unauthorised):
            identity.authorise(header, BUSINESS_CENTRAL_AUDIENCE)
