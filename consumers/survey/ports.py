"""What a survey needs from outside: both sides to read, and room in the store for what it reads and finds."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from schemas.change import Change
from schemas.mapping import Table, TableMapping
from schemas.side import Side
from schemas.survey import Finding

Row = Mapping[str, Any]
# How far one side is read: opaque, but for `done`.
Position = Mapping[str, Any]


class Page(Protocol):
    @property
    def changes(self) -> Sequence[Change]: ...
    @property
    def position(self) -> Position: ...
    @property
    def more(self) -> bool: ...


class Sweep(Protocol):
    """The records of one table in the mapping's filter, once through."""

    async def read(self, position: Position | None) -> Page:
        """The next page (None: the first one). ApiError if the side does not answer."""


class Reader(Protocol):
    """Records by id, as they are now."""

    async def read(self, mapping: TableMapping, ids: Sequence[str]) -> Mapping[str, Row]:
        """Those that exist, in the filter or not, by id. ApiError if the side does not answer."""

    async def find(self, mapping: TableMapping, field: str, values: Sequence[Any]) -> Sequence[Row]:
        """The records whose `field` equals one of `values`."""

    async def references(self, table: Table, ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """The references of records that only child rows tell, by id."""


class Staging(Protocol):
    """Where a survey's job keeps the records it has read, until it is over."""

    async def position(self, job: int, side: Side) -> Position:
        """How far the side is read; empty before the first page."""

    async def stage(self, job: int, side: Side, changes: Sequence[Change], position: Position) -> None:
        """A page and the position after it, in one transaction, counted in what the job has read (promise 6)."""

    async def page(self, job: int, side: Side, after: str, limit: int) -> Sequence[tuple[str, Row]]:
        """The next staged rows with their ids, in the order of the ids; "" begins."""

    async def rows(self, job: int, side: Side, ids: Sequence[str]) -> Mapping[str, Row]:
        """The staged rows of these records, by id."""

    async def forget(self, job: int) -> None:
        """Rows and positions of a job that is over."""


class Findings(Protocol):
    """What surveys find, kept for good; what needs nothing of anybody packed. A job's are complete once sealed."""

    async def sealed(self, job: int) -> bool: ...

    async def clear(self, job: int) -> None:
        """Forgets what a try before a kill had found."""

    async def add(self, job: int, mapping: str, findings: Sequence[Finding]) -> None: ...

    async def seal(self, job: int, found: Mapping[str, int]) -> None:
        """They are complete, and so many of each kind."""

    async def page(self, job: int, kinds: Sequence[str], after: int, limit: int) -> Sequence[tuple[int, Finding]]:
        """The next findings of these kinds with their numbers, as they were added; 0 begins."""
