"""What is allowed in a mappings file, and may not be meant."""

from collections.abc import Iterator

from schemas.finding import Finding, Level
from schemas.mapping import Mappings, OnDelete


def advice(mappings: Mappings) -> Iterator[Finding]:
    """Known without asking either side (business-central-sync 2.1, row 70)."""
    for index, mapping in enumerate(mappings.all):
        if mapping.on_delete is OnDelete.UNCOUPLE and not mapping.only_coupled:
            yield Finding(
                Level.WARNING,
                ("mappings", index, "on_delete"),
                "a deleted record is uncoupled, and created again with its partner's next change",
                "Leave only_coupled on, or say on_delete: restore if that is meant.",
            )
