"""What is allowed in a mappings file, and may not be meant: known without asking either side."""

from collections.abc import Iterator, Mapping

from schemas.finding import Finding, Level, Place
from schemas.mapping import OnDelete
from schemas.mapping_parts import FilePart, MappingPart
from schemas.mapping_rules import looked_up, reached


def advice(parts: FilePart) -> Iterator[Finding]:
    """Of parts without mistakes."""
    by_name = {part.name: part for part in parts.mappings}
    for index, part in enumerate(parts.mappings):
        place: Place = ("mappings", index)
        yield from _deletions(part, place)
        yield from _never_carried(part, (*place, "fields"))
        yield from _too_early(part, by_name, (*place, "fields"))


def _deletions(part: MappingPart, place: Place) -> Iterator[Finding]:
    """business-central-sync 2.1, row 70."""
    if part.on_delete is OnDelete.UNCOUPLE and not part.only_coupled:
        yield Finding(
            Level.WARNING,
            (*place, "on_delete"),
            "a deleted record is uncoupled, and created again with its partner's next change.",
            "Leave only_coupled on, or say on_delete: restore if that is meant.",
        )


def _never_carried(part: MappingPart, place: Place) -> Iterator[Finding]:
    """A field takes part in the runs of its mapping's direction only (business-central-sync 2.2)."""
    for number, field in part.enabled():
        travels = field.direction or part.direction
        if not any(travels.covers(way) for way in part.direction.one_ways):
            yield Finding(
                Level.WARNING,
                (*place, number, "direction"),
                f"the field is never carried: it travels {travels.value}, and the mapping {part.direction.value} only.",
                "Take the line out or disable it, or give the mapping `direction: both`.",
            )


def _too_early(part: MappingPart, by_name: Mapping[str, MappingPart], place: Place) -> Iterator[Finding]:
    """A mapping that looks others up runs after them, unless they look it up too (business-central-sync 1.2)."""
    before = reached(part.name, by_name) | {part.name}
    for number, field in part.enabled():
        for name in (one for one in looked_up(field) if one not in before and part.name not in reached(one, by_name)):
            yield Finding(
                Level.WARNING,
                (*place, number, "lookup" if field.lookup else "transform"),
                f"{name} is looked up, but may run later: in a full synchronisation its records are then waited for.",
                f"Add {name} to `depends_on`.",
            )
