"""Whose values two coupled records take at first ("Sync Action", business-central-sync 5.2)."""

from enum import StrEnum

from schemas.side import Side


class Use(StrEnum):
    BC = "bc"
    SALES = "sales"
    NOTHING = "nothing"

    @property
    def side(self) -> Side:
        """The side that wins. ValueError if none does."""
        return Side(self.value)
