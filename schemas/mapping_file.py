"""The mappings file: YAML text in, `Mappings` out, or one error with file, line, field and hint (DESIGN 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

from schemas import yaml_lines
from schemas.errors import ConfigurationError
from schemas.finding import Finding, Place, wrong
from schemas.mapping import Mappings
from schemas.mapping_build import build
from schemas.mapping_parts import FilePart
from schemas.mapping_rules import mistakes
from schemas.mapping_syntax import Understood, understand
from schemas.rest import Rest

STANDARD = "standard"
SCHEMA = "mappings.schema.json"
HINT = "`coupled mappings show standard` prints a working file; docs/mappings.md explains every setting."
_NOTHING = FilePart.model_construct(mappings=[])


def standard_text() -> str:
    """The packaged file with the seven standard mappings."""
    return (files("schemas") / "standard.yaml").read_text(encoding="utf-8")


def schema_path() -> str:
    """Where the packaged JSON Schema of the file lies on this machine."""
    return str(files("schemas") / SCHEMA)


def schema_text() -> str:
    """The JSON Schema of the file, for editors."""
    return (files("schemas") / SCHEMA).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class MappingsFile:
    """A file that was read: as it is written (`tree`), what it means, and all its mistakes, in the order of the file.

    `parts` and `mappings` are of what is left without the mistakes; `rest` knows where that stood.
    """

    source: str
    tree: Any
    rest: Rest
    parts: FilePart
    mappings: Mappings
    mistakes: tuple[Finding, ...] = ()
    stops: int = 0  # the line at which it stops being YAML

    def placed(self, finding: Finding) -> Finding:
        """A finding about `parts`, with its place in the file."""
        return replace(finding, place=self.rest.origin(finding.place))

    def line(self, place: Place) -> int:
        """Of a place in the file."""
        return self.stops or yaml_lines.line(self.tree, place)

    def mapping(self, place: Place) -> str:
        """The name of the mapping that a place in the file is in; empty if there is none."""
        try:
            return str(self.tree[place[0]][place[1]]["name"])
        except (IndexError, KeyError, TypeError):
            return ""


def parse(text: str, source: str = STANDARD) -> Mappings:
    """The mappings of a file. ConfigurationError names `source`, the line, the field, and what to do."""
    return read(text, source).mappings


def read(text: str, source: str = STANDARD) -> MappingsFile:
    """As `parse`, with the places of everything."""
    return sound(examine(text, source))


def sound(file: MappingsFile) -> MappingsFile:
    """The file, if it has no mistakes; else ConfigurationError, for the first of them."""
    if file.mistakes:
        raise refusal(file, file.mistakes)
    return file


@lru_cache(maxsize=32)
def examine(text: str, source: str = STANDARD) -> MappingsFile:
    """A file with all its mistakes, and what is left without them."""
    try:
        tree = yaml_lines.read(text)
    except yaml_lines.NotYaml as error:
        return MappingsFile(source, None, Rest(None), _NOTHING, Mappings(()), (wrong((), f"{error}."),), error.line)
    tree = tree if isinstance(tree, Mapping) else {"mappings": tree}
    understood = understand(tree)
    found = _mistakes(understood, tree)
    if found:
        understood = _sound(understood, tree)
    parts = understood.parts or _NOTHING
    return MappingsFile(source, tree, understood.rest, parts, build(parts, source), found)


def _mistakes(understood: Understood, tree: Any) -> tuple[Finding, ...]:
    found = [*understood.mistakes]
    if understood.parts:
        semantic = mistakes(understood.parts, _names(tree), understood.incomplete())
        found += (replace(one, place=understood.rest.origin(one.place)) for one in semantic)
    return tuple(sorted(found, key=lambda one: yaml_lines.line(tree, one.place)))


def _sound(understood: Understood, tree: Any) -> Understood:
    """What is left without the mistakes, and without what makes no sense for want of them."""
    while understood.parts:
        wrong_parts = {understood.around(one.place) for one in mistakes(understood.parts) if len(one.place) > 3}
        if wrong_parts <= understood.gone:
            break
        understood = understand(tree, understood.gone | wrong_parts)
    return understood


def _names(tree: Any) -> set[str]:
    """Of all mappings, as far as they are named, so that none that cannot be read is missed."""
    given = tree.get("mappings")
    return {str(one["name"]) for one in given or () if isinstance(one, Mapping) and "name" in one}


def refusal(file: MappingsFile, findings: Sequence[Finding]) -> ConfigurationError:
    """The file is refused for the first of these; all are counted, and `mappings check` tells them."""
    first, more = findings[0], len(findings) - 1
    where = f"{file.source}, line {file.line(first.place)}"
    where += f", {yaml_lines.dotted(first.place)}" if first.place else ""
    where += f" ({name})" if (name := file.mapping(first.place)) else ""
    others = f"`coupled mappings check` tells {more} more." if more else ""
    hint = " ".join(part for part in (first.hint, others, HINT) if part)
    return ConfigurationError("mappings-invalid", f"{where}: {first.message}", hint)
