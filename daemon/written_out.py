"""Secrets that stand in coupled.yaml itself, which takes none: it is copied, mailed and kept under version control."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from daemon.settings import Settings

Place = tuple[str, ...]

# How a variable begins; one that does not end so is refused in its turn.
_REFERENCE = "${"
# Secret for its password alone: without one it may stand there.
_DATABASE = ("store", "url")
_OPTIONS = ("password", "sslpassword")
# A variable where an address takes only a number.
_PORT = re.compile(r":\$\{\w+\}(?=[/?]|$)")
# A table of names that anybody may choose, which no `…_file` can stand beside.
_HEADERS = ("notify", "webhook", "headers")
_PAGE = 'docs/setup.md, "Where secrets come from", has every way.'


def is_secret(place: Place) -> bool:
    """Whether the setting at `place` is one, the address of the store included."""
    node: Any = Settings
    for part in place[: len(_HEADERS)] if place[:-1] == _HEADERS else place:
        field = node.model_fields.get(part) if isinstance(node, type) and issubclass(node, BaseModel) else None
        node = field and field.annotation
    return SecretStr in get_args(node) or node is SecretStr


def secret_in(tree: Mapping[str, Any]) -> Place | None:
    """The first place of the file with a secret in it that no `${NAME}` has a part in."""
    return next((place for place, text in _texts(tree, ()) if is_secret(place) and _written_out(place, text)), None)


def remedy(place: Place) -> str:
    """What to do instead of writing it there."""
    if place == _DATABASE:
        return f"Leave it out and name a file in store.password_file, or write ${{NAME}} in its place. {_PAGE}"
    if place[:-1] == _HEADERS:
        return f"Write ${{NAME}} and set that variable. {_PAGE}"
    return f"Name a file in {place[-1]}_file, or write ${{NAME}} and set that variable. {_PAGE}"


def _texts(node: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _texts(value, (*place, key))
    elif isinstance(node, str) and node:
        yield place, node


def _written_out(place: Place, text: str) -> bool:
    secrets = _passwords(text) if place == _DATABASE else [text]
    return not all(_REFERENCE in one for one in secrets)


def _passwords(address: str) -> list[str]:
    try:
        url = make_url(_PORT.sub("", address))
    except (ArgumentError, ValueError):
        return []  # all of it is a variable, or it is no address, which is told where it is used
    options = (one for name in _OPTIONS for one in url.normalized_query.get(name, ()))
    return [one for one in (url.password, *options) if one]
