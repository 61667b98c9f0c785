"""OData's CSDL (`$metadata`) in our words: an XML document in, a `Service` out (OData CSDL 4.0).

Read with expat as it comes, since Dataverse's has megabytes; a document type is refused, so that nothing expands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from schemas.metadata import EntityType, Kind, Navigation, Property, Service

_KINDS = {
    "Edm.String": Kind.TEXT,
    "Edm.Guid": Kind.GUID,
    "Edm.Boolean": Kind.BOOLEAN,
    "Edm.Date": Kind.DATE,
    "Edm.DateTimeOffset": Kind.DATETIME,
    **dict.fromkeys(("Edm.Byte", "Edm.SByte", "Edm.Int16", "Edm.Int32", "Edm.Int64"), Kind.INTEGER),
    **dict.fromkeys(("Edm.Decimal", "Edm.Double", "Edm.Single"), Kind.NUMBER),
}
# Dataverse's has about 8 MB.
MOST_BYTES = 64 << 20
_COMPUTED = ("Org.OData.Core.V1.Computed", "Org.OData.Core.V1.Immutable")


class NotMetadata(ValueError):
    """The bytes are not a CSDL document."""


def service(content: bytes) -> Service:
    """NotMetadata if it is not CSDL, carries a document type, or is far too large."""
    if len(content) > MOST_BYTES:
        raise NotMetadata(f"it has {len(content) >> 20} MB")
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise NotMetadata(f"it is not XML: {error}") from error
    types = {name: _merged(name, reader.types, reader.enums) for name in reader.types}
    if not reader.sets:
        raise NotMetadata("it names no entity sets")
    return Service({name: types[kind] for name, kind in reader.sets.items() if kind in types}, types)


@dataclass
class _Field:
    name: str
    type: str
    length: int | None
    creatable: bool = True
    updatable: bool = True


@dataclass
class _Type:
    base: str
    fields: dict[str, _Field] = field(default_factory=dict)
    navigations: dict[str, Navigation] = field(default_factory=dict)


@dataclass
class _Reader:
    """What has been read so far, and inside which elements we are."""

    types: dict[str, _Type] = field(default_factory=dict)
    enums: dict[str, list[str]] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)
    entity: _Type | None = None
    field: _Field | None = None
    navigation: str = ""
    enum: str = ""

    def doctype(self, *_: object) -> None:
        raise NotMetadata("it carries a document type")

    def start(self, name: str, given: dict[str, str]) -> None:
        match name.rpartition(" ")[2]:
            case "EntityType" | "ComplexType":
                self.entity = self.types[given["Name"]] = _Type(_short(given.get("BaseType", "")))
            case "EnumType":
                self.enum = given["Name"]
                self.enums[self.enum] = []
            case "Member" if self.enum:
                self.enums[self.enum].append(given["Name"])
            case "EntitySet":
                self.sets[given["Name"]] = _short(given.get("EntityType", ""))
            case "Property" if self.entity is not None:
                self.field = _Field(given["Name"], given.get("Type", ""), _length(given.get("MaxLength", "")))
                self.entity.fields[self.field.name] = self.field
            case "NavigationProperty" if self.entity is not None:
                self.navigation = given["Name"]
                self.entity.navigations[self.navigation] = Navigation(self.navigation, _short(given.get("Type", "")))
            case "ReferentialConstraint" if self.entity is not None and self.navigation:
                known = self.entity.navigations[self.navigation]
                self.entity.navigations[self.navigation] = Navigation(known.name, known.target, given["Property"])
            case "Annotation" if self.field is not None and given.get("Bool", "true") == "true":
                self._annotated(given.get("Term", ""))

    def _annotated(self, term: str) -> None:
        if self.field is not None and term in _COMPUTED:
            self.field.updatable = False
            self.field.creatable = term != _COMPUTED[0]

    def end(self, name: str) -> None:
        match name.rpartition(" ")[2]:
            case "EntityType" | "ComplexType":
                self.entity = None
            case "Property":
                self.field = None
            case "NavigationProperty":
                self.navigation = ""
            case "EnumType":
                self.enum = ""


def _merged(name: str, types: Mapping[str, _Type], enums: Mapping[str, list[str]]) -> EntityType:
    """The type with what it inherits; a circle of base types ends where it closes."""
    chain: list[str] = []
    while name in types and name not in chain:
        chain.append(name)
        name = types[name].base
    fields = {one.name: one for each in reversed(chain) for one in types[each].fields.values()}
    links = {one.name: one for each in reversed(chain) for one in types[each].navigations.values()}
    known = {key: _property(one, enums) for key, one in fields.items()}
    return EntityType(chain[0], known, links, tuple(chain[1:]))


def _property(one: _Field, enums: Mapping[str, list[str]]) -> Property:
    members = tuple(enums.get(_short(one.type), ())) if not one.type.startswith("Edm.") else ()
    kind = Kind.ENUM if members else _KINDS.get(one.type, Kind.OTHER)
    return Property(one.name, kind, one.length, members, one.creatable, one.updatable)


def _short(name: str) -> str:
    """`Collection(Microsoft.NAV.customer)` is `customer`: one API has one namespace of entities."""
    return name.removeprefix("Collection(").rstrip(")").rpartition(".")[2]


def _length(text: str) -> int | None:
    return int(text) if text.isdigit() and int(text) else None
