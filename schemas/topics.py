"""Every topic once: its name, key, who writes it and who reads it (DESIGN 2)."""

from dataclasses import dataclass

from schemas.side import Side


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of all topics under one prefix, so that several daemons can share a Kafka cluster."""

    prefix: str = "coupled"

    def table(self, side: Side, entity_set: str) -> str:
        """Changes of one table. Key: record id. Value: one envelope, or a list of them from a sweep."""
        return f"{self.prefix}.{side.value}.{entity_set}"

    @property
    def control(self) -> str:
        """Commands, one partition: they are taken in the order they were given. Key: command id."""
        return f"{self.prefix}.control"

    @property
    def outcomes(self) -> str:
        """What became of each command and its jobs, one partition. Key: command id."""
        return f"{self.prefix}.outcomes"

    @property
    def dead_letters(self) -> str:
        """Messages nobody can read, byte for byte, with place and reason in headers. Key: the original's."""
        return f"{self.prefix}.dead-letters"
