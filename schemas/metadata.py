"""What a side serves: entity sets with their fields, as its metadata tell (wire-protocols A1, B4.1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from schemas.side import Side


class Kind(StrEnum):
    """What a field holds, as far as it matters for carrying it across."""

    TEXT = "text"
    INTEGER = "a whole number"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    GUID = "an id"
    DATE = "a date"
    DATETIME = "a date and time"
    ENUM = "one of a list"
    OTHER = "something else"


@dataclass(frozen=True, slots=True)
class Property:
    """One field of an entity. `max_length` None: not told. `members` of an enumeration."""

    name: str
    kind: Kind
    max_length: int | None = None
    members: tuple[str, ...] = ()
    creatable: bool = True
    updatable: bool = True


@dataclass(frozen=True, slots=True)
class Navigation:
    """A way to another entity type; `column` is the property that holds its id, if told."""

    name: str
    target: str
    column: str = ""


@dataclass(frozen=True)
class EntityType:
    """`bases`: the types it derives from; whatever takes one of them takes it too."""

    name: str
    properties: Mapping[str, Property]
    navigations: Mapping[str, Navigation] = field(default_factory=dict)
    bases: tuple[str, ...] = ()

    @cached_property
    def lookups(self) -> tuple[str, ...]:
        """Logical names of the columns that are read as `_name_value` (wire-protocols B2)."""
        return tuple(name[1:-6] for name in self.properties if name.startswith("_") and name.endswith("_value"))

    @cached_property
    def plain(self) -> tuple[str, ...]:
        """Names of the fields that are read as they are called."""
        return tuple(name for name in self.properties if not name.startswith("_"))


@dataclass(frozen=True)
class Service:
    """The entity sets of one API, and all types it names. `untracked`: sets without change tracking."""

    sets: Mapping[str, EntityType]
    types: Mapping[str, EntityType] = field(default_factory=dict)
    untracked: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Served:
    """Both sides. `bc` by the path of its APIs ("" is the standard one); an API that is not there is missing.

    Of a side that is `unknown` nothing was read, so that nothing can be said against it.
    """

    bc: Mapping[str, Service]
    sales: Service
    unknown: frozenset[Side] = frozenset()

    def service(self, side: Side, api: str) -> Service | None:
        return self.bc.get(api) if side is Side.BC else self.sales


def with_rules(entity: EntityType, found: Iterable[Property]) -> EntityType:
    """The type, with what `found` says of its fields in place of what `$metadata` said of length and writing."""
    properties = dict(entity.properties)
    for one in found:
        for name in (one.name, f"_{one.name}_value"):
            old = properties.get(name)
            if old is not None:
                length = old.max_length if one.max_length is None else one.max_length
                properties[name] = Property(name, old.kind, length, old.members, one.creatable, one.updatable)
    return replace(entity, properties=properties)
