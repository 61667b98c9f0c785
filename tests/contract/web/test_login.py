"""Where other machines can reach us: nothing but health and metrics without the password."""

import pytest

from daemon.settings import Web
from daemon.web import Access, bodies
from daemon.web.access import COOKIE

from .conftest import TOKEN, World
from .test_console import PAGES, token


@pytest.fixture
async def browser(guarded):
    async with guarded.browser() as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
async def test_pages_lead_to_the_login(browser, path):
    answer = await browser.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/login?next={path}"
    assert (await browser.get(path, headers={"X-Fragment": "1"})).status_code == 401


@pytest.mark.parametrize("path", ["/api/status", "/api/couplings", "/api/openapi.json", "/api/nothing"])
async def test_the_api_says_what_it_needs(browser, path):
    answer = await browser.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/static/console.css", "/login"])
async def test_what_is_open(browser, path):
    assert (await browser.get(path, headers={"Host": "any.name"})).status_code == 200


async def test_signing_in_and_out(guarded, browser):
    wrong = await browser.post("/login", data={"password": "guess"})
    assert wrong.status_code == 403
    assert (await browser.get("/")).status_code == 303
    answer = await browser.post("/login", data={"password": "let-me-in", "target": "/jobs"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs")
    assert "let-me-in" not in answer.headers["set-cookie"]
    assert (await browser.get("/")).status_code == 200
    assert (await browser.get("/api/status")).status_code == 200
    data = {"token": await token(browser), "command": "sync"}
    assert (await browser.post("/commands", data=data)).status_code == 303
    assert len(guarded.submitted) == 1
    await browser.post("/logout")
    assert (await browser.get("/")).status_code == 303


async def test_commands_need_the_login(guarded, browser):
    assert (await browser.post("/commands", data={"command": "sync"})).status_code == 303
    assert (await browser.post("/api/commands", json={"id": "1", "command": "sync"})).status_code == 401
    assert guarded.submitted == []


async def test_programs_send_the_password(guarded, browser):
    right = {"Authorization": "Bearer let-me-in"}
    assert (await browser.get("/api/status", headers=right)).status_code == 200
    assert (await browser.get("/api/status", headers={"Authorization": "Bearer x"})).status_code == 401
    sent = await browser.post("/api/commands", json={"id": "1", "command": "sync"}, headers=right)
    assert sent.status_code == 202


async def test_programs_send_the_token_which_opens_the_api_and_nothing_else(guarded, browser):
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert (await browser.get("/api/status", headers=right)).status_code == 200
    sent = await browser.post("/api/commands", json={"id": "1", "command": "sync"}, headers=right)
    assert sent.status_code == 202
    assert (await browser.get("/jobs", headers=right)).status_code == 303
    assert (await browser.post("/login", data={"password": TOKEN})).status_code == 403
    for wrong in (f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer ", "Bearer"):
        assert (await browser.get("/api/status", headers={"Authorization": wrong})).status_code == 401


async def test_without_a_token_none_is_right():
    async with World(access=Access("0.0.0.0", lambda: "let-me-in")).browser() as client:
        for given in ("Bearer ", "Bearer None", f"Bearer {TOKEN}"):
            assert (await client.get("/api/status", headers={"Authorization": given})).status_code == 401


async def test_made_up_cookies(guarded, browser):
    other = World(access=guarded.services.access)
    async with other.browser() as elsewhere:
        await elsewhere.post("/login", data={"password": "let-me-in"})
        foreign = elsewhere.cookies[COOKIE]
    seed, _, expires, signature = foreign.split(".")
    for made_up in (
        foreign,
        f"{seed}.1.{expires}.{signature}",
        "a.1.9999999999.b",
        "a.1.x.b",
        "",
        "...",
        "ä.1.2.3",
        "a.1.9999999999.ä",
    ):
        answer = await browser.get("/", headers={"Cookie": f"{COOKIE}={made_up}".encode()})
        assert answer.status_code == 303


async def test_guessing_is_slowed_down(guarded, browser, monkeypatch):
    async def at_once(seconds):
        return None

    monkeypatch.setattr("daemon.web.login.asyncio.sleep", at_once)
    for _ in range(10):
        await browser.post("/login", data={"password": "guess"})
    assert (await browser.post("/login", data={"password": "let-me-in"})).status_code == 429
    assert (await browser.get("/api/status", headers={"Authorization": "Bearer let-me-in"})).status_code == 401
    # Programs go on: nobody keeps them out by guessing.
    assert (await browser.get("/api/status", headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 200


async def test_the_way_on_from_the_login_stays_here(browser):
    answer = await browser.post("/login", data={"password": "let-me-in", "target": "//evil.example"})
    assert answer.headers["location"] == "/"


async def test_a_password_that_is_not_ascii(browser):
    assert (await browser.post("/login", data={"password": "pässword"})).status_code == 403


def test_access_is_as_configured(tmp_path):
    assert Access.of(Web()).password is None
    (tmp_path / "password").write_text("from-file\n")
    access = Access.of(Web(host="0.0.0.0", password_file=tmp_path / "password"))
    assert access.password() == "from-file"
    (tmp_path / "password").write_text("rotated\n")
    assert access.password() == "rotated"
    assert access.token is None
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    programs = Access.of(Web(password_file=tmp_path / "password", token_file=tmp_path / "token"))
    assert programs.token() == TOKEN
    (tmp_path / "token").write_text(TOKEN[::-1])
    assert programs.token() == TOKEN[::-1]
    (tmp_path / "token").write_text("short")
    assert programs.token() == ""
    assert Access.of(Web(token=TOKEN)).password is None


@pytest.mark.parametrize(
    ("origin", "secure"), [("https://console.contoso.com", True), ("http://console.contoso.com", False), (None, False)]
)
async def test_where_the_browser_speaks_https_the_cookie_does_too(browser, origin, secure):
    """Also behind a proxy on another machine, which we do not believe what it says of itself."""
    headers = {"Host": "console.contoso.com", **({"Origin": origin} if origin else {})}
    answer = await browser.post("/login", data={"password": "let-me-in"}, headers=headers)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert ("; secure" in cookie, "httponly" in cookie, "samesite=strict" in cookie) == (secure, True, True)


async def test_another_page_cannot_sign_anybody_in_or_out(browser):
    headers = {"Origin": "https://elsewhere.example"}
    for path in ("/login", "/logout"):
        answer = await browser.post(path, data={"password": "let-me-in"}, headers=headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_what_frames_and_foreign_scripts_are_told(browser):
    for path in ("/login", "/api/status", "/healthz", "/static/console.js", "/nothing"):
        headers = (await browser.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/login", "/commands", "/api/commands"])
@pytest.mark.parametrize("announced", [True, False])
async def test_nobody_sends_more_than_a_command_has(guarded, browser, path, announced):
    await browser.post("/login", data={"password": "let-me-in"})
    sent = 0

    async def pieces():
        nonlocal sent
        for _ in range(100):
            sent += 100_000
            yield b"x" * 100_000

    kind = {"Content-Type": "application/json" if "api" in path else "application/x-www-form-urlencoded"}
    body = b"x" * (bodies.LARGEST + 1) if announced else pieces()
    answer = await browser.post(path, content=body, headers=kind)
    assert answer.status_code == 413
    assert guarded.submitted == []
    assert (await browser.get("/login")).status_code in {200, 303}


async def test_a_large_form_in_parts_is_none(browser):
    answer = await browser.post("/login", files={"password": b"x" * (bodies.LARGEST + 1)})
    assert answer.status_code == 413
