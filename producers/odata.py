"""What reading both sides shares: pages, and a guard against endless ones."""

from collections.abc import AsyncIterator

import httpx

from producers.ports import Position
from schemas.errors import ApiError
from schemas.odata import Row, Rows, Trail, own_link, rows


async def get(client: httpx.AsyncClient, url: str, prefer: str = "") -> Rows:
    """One page: a path below the side's url, or a link the side gave. ApiError if it is anything else."""
    headers = {"Prefer": prefer} if prefer else {}
    try:
        response = await client.get(own_link(str(client.base_url), url), headers=headers)
    except (httpx.RequestError, httpx.InvalidURL) as error:
        raise ApiError(0, "no-answer", f"no answer: {error or type(error).__name__}") from error
    return rows(response.status_code, response.content, str(response.url))


async def pages_of(client: httpx.AsyncClient, link: str) -> AsyncIterator[Rows]:
    """The pages of a query. ApiError if one cannot be read, or its link leads back to one already read (C30)."""
    trail = Trail()
    while link:
        trail.follow(link)
        page = await get(client, link)
        link = trail.check(page.next)
        yield page


async def rows_of(client: httpx.AsyncClient, link: str) -> list[Row]:
    """The rows of all pages of a query; ApiError as `pages_of`."""
    return [row async for page in pages_of(client, link) for row in page.rows]


async def get_count(client: httpx.AsyncClient, url: str) -> int | None:
    """The number a `/$count` answers, perhaps after a byte order mark (wire-protocols B3); None if it is none."""
    try:
        response = await client.get(url, headers={"Accept": "text/plain, application/json"})
    except httpx.RequestError:
        return None
    text = response.content.decode("utf-8-sig", "replace").strip()
    return int(text) if response.is_success and text.isdigit() else None


class Pages:
    """The pages of one query, from `first` along the side's own links: what every sweep reads."""

    def __init__(self, client: httpx.AsyncClient, first: str, page_size: int) -> None:
        self._client, self._first = client, first
        self._prefer = f"odata.maxpagesize={page_size}"
        self._trail = Trail()

    async def read(self, position: Position | None) -> Rows | None:
        """The page at `position` (None: the first one); None if `position` is past the last."""
        link = self._first if position is None else str(position["next"])
        if not link:
            return None
        if position is None:
            self._trail.start()
        self._trail.follow(link)
        found = await get(self._client, link, self._prefer)
        self._trail.check(found.next)
        return found
