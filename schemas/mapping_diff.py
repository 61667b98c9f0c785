"""What changed between two mappings files, and the sweep each change needs, pure.

Changing a mapping resets neither couplings nor positions: live changes are carried by the new rules at once. What the
new rules would have carried before is carried by the sweep that is told here; until it has run, it is owed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.mapping_parts import MappingPart
from schemas.side import Direction

# A mapping as the file has it, without what is as if it were not written.
Definition = Mapping[str, Any]
# By "<sweep> <direction>": since when, and because of what.
Owed = Mapping[str, Mapping[str, Any]]
Ways = tuple[Direction, ...]
GONE = "it was not in the mappings file"


class Sweep(StrEnum):
    """full-sync: records that now take part, values that nobody has agreed on yet. repair: values agreed on under
    another rule, which only a comparison of both sides finds."""

    FULL = "full-sync"
    REPAIR = "verify --repair"

    def command(self, name: str) -> str:
        verb, *options = self.value.split()
        return " ".join(["coupled", verb, name, *options])


class Kind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One setting. `old` or `new` is None if it was, or is, not there. No `sweep`: nothing is to be done."""

    setting: str
    old: Any
    new: Any
    sweep: Sweep | None = None
    ways: tuple[Direction, ...] = ()


@dataclass(frozen=True, slots=True)
class MappingDiff:
    name: str
    kind: Kind
    changes: tuple[Change, ...] = ()

    @property
    def commands(self) -> tuple[str, ...]:
        """What carries across what the changes call for."""
        needed = {change.sweep for change in self.changes if change.sweep}
        return tuple(sweep.command(self.name) for sweep in Sweep if sweep in needed)


def written(part: MappingPart) -> dict[str, Any]:
    """As the file has it, without what is as if it were not written."""
    made: dict[str, Any] = part.model_dump(mode="json", exclude_defaults=True)
    return made


def definition(part: MappingPart) -> dict[str, Any]:
    """A disabled field is as if the line were not there (business-central-sync 2.2)."""
    made = written(part)
    made["fields"] = [field for field in made["fields"] if field.pop("status", "enabled") == "enabled"]
    return made


def compare(old: Mapping[str, Definition], new: Mapping[str, Definition]) -> tuple[MappingDiff, ...]:
    """The mappings that differ, in the order of the new file, then those it lacks."""
    found = [_of_one(name, old.get(name), given) for name, given in new.items()]
    gone = [MappingDiff(name, Kind.REMOVED) for name in old if name not in new]
    return tuple([diff for diff in found if diff.kind is Kind.ADDED or diff.changes] + gone)


def _of_one(name: str, old: Definition | None, new: Definition) -> MappingDiff:
    if old is None:
        return MappingDiff(name, Kind.ADDED, (Change("mapping", None, name, Sweep.FULL, _ways(new)),))
    return MappingDiff(name, Kind.CHANGED, (*_settings(old, new), *_fields(old, new)))


def _ways(given: Definition) -> tuple[Direction, ...]:
    return Direction(given.get("direction", Direction.BOTH)).one_ways


def _settings(old: Definition, new: Definition) -> Iterator[Change]:
    before, after = _flat(old), _flat(new)
    for setting in sorted({*before, *after}):
        one, other = before.get(setting), after.get(setting)
        if one != other:
            ways = _concerned(setting, old, new)
            yield Change(setting, one, other, Sweep.FULL if ways else None, ways)


def _flat(given: Definition) -> dict[str, Any]:
    """Settings but for fields; those of both tables as `bc.filter`."""
    plain = {name: value for name, value in given.items() if name not in ("name", "bc", "sales", "fields")}
    tables = {f"{side}.{name}": value for side in ("bc", "sales") for name, value in given[side].items()}
    return {**tables, **plain}


def _concerned(setting: str, old: Definition, new: Definition) -> tuple[Direction, ...]:
    """The directions in which records may be owed. Filters hold for their own side's records."""
    ways = _ways(new)
    if setting == "direction":
        return tuple(way for way in ways if way not in _ways(old))
    if setting == "live":
        return ways if new.get("live", True) else ()
    side, _, name = setting.partition(".")
    if name == "filter":
        return tuple(way for way in ways if way.source.value == side)
    return ways if name else ()


def _fields(old: Definition, new: Definition) -> Iterator[Change]:
    """Lines that are alike cancel out; of the rest, lines of the same fields are one line that changed."""
    gone = [field for field in old["fields"] if field not in new["fields"]]
    for field in (one for one in new["fields"] if one not in old["fields"]):
        twin = _twin(field, gone)
        if twin is None:
            yield _added(field, new)
        else:
            gone.remove(twin)
            yield from _changed(twin, field, old, new)
    for field in gone:
        yield Change(f"fields {_label(field)}", field, None)


