"""Reads `coupled.yaml` and the environment into `Settings`, or says what is wrong, where, and what to do."""

import re
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from daemon import written_out
from daemon.settings import Settings
from schemas import yaml_lines
from schemas.errors import ConfigurationError

__all__ = ["Settings", "load", "written"]

PREFIX = "COUPLED_"
_REFERENCE = re.compile(r"\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HINT = "docs/setup.md explains every setting of the file."

# Top-level settings that are values and not tables.
_SINGLE = {("mappings",), ("workers",)}

Tree = dict[str, Any]
Variables = dict[tuple[str, ...], str]


class _Wrong(ValueError):
    def __init__(self, place: yaml_lines.Place, message: str, hint: str = _HINT) -> None:
        super().__init__(message)
        self.place = tuple(place)
        self.hint = hint


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings of a file, overridden by `COUPLED_…` variables; relative paths are relative to its folder.

    ConfigurationError names the file, the line and the field, or the variable. No value is ever shown.
    """
    written = _read(path)
    tree: Tree = {key: value for key, value in _plain(written).items() if value is not None}
    _without_secrets(path, written, tree)
    variables = _override(tree, environ)
    try:
        tree = _expand(tree, (), environ, variables)
        tree.setdefault("store", {})
        return Settings.model_validate(tree, context={"folder": path.absolute().parent})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        wrong = _Wrong(first["loc"], yaml_lines.sentence(first) + _meant(first), _HINT)
        raise _error(path, written, variables, wrong) from None
    except _Wrong as wrong:
        raise _error(path, written, variables, wrong) from None


def written(path: Path, environ: Mapping[str, str]) -> Mapping[str, Any]:
    """What `load` would judge. A part of the file that names a variable which is not set stays as it is written.

    ConfigurationError if the file cannot be read.
    """
    tree: Tree = dict(_plain(_read(path)))
    variables = _override(tree, environ)
    for name, part in tree.items():
        with suppress(_Wrong):
            tree[name] = _expand(part, (name,), environ, variables)
    return tree


def _read(path: Path) -> Mapping[str, Any]:
    try:
        tree = yaml_lines.read(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            "configuration-missing",
            f"There is no configuration file {path}.",
            "`coupled demo` shows everything without one; docs/setup.md has one to start from.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError("configuration-unreadable", f"{path} cannot be read: {reason}.", _HINT) from error
    except yaml_lines.NotYaml as error:
        raise ConfigurationError("configuration-invalid", f"{path}, line {error.line}: {error}.", _HINT) from error
    if not isinstance(tree, Mapping):
        raise ConfigurationError("configuration-invalid", f"{path}, line 1: it holds no settings.", _HINT)
    return tree


def _without_secrets(path: Path, written: Mapping[str, Any], tree: Tree) -> None:
    """Also where a variable takes its place: it stands in the file all the same."""
    place = written_out.secret_in(tree)
    if place is not None:
        wrong = _Wrong(place, "a secret is written out here, and the file takes none", written_out.remedy(place))
        raise _error(path, written, {}, wrong)


def _plain(node: Any) -> Any:
    """A copy without ruamel's own types, so that overriding leaves the lines of the file alone."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    return [_plain(value) for value in node] if isinstance(node, list) else node


def _override(tree: Tree, environ: Mapping[str, str]) -> Variables:
    """Puts `COUPLED_STORE__URL` at store.url, and tells which places came from which variable."""
    found: Variables = {}
    for name, value in sorted(environ.items()):
        place = tuple(name.removeprefix(PREFIX).lower().split("__"))
        # Without `__` only a top-level value is meant: COUPLED_CONFIG and the like are not ours to judge.
        if not name.startswith(PREFIX) or (len(place) == 1 and place not in _SINGLE):
            continue
        _put(tree, place, value)
        found[place] = name
    return found


def _put(tree: Tree, place: tuple[str, ...], value: str) -> None:
    node = tree
    for part in place[:-1]:
        if not isinstance(node.get(part), dict):
            node[part] = {}
        node = node[part]
    # A secret and the file it may come from exclude each other: the variable wins over both.
    last = place[-1]
    node.pop(last.removesuffix("_file") if last.endswith("_file") else f"{last}_file", None)
    node[last] = value


def _expand(node: Any, place: tuple[str, ...], environ: Mapping[str, str], variables: Variables) -> Any:
    """`${NAME}` becomes the variable's value; what a variable gave is taken as it is."""
    if place in variables:
        return node
    if isinstance(node, dict):
        return {key: _expand(value, (*place, key), environ, variables) for key, value in node.items()}
    if not isinstance(node, str):
        return node

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if not match[0].endswith("}") or not _NAME.fullmatch(name):
            raise _Wrong(place, "a variable is written ${NAME}")
        if name not in environ:
            other = "name a file that holds it" if written_out.is_secret(place) else "write the value into the file"
            hint = f"Set it: export {name}=…, or {other}."
            raise _Wrong(place, f"the environment variable {name} is not set", hint)
        return environ[name]

    return _REFERENCE.sub(value_of, node)


def _meant(error: Mapping[str, Any]) -> str:
    """The setting that was probably meant by an unknown one."""
    if error["type"] != "extra_forbidden":
        return ""
    *parents, last = error["loc"]
    model: Any = Settings
    for part in parents:
        model = model.model_fields[part].annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return ""
    names = [field.alias or name for name, field in model.model_fields.items()]
    close = get_close_matches(str(last), names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}"


def _error(path: Path, written: Any, variables: Variables, wrong: _Wrong) -> ConfigurationError:
    origin = _origin(path, written, variables, wrong.place)
    field = yaml_lines.dotted(wrong.place)
    said = _lower(str(wrong))
    return ConfigurationError(
        "configuration-invalid", f"{origin}, {field}: {said}{'' if said.endswith('?') else '.'}", wrong.hint
    )


def _origin(path: Path, written: Any, variables: Variables, place: yaml_lines.Place) -> str:
    """The variable that gave the value, else the line of the file, with the variables that took part."""
    givers = [name for given, name in variables.items() if given[: len(place)] == tuple(place)]
    if givers and (tuple(place) in variables or not _stands(written, place)):
        return givers[0]
    line = f"{path}, line {yaml_lines.line(written, place)}"
    return f"{line} (with {', '.join(givers)})" if givers else line


def _stands(node: Any, place: yaml_lines.Place) -> bool:
    for part in place:
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


def _lower(sentence: str) -> str:
    sentence = sentence.rstrip(".")
    return sentence[:1].lower() + sentence[1:]
