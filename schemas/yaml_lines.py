"""YAML that remembers its lines, so that a complaint about a value can say where it stands."""

from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

Place = Sequence[int | str]


class NotYaml(ValueError):
    """The text is not YAML; `line` is where reading stopped."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def read(text: str) -> Any:
    """The tree of a YAML text (None if it is empty). NotYaml says where it breaks."""
    try:
        return YAML(typ="rt").load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise NotYaml(mark.line + 1 if mark else 1, f"it is not YAML: {getattr(error, 'problem', error)}") from error


def line(tree: Any, place: Place) -> int:
    """The line of the deepest part of `place` that stands in the file."""
    found, node = 1, tree
    for part in place:
        try:
            found = (node.lc.item(part) if isinstance(part, int) else node.lc.key(part))[0] + 1
            node = node[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return found


def dotted(place: Place) -> str:
    return ".".join(str(part) for part in place)


def sentence(error: Mapping[str, Any]) -> str:
    """One pydantic error in words, without the value: it may be a secret (promise 10)."""
    if error["type"] == "extra_forbidden":
        return f"there is no such setting: {error['loc'][-1]!r}"
    return str(error["msg"]).removeprefix("Value error, ")
