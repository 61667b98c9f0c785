"""Finding what has been deleted where no deletion is told: nothing is taken for deleted that may be there (A4.4)."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence

import pytest

from producers.deletions import Deletions, Seen
from producers.ports import Published
from schemas.change import Change, Op
from schemas.errors import ApiError, ConfigurationError, Unreachable
from schemas.mapping import Table
from schemas.side import Side
from tests.support.made import mapping

TABLE = mapping().bc
AWAY = ApiError(503, "", "away")


class Desk:
    """The table, the couplings and the log. `meanwhile` happens after each page."""

    def __init__(self, *pages: Sequence[str], coupled: Sequence[str] = ()) -> None:
        self.held, self.coupled = list(pages), list(coupled)
        self.unseen: set[str] = set()
        self.meanwhile: Callable[[], object] = lambda: None
        self.breaks: Exception | None = None
        self.asked: list[Collection[str]] = []
        self.read = 0
        self.published: list[Change] = []
        self.lost: list[Exception] = []

    async def pages(self) -> AsyncIterator[Sequence[str]]:
        for page in self.held:
            self.read += 1
            yield page
            self.meanwhile()
        if self.breaks:
            raise self.breaks

    async def there(self, ids: Collection[str]) -> Collection[str]:
        self.asked.append(ids)
        return self.unseen & set(ids)

    async def coupled_ids(self, table: Table) -> AsyncIterator[Sequence[str]]:
        for start in range(0, len(self.coupled), 2):
            yield self.coupled[start : start + 2]

    async def publish(self, topic: str, changes: Sequence[Change], packed: bool) -> Published:
        if self.lost:
            raise self.lost.pop()
        assert (topic, packed) == ("coupled.bc.customers", False)
        self.published += changes
        return Published(topic, {0: 1})

    @property
    def deletions(self) -> Deletions:
        return Deletions(TABLE, "coupled.bc.customers", self, self, self, lambda: 5_000)

    @property
    def told(self) -> list[str]:
        return [change.key for change in self.published]


async def test_coupled_records_that_are_on_no_page_are_told_as_deleted() -> None:
    desk = Desk(["a", "b"], ["c"], coupled=["a", "c", "x", "y", "z"])
    assert await desk.deletions.once() == 3
    assert desk.told == ["x", "y", "z"]
    (change, *_) = desk.published
    assert (change.op, change.side, change.table, change.after) == (Op.DELETE, Side.BC, "customers", None)
    assert (change.job, change.mapping) == (None, None)  # for every mapping of the table


@pytest.mark.parametrize(("coupled", "missing", "told"), [(60, 50, 50), (60, 51, 0), (1000, 100, 100), (1000, 101, 0)])
async def test_more_than_a_few_and_a_tenth_are_rather_hidden_than_deleted(
    coupled: int, missing: int, told: int
) -> None:
    keys = [f"id-{number}" for number in range(coupled)]
    desk = Desk(keys[missing:], coupled=keys)
    if told:
        assert await desk.deletions.once() == told
    else:
        with pytest.raises(ConfigurationError, match=rf"{missing} of {coupled} .*customers") as caught:
            await desk.deletions.once()
        assert "coupled verify --repair" in caught.value.problem.hint
    assert len(desk.published) == told


async def test_a_table_in_order_costs_its_pages_and_nothing_else() -> None:
    desk = Desk(["a"], ["b"], coupled=["a", "b"])
    assert await desk.deletions.once() == 0
    assert (desk.read, desk.asked, desk.published) == (2, [], [])


async def test_where_nothing_is_coupled_nothing_is_read() -> None:
    desk = Desk(["a"])
    assert await desk.deletions.once() == 0
    assert desk.read == 0


async def test_what_is_created_and_coupled_meanwhile_is_not_deleted() -> None:
    desk = Desk(["a"], ["b"], coupled=["a"])
    desk.meanwhile = lambda: desk.coupled.append("new") if "new" not in desk.coupled else None
    desk.unseen = {"new"}
    assert await desk.deletions.once() == 0
    assert desk.published == []
    assert desk.asked


async def test_nothing_is_told_of_a_table_that_could_not_be_read_to_its_end() -> None:
    desk = Desk(["a"], coupled=["a", "x"])
    desk.breaks = AWAY
    with pytest.raises(ApiError):
        await desk.deletions.once()
    assert desk.published == []


async def test_what_kafka_did_not_acknowledge_is_told_by_the_next_round() -> None:
    desk = Desk(["a"], coupled=["a", "x"])
    desk.lost.append(Unreachable("kafka-unreachable", "no acknowledgement"))
    with pytest.raises(Unreachable):
        await desk.deletions.once()
    await desk.deletions.once()
    assert desk.told == ["x"]


def test_an_id_that_was_met_is_known_and_hardly_any_other_is() -> None:
    seen = Seen("1")
    seen.add(f"met {number}" for number in range(20_000))
    assert all(f"met {number}" in seen for number in range(20_000))
    assert sum(f"other {number}" in seen for number in range(20_000)) == 0