def _twin(field: Definition, gone: Iterable[Definition]) -> Definition | None:
    """The old line of the same fields; of several, the one of the same direction."""
    alike = [one for one in gone if _label(one) == _label(field)]
    same = (one for one in alike if one.get("direction") == field.get("direction"))
    return next(same, alike[0] if alike else None)


def _label(field: Definition) -> str:
    sales = field.get("sales")
    return f"{field.get('bc', '—')} ↔ {'+'.join(sales) if isinstance(sales, list) else sales or '—'}"


def _carried(field: Definition, given: Definition) -> tuple[Direction, ...]:
    """The directions a field travels, beyond the creation of a record."""
    if field.get("on", "always") != "always":
        return ()
    own = Direction(field.get("direction") or Direction.BOTH)
    return tuple(way for way in _ways(given) if own.covers(way))


def _added(field: Definition, new: Definition) -> Change:
    ways = _carried(field, new)
    return Change(f"fields {_label(field)}", None, field, Sweep.FULL if ways else None, ways)


# Settings of a field that change what an old value becomes.
_TRANSLATING = frozenset({"lookup", "by", "to", "constant", "max_length", "transform", "transform_direction"})


def _changed(old_field: Definition, field: Definition, old: Definition, new: Definition) -> Iterator[Change]:
    ways, before = _carried(field, new), _carried(old_field, old)
    wider = tuple(way for way in ways if way not in before)
    for setting in sorted({*old_field, *field}):
        one, other = old_field.get(setting), field.get(setting)
        if one == other:
            continue
        name = f"fields {_label(field)} {setting}"
        if setting in ("direction", "on"):
            yield Change(name, one, other, Sweep.FULL if wider else None, wider)
        else:
            anew = _translated(setting, old_field, field, ways)
            yield Change(name, one, other, Sweep.REPAIR if anew else None, anew)


def _translated(setting: str, old_field: Definition, field: Definition, ways: Ways) -> Ways:
    """The ways in which the setting changes what an old value becomes."""
    before, after = _transformed(old_field), _transformed(field)
    if setting == "transform":
        return tuple(way for way in ways if way in before | after)
    if setting == "transform_direction":
        return tuple(way for way in ways if way in before ^ after)
    return ways if setting in _TRANSLATING else ()


def _transformed(field: Definition) -> set[Direction]:
    return set(Direction(field.get("transform_direction") or "both").one_ways) if field.get("transform") else set()


def renewed(owed: Owed) -> dict[str, set[Direction]]:
    """By the name of a field: the ways whose translation has changed since both sides were last compared."""
    found: dict[str, set[Direction]] = {}
    for key, entry in owed.items():
        sweep, _, way = key.rpartition(" ")
        for setting in entry["because"] if sweep == Sweep.REPAIR else ():
            field = setting.removeprefix("fields ").rpartition(" ")[0]
            found.setdefault(field, set()).add(Direction(way))
    return found


def owe(owed: Owed, diff: MappingDiff, given: Definition, at: datetime) -> dict[str, dict[str, Any]]:
    """What is owed after these changes too: for each sweep and direction since the last of them.

    In a direction that the mapping, as it is `given` now, does not travel any more nothing is owed.
    """
    travelled = {way.value for way in _ways(given)}
    found = {key: dict(value) for key, value in owed.items() if key.rpartition(" ")[2] in travelled}
    for change in diff.changes:
        for way in change.ways if change.sweep else ():
            entry = found.setdefault(f"{change.sweep} {way.value}", {"because": []})
            entry["since"] = at.isoformat()
            entry["because"] = [*(one for one in entry["because"] if one != change.setting), change.setting]
    return found


def paid(owed: Owed, sweep: Sweep, way: Direction, started: datetime) -> Owed:
    """What is still owed after such a sweep of a direction, or of both, begun then, has finished."""
    keys = {f"{sweep} {one.value}" for one in way.one_ways}
    return {
        name: entry
        for name, entry in owed.items()
        if name not in keys or datetime.fromisoformat(entry["since"]) > started
    }


def commands(name: str, owed: Owed) -> dict[str, list[str]]:
    """The commands that pay what is owed, each with what it is owed for."""
    found: dict[str, list[str]] = {}
    for sweep in Sweep:
        for key, entry in owed.items():
            if key.startswith(f"{sweep} "):
                known = found.setdefault(sweep.command(name), [])
                known += [one for one in entry["because"] if one not in known]
    return found
