"""Deletions that nobody tells: all ids of a table against those coupled (wire-protocols A4.4, B4.1).

Business Central's API tells of none; Sales' change tracking of none where it is off, or its link has expired.
Nothing is stored of a round: what is published and lost is found again by the next one, as long as it is coupled.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from hashlib import blake2b
from typing import Protocol

import httpx
import structlog

from producers import currencies
from producers.currencies import Currencies
from producers.odata import Pages, rows_of
from producers.ports import Log, Position
from schemas import business_central as bc
from schemas import dataverse
from schemas.errors import ApiError, ConfigurationError
from schemas.mapping import Table
from schemas.odata import any_of, query
from schemas.rows import deletion, record_id

_BITS = 1 << 26
# So many may vanish at once from any table; of a large one, a tenth.
_FEW = 50
_log = structlog.get_logger(__name__)


class Ids(Protocol):
    """The ids of all records of a table. ApiError if the side does not answer."""

    def pages(self) -> AsyncIterator[Sequence[str]]: ...

    async def there(self, ids: Collection[str]) -> Collection[str]:
        """Those of these that exist, asked for by name."""


class Couplings(Protocol):
    def coupled_ids(self, table: Table) -> AsyncIterator[Sequence[str]]:
        """The ids of the table's records that a mapping at work has coupled and does not skip, some at a time."""


class Deletions:
    """Publishes the deletions of one table. One worker at a time: the leader."""

    def __init__(
        self, table: Table, topic: str, ids: Ids, couplings: Couplings, log: Log, now_ms: Callable[[], int]
    ) -> None:
        self.name = f"deletions:{table.side.value}:{table.name}"
        self.table, self._topic = table, topic
        self._ids, self._couplings, self._log, self._now_ms = ids, couplings, log, now_ms

    async def once(self) -> int:
        """How many were published. ApiError if the table could not be read to its end, ConfigurationError if so many
        records are missing that they are rather hidden than deleted: then none were."""
        if not await self._any_coupled():
            return 0
        seen = Seen(str(self._now_ms()))
        async for page in self._ids.pages():
            seen.add(page)
        await self._check_believable(seen)
        count = 0
        async for coupled in self._couplings.coupled_ids(self.table):
            count += await self.told([key for key in coupled if key not in seen])
        return count

    async def _check_believable(self, seen: "Seen") -> None:
        """A role taken away or a restored backup makes records vanish as deletions do, but many at once."""
        missing = total = 0
        async for coupled in self._couplings.coupled_ids(self.table):
            total += len(coupled)
            missing += sum(key not in seen for key in coupled)
        if missing > max(_FEW, total // 10):
            raise ConfigurationError(
                "deletions-held-back",
                f"{missing} of {total} coupled records of {self.table.side.label} {self.table.name} are not to be seen "
                "any more, more than are taken for deleted unasked.",
                "See that the application may still read them all. If they are deleted, `coupled verify` lists them, "
                "and `coupled verify --repair` does what on_delete says.",
            )

    async def _any_coupled(self) -> bool:
        async for _ in self._couplings.coupled_ids(self.table):
            return True
        return False

    async def told(self, missing: Sequence[str]) -> int:
        """Publishes those that are asked for by name and not there: a record may have been created since it was missed,
        or a webhook's word be old (D72)."""
        there = await self._ids.there(missing) if missing else ()
        gone = [deletion(self.table, key, self._now_ms()) for key in missing if key not in there]
        if gone:
            await self._log.publish(self._topic, gone, packed=False)
            _log.info("deletions_found", table=self.name, count=len(gone))
        return len(gone)


class Seen:
    """Which ids have been met, in 8 MiB however many they are (a Bloom filter).

    An id that was met is always `in`; one that was not may be too, once in a hundred thousand among a million. Another
    `salt` mixes them differently, so that the next round tells it.
    """

    def __init__(self, salt: str) -> None:
        self._salt = salt.encode()[:16]
        self._bits = bytearray(_BITS // 8)

    def add(self, ids: Iterable[str]) -> None:
        for key in ids:
            for place in self._places(key):
                self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, key: str) -> bool:
        return all(self._bits[place >> 3] & (1 << (place & 7)) for place in self._places(key))

    def _places(self, key: str) -> Iterable[int]:
        digest = blake2b(key.encode(), digest_size=32, salt=self._salt).digest()
        return (int.from_bytes(digest[start : start + 8]) % _BITS for start in range(0, 32, 8))


class TableIds:
    """The ids of an entity set at `path`, a request per page. `besides` are those of what has no row."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        table: Table,
        path: str,
        page_size: int,
        besides: Callable[[], Awaitable[Sequence[str]]] | None = None,
    ) -> None:
        self._client, self._table, self._path = client, table, path
        self._page_size, self._besides = page_size, besides

    async def pages(self) -> AsyncIterator[Sequence[str]]:
        if self._besides:
            yield await self._besides()
        pages = Pages(self._client, self._path + query(select=self._table.id), self._page_size)
        position: Position | None = None
        while found := await pages.read(position):
            position = {"next": found.next}
            if found.rows:
                yield [record_id(self._table, row) for row in found.rows]

    async def there(self, ids: Collection[str]) -> Collection[str]:
        found: set[str] = set()
        for text in any_of(self._table.id, ids, self._table.id):
            asked = await rows_of(self._client, self._path + query(select=self._table.id, filter=text))
            found |= {record_id(self._table, row) for row in asked}
        return found


def business_central_ids(
    client: httpx.AsyncClient, company: str, table: Table, now_ms: Callable[[], int], page_size: int = 20_000
) -> TableIds:
    """The company's own currency, which is in no table, would look deleted: without it the table is not read."""

    async def own() -> Sequence[str]:
        found = await Currencies(client, company, (), now_ms).local_id()
        if found is None:
            raise ApiError(404, "local-currency-unknown", "Business Central does not tell the company's own currency")
        return [found]

    besides = own if table.name == currencies.TABLE else None
    return TableIds(client, table, bc.path(table, company), page_size, besides)


def sales_ids(client: httpx.AsyncClient, table: Table, page_size: int = 5000) -> TableIds:
    return TableIds(client, table, dataverse.path(table.name), page_size)
