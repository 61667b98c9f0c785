"""The two sides, and the ways a record can travel between them."""

from enum import StrEnum


class Side(StrEnum):
    BC = "bc"
    SALES = "sales"

    @property
    def other(self) -> "Side":
        return Side.SALES if self is Side.BC else Side.BC

    @property
    def label(self) -> str:
        return "Business Central" if self is Side.BC else "Sales"


class Direction(StrEnum):
    """The direction of a mapping, of a field, of a cause of failures, or (never BOTH) of a job and a change."""

    TO_SALES = "to_sales"
    TO_BC = "to_bc"
    BOTH = "both"

    def covers(self, one_way: "Direction") -> bool:
        """Does a mapping or field of this direction take part in a run of `one_way`? (business-central-sync 2.2)"""
        return self in (one_way, Direction.BOTH)

    @property
    def source(self) -> Side:
        return Side.BC if self is Direction.TO_SALES else Side.SALES

    @property
    def one_ways(self) -> "tuple[Direction, ...]":
        """BC → Sales first, then Sales → BC (business-central-sync 3.2)."""
        return tuple(way for way in (Direction.TO_SALES, Direction.TO_BC) if self.covers(way))

    @staticmethod
    def from_side(source: Side) -> "Direction":
        return Direction.TO_SALES if source is Side.BC else Direction.TO_BC
