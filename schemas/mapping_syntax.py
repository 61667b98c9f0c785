"""The parts of a mappings file as far as they can be understood, and every part that cannot: none hides another.

As a compiler goes on after a mistake: what was probably meant is taken for meant, and what cannot be guessed is left
out together with what would mean something else without it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from schemas.finding import Finding, Place
from schemas.mapping_parts import FilePart
from schemas.mapping_words import Error, allowed, as_name, model_at, place_of, told
from schemas.nearest import nearest
from schemas.rest import GONE, Renamed, Rest, edited

_LISTS = frozenset({"fields", "templates", "match_on", "depends_on", "uncouple_with"})
# Without one of these a mapping means no other thing, as far as it is checked.
_ALONE = frozenset(
    {*_LISTS, "filter", "where", "only_coupled", "live", "couple_existing", "on_update_conflict", "on_delete"}
)


@dataclass(frozen=True, slots=True)
class Understood:
    """`parts` of what is left of a tree, None if nothing is; `rest` knows where they stood."""

    parts: FilePart | None
    rest: Rest
    mistakes: tuple[Finding, ...]
    gone: frozenset[Place]

    def incomplete(self) -> frozenset[int]:
        """The mappings of `parts` that something has been taken out of."""
        hurt = {place[1] for place in self.gone if len(place) > 1}
        count = len(self.parts.mappings) if self.parts else 0
        return frozenset(index for index in range(count) if self.rest.origin(("mappings", index))[1] in hurt)

    def around(self, place: Place) -> Place:
        """What of the tree has to go if this place of `parts` is wrong."""
        return self.rest.origin(_unit(place))


def understand(tree: Any, without: Iterable[Place] = ()) -> Understood:
    """`without`: what else of the tree has to go, as `Understood.around` says it."""
    edits: dict[Place, Any] = dict.fromkeys(without, GONE)
    mistakes = _renamed(tree, edits)
    rest = edited(tree, edits)
    parts, errors = _validated(rest)
    mistakes += (replace(one, place=rest.origin(one.place)) for one in told(errors, rest.tree))
    while parts is None and _mend(errors, rest, edits):
        rest = edited(tree, edits)
        parts, errors = _validated(rest)
    gone = frozenset(place for place, edit in edits.items() if edit is GONE)
    return Understood(parts, rest, tuple(mistakes), gone)


def _validated(rest: Rest) -> tuple[FilePart | None, list[Error]]:
    try:
        return FilePart.model_validate(rest.tree), []
    except ValidationError as error:
        return None, [*error.errors(include_url=False)]


def _renamed(tree: Any, edits: dict[Place, Any]) -> list[Finding]:
    """Misspelt settings get the names that were meant, also those inside others; what there is to say of them."""
    found: list[Finding] = []
    while True:
        rest = edited(tree, edits)
        errors = {one["loc"]: one for one in _validated(rest)[1] if _misspelt(one, rest.tree)}
        if not errors:
            return found
        for place, error in errors.items():
            edits[rest.origin(place)] = Renamed(_misspelt(error, rest.tree))
        found += (replace(one, place=rest.origin(one.place)) for one in told([*errors.values()], rest.tree))


def _misspelt(error: Error, tree: Any) -> str:
    """The setting that an unknown one was meant to be; empty if none is like it, or that one is there as well."""
    if error["type"] != "extra_forbidden":
        return ""
    *parents, name = error["loc"]
    meant = nearest(str(name), model_at(tuple(parents)).model_fields)
    for part in parents:
        tree = tree[part]
    return "" if meant in tree else meant


def _mend(errors: list[Error], rest: Rest, edits: dict[Place, Any]) -> bool:
    """Adds to `edits` what makes each error go; False if that would leave nothing."""
    for error in errors:
        here = place_of(error, rest.tree)
        place, meant = rest.origin(here), _meant(error)
        if meant and place not in edits:
            edits[place] = meant
        elif error["type"] == "extra_forbidden":
            edits[place] = GONE
        else:
            edits[rest.origin(_unit(here[:-1] if error["type"] == "missing" else here))] = GONE
    return not any(len(place) < 2 and edit is GONE for place, edit in edits.items())


def _meant(error: Error) -> Any:
    match error["type"]:
        case "enum" | "literal_error":
            return nearest(str(error["input"]), allowed(error)) or None
        case "string_pattern_mismatch":
            return as_name(error["input"]) or None
    return None


def _unit(place: Place) -> Place:
    """What has to go with a wrong part."""
    if len(place) > 3 and place[2] in _LISTS:
        return place[:4]
    return place if place and place[-1] in _ALONE else place[:2]
