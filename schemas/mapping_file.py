"""The mappings file: YAML text in, `Mappings` out, or one error with file, line, field and hint (DESIGN 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ValidationError

from schemas import yaml_lines
from schemas.finding import Finding, Level, MappingsInvalid
from schemas.mapping import Mappings
from schemas.mapping_build import Mistake, build
from schemas.mapping_parts import FilePart
from schemas.nearest import did_you_mean

STANDARD = "standard"
SCHEMA = "mappings.schema.json"
HINT = "`coupled mappings show standard` prints a working file; docs/mappings.md explains every setting."


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
    """A file that was read: as it is written (`parts`, of which `tree` knows the lines), and what it means."""

    source: str
    tree: Any
    parts: FilePart
    mappings: Mappings

    def line(self, place: yaml_lines.Place) -> int:
        return yaml_lines.line(self.tree, place)


def parse(text: str, source: str = STANDARD) -> Mappings:
    """The mappings of a file. ConfigurationError names `source`, the line, the field, and what to do."""
    return read(text, source).mappings


def read(text: str, source: str = STANDARD) -> MappingsFile:
    """As `parse`, with the places of everything."""
    try:
        tree = yaml_lines.read(text)
    except yaml_lines.NotYaml as error:
        mistake = (error.line, _finding((), str(error)))
        raise MappingsInvalid("mappings-invalid", f"{source}, line {error.line}: {error}.", HINT, (mistake,)) from error
    tree = tree if isinstance(tree, Mapping) else {"mappings": tree}
    try:
        parts = FilePart.model_validate(tree)
    except ValidationError as error:
        # A misspelt setting is also a missing one; its own name is the better clue.
        found = sorted(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
        mistakes = (_finding(one["loc"], yaml_lines.sentence(one), _meant(one)) for one in found)
        raise _invalid(source, tree, tuple(mistakes)) from error
    try:
        return MappingsFile(source, tree, parts, build(parts, source))
    except Mistake as error:
        raise _invalid(source, tree, (_finding(error.place, str(error)),)) from error


def _finding(place: yaml_lines.Place, sentence: str, hint: str = "") -> Finding:
    return Finding(Level.ERROR, tuple(place), f"{sentence}.", hint)


def _meant(error: Mapping[str, Any]) -> str:
    """The setting that was probably meant by an unknown one."""
    if error["type"] != "extra_forbidden":
        return ""
    *parents, last = error["loc"]
    model: Any = FilePart
    for part in parents:
        if isinstance(part, str) and part in model.model_fields:
            model = _part_of(model.model_fields[part].annotation)
    return did_you_mean(str(last), model.model_fields)


def _part_of(annotation: Any) -> Any:
    """The model inside `Part`, `list[Part]`, `list[list[Part]]` or `dict[str, Part]`."""
    while not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        annotation = annotation.__args__[-1]
    return annotation


def _invalid(source: str, tree: Any, findings: tuple[Finding, ...]) -> MappingsInvalid:
    """The file is refused for the first of these."""
    placed = tuple((yaml_lines.line(tree, finding.place), finding) for finding in findings)
    line, first = placed[0]
    where = f"{source}, line {line}" + (f", {yaml_lines.dotted(first.place)}" if first.place else "")
    return MappingsInvalid("mappings-invalid", f"{where}: {first.message}", f"{first.hint} {HINT}".strip(), placed)
