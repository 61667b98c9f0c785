"""What is left of a tree without its wrong parts, and where it all stood: so that no mistake hides another."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.finding import Place

# In place of a new value: the part goes.
GONE = object()


@dataclass(frozen=True, slots=True)
class Renamed:
    """In place of a new value: the part stays, under the name that was meant."""

    name: str


Edits = Mapping[Place, Any]


@dataclass(frozen=True, slots=True)
class Rest:
    """`tree` is plain lists and tables; `moved` has, by place in it, the last part of the place where that stood."""

    tree: Any
    moved: dict[Place, int | str] = field(default_factory=dict)

    def origin(self, place: Place) -> Place:
        """The place in the tree as it was written."""
        return tuple(self.moved.get(place[: end + 1], part) for end, part in enumerate(place))


def edited(tree: Any, edits: Edits) -> Rest:
    """The tree with `edits`, which are named by the places of the tree as it is."""
    rest = Rest(None)
    return Rest(_copy(tree, (), (), edits, rest.moved), rest.moved)


def _copy(node: Any, was: Place, now: Place, edits: Edits, moved: dict[Place, int | str]) -> Any:
    if isinstance(node, Mapping):
        return dict(_settings(node, was, now, edits, moved))
    if not isinstance(node, list):
        return node
    kept = [(index, value) for index, value in enumerate(node) if edits.get((*was, index)) is not GONE]
    for here, (index, _) in enumerate(kept):
        if here != index:
            moved[*now, here] = index
    return [_copy(value, (*was, index), (*now, here), edits, moved) for here, (index, value) in enumerate(kept)]


def _settings(
    node: Mapping[Any, Any], was: Place, now: Place, edits: Edits, moved: dict[Place, int | str]
) -> Iterator[tuple[str, Any]]:
    for key, value in ((str(key), value) for key, value in node.items()):
        edit = edits.get((*was, key), value)
        if edit is GONE:
            continue
        name = edit.name if isinstance(edit, Renamed) else key
        if name != key:
            moved[*now, name] = key
        given = value if isinstance(edit, Renamed) else edit
        yield name, _copy(given, (*was, key), (*now, name), edits, moved)
