"""Every list of /api is walked in one way, over a real store that grows and shrinks meanwhile."""

from base64 import urlsafe_b64encode

import pytest

from daemon.store.engine import open_store
from daemon.web.from_store import StoreReader
from schemas.mapping_file import parse, standard_text

from .conftest import World
from .grown import Grown, ended, pair


@pytest.fixture
async def grown(tmp_path):
    made = Grown(None)
    made.store = await open_store(f"sqlite:///{tmp_path}/coupled.db", now=lambda: made.now)
    yield made
    await made.store.close()


@pytest.fixture
async def browser(grown):
    async def nobody():
        return []

    async with World(reader=StoreReader(grown.store, parse(standard_text()), nobody)).browser() as client:
        yield client


LISTS = {
    "/api/couplings": (Grown.coupling, lambda item: item["bc_id"]),
    "/api/couplings?mapping=CUSTOMER&text=B": (Grown.coupling, lambda item: item["bc_id"]),
    "/api/failures": (Grown.failure, lambda item: item["source_key"]),
    "/api/failures?code=same": (Grown.failure, lambda item: item["source_key"]),
    "/api/failures/causes": (Grown.cause, lambda item: item["problem"]["code"]),
    "/api/failures/causes?code=update-conflict": (Grown.clash, lambda item: item["id"]),
    "/api/blanks": (Grown.blank, lambda item: item["key"]),
    "/api/runs": (Grown.run, lambda item: item["id"]),
    "/api/jobs": (Grown.run, lambda item: item["id"]),
    "/api/jobs?state=waiting": (Grown.run, lambda item: item["id"]),
    "/api/jobs/1/findings": (Grown.finding, lambda item: item["bc_id"]),
    "/api/runs/r1000/findings?kind=matched": (Grown.finding, lambda item: item["bc_id"]),
    "/api/jobs/1/findings?kind=equal&direction=both": (Grown.equal, lambda item: item["bc_id"]),
    "/api/runs/r1000/findings?kind=equal": (Grown.equal, lambda item: item["bc_id"]),
    "/api/records": (Grown.carried, lambda item: item["bc_id"]),
    "/api/records?outcome=unchanged&mapping=CUSTOMER": (Grown.unchanged, lambda item: item["bc_id"]),
    "/api/jobs/1/records?outcome=unchanged": (Grown.unchanged, lambda item: item["bc_id"]),
    "/api/jobs/1/records": (Grown.carried, lambda item: item["bc_id"]),
    "/api/jobs/1/records?outcome=coupled": (Grown.carried, lambda item: item["bc_id"]),
}


async def walk(browser, path: str, limit: int, between) -> list[dict]:
    """All items, from `next` to `next`; `between` happens after each page."""
    items, joint = [], "&" if "?" in path else "?"
    following = f"{path}{joint}limit={limit}"
    while following:
        answer = await browser.get(following)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        assert page["more"] == (page["next"] is not None)
        items += page["items"]
        following = page["next"]
        await between()
    return items


@pytest.mark.parametrize("path", LISTS)
async def test_nothing_is_lost_and_nothing_repeated_while_the_list_grows(grown, browser, path):
    add, name = LISTS[path]
    for n in range(10):
        await add(grown, n)
    numbers = iter(range(10, 100))

    async def more() -> None:
        await add(grown, next(numbers))

    async def nothing() -> None:
        return None

    there = [name(item) for item in await walk(browser, path, 1000, nothing)]
    assert len(there) == len(set(there)) >= 5
    seen = [name(item) for item in await walk(browser, path, 3, more)]
    assert len(seen) == len(set(seen))
    assert [one for one in seen if one in there] == there
    if path != "/api/blanks" and "findings" not in path:  # in these the new ones come behind
        assert seen == there
    assert next(numbers) > 11, "there was more than one page"


@pytest.mark.parametrize("path", ["/api/mappings", "/api/runs/r0/jobs"])
async def test_lists_that_do_not_grow_are_walked_alike(grown, browser, path):
    async def nothing() -> None:
        return None

    await grown.run(0)
    whole = await walk(browser, path, 1000, nothing)
    assert len(whole) >= 2
    assert await walk(browser, path, 1, nothing) == whole


async def test_one_that_is_gone_leaves_no_gap(grown, browser):
    """What is counted from the top, as `offset` does, then leaves one out."""
    for n in range(6):
        await grown.failure(n)

    async def mend() -> None:
        await grown.settled(ended("f5", coupling=pair("f5")))

    keys = [item["source_key"] for item in await walk(browser, "/api/failures", 4, mend)]
    assert sorted(keys) == sorted(f"{letter}{n}" for letter in "fg" for n in range(6))


async def test_the_address_of_the_next_page_keeps_the_question(grown, browser):
    for n in range(3):
        await grown.coupling(n)
    page = (await browser.get("/api/couplings", params={"text": "b", "limit": 1, "offset": 1})).json()
    assert page["next"].startswith("/api/couplings?text=b&limit=1&cursor=")
    assert [item["bc_id"] for item in (await browser.get(page["next"])).json()["items"]] == ["b0"]


def cursor(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/api/jobs", "x"),
        ("/api/jobs", "ä"),
        ("/api/jobs", cursor("[")),
        ("/api/jobs", cursor('["jobs"]')),
        ("/api/jobs", cursor('["jobs", "1"]')),
        ("/api/jobs", cursor('["jobs", -1]')),
        ("/api/jobs", cursor('["jobs", 2147483648]')),
        ("/api/jobs", cursor('["couplings", 1]')),
        ("/api/runs", cursor('["runs", 1, "a\\u0000b"]')),
        ("/api/runs", cursor('["runs", 1, "\\ud800"]')),
        ("/api/mappings", cursor('["mappings", "NOTHING"]')),
        ("/api/jobs", "x" * 5000),
    ],
)
async def test_a_cursor_of_nobodys_is_refused(browser, path, given):
    answer = await browser.get(path, params={"cursor": given})
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")
    assert answer.json()["detail"].startswith("cursor: ")


async def test_a_cursor_with_an_offset_is_refused(browser):
    answer = await browser.get("/api/jobs", params={"cursor": cursor('["jobs", 1]'), "offset": 1})
    assert answer.status_code == 422


async def test_every_list_is_described_in_one_way(browser):
    document = (await browser.get("/api/openapi.json")).json()
    for path, operations in document["paths"].items():
        if "get" not in operations:
            continue
        reference = operations["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert "$ref" in reference, f"{path} answers a bare list"
        if reference["$ref"].rpartition("/")[2].startswith("Listing_"):
            names = [one["name"] for one in operations["get"]["parameters"]]
            assert {"limit", "cursor"} <= set(names), path
