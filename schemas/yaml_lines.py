"""YAML that remembers its lines, so that a complaint about a value can say where it stands."""

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.error import YAMLError

Place = Sequence[int | str]
# What a complaint quotes and may be shown: a sign that stands in no word, or the name of a part of YAML.
_UNQUOTED = re.compile(r"""(?:[^'"]|'(?:[^\w'"\\]|\\t|<[a-z ]+>)')*""")
_WORDS = {
    "found duplicate key": "found duplicate key: each may stand there once",
    "found undefined alias": "found undefined alias: a text that begins with * stands in quotes",
    "found undefined tag handle": "found undefined tag handle: a text that begins with ! stands in quotes",
}


class NotYaml(ValueError):
    """The text is not YAML; `line` is where reading stopped."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def read(text: str) -> Any:
    """The tree of a YAML text (None if it is empty). NotYaml says where it breaks, and never what stands there."""
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote lines
            return yaml.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise NotYaml(mark.line + 1 if mark else 1, f"it is not YAML: {_problem(error)}") from None
    except RecursionError:
        raise NotYaml(1, "it is not YAML: its parts stand in each other too deeply") from None


class _Constructor(RoundTripConstructor):
    """Tells where a value stands that cannot be made; otherwise that is an error of Python's, which quotes it."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (YAMLError, RecursionError):
            raise
        except Exception:  # whatever a constructor stumbles over
            problem = "a value is not what its tag or its form says"
            raise ConstructorError(None, None, problem, node.start_mark) from None


def _problem(error: YAMLError) -> str:
    """What is wrong, up to where it quotes the text: that may be a secret (promise 10)."""
    told = str(getattr(error, "problem", None) or error).partition("\n")[0]
    match = _UNQUOTED.match(told)
    shown = match[0].rstrip(" ,(") if match else ""
    return _WORDS.get(shown, re.sub(r"(, but found|, but got| from)$", "", shown))


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
