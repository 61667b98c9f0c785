"""Which privileges the mappings need in Sales, and which of them the application lacks; pure (wire-protocols B1)."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from schemas.checkup import Checked, fine, wrong
from schemas.checkup_rules import SETUP
from schemas.field_mapping import FieldRule
from schemas.mapping import Mappings, OnDelete
from schemas.side import Direction, Side

OWNER = "ownerid"
# By table, in the order they are told: Dataverse's own names of what a role grants.
Needed = Mapping[str, tuple[str, ...]]


def needed(mappings: Mappings) -> Needed:
    """To write what is mapped: a look-up appends its row to another one, an owner is assigned. Reading is tried."""
    found: dict[str, dict[str, None]] = {}
    for mapping in mappings.all:
        if not mapping.direction.covers(Direction.TO_SALES):
            continue
        verbs = found.setdefault(mapping.sales.name, {})
        verbs |= {"Create": None, "Write": None}
        verbs |= {"Delete": None} if mapping.on_delete is OnDelete.DELETE else {}
        for rule in mapping.rules(Direction.TO_SALES):
            _add_reference(rule, mapping.sales.name, found)
    return {table: tuple(verbs) for table, verbs in found.items()}


def _add_reference(rule: FieldRule, table: str, found: dict[str, dict[str, None]]) -> None:
    if not rule.bind:
        return
    if OWNER in rule.sales:
        found[table]["Assign"] = None
        return
    found[table]["Append"] = None
    found.setdefault(rule.bind.partition("/")[2], {})["AppendTo"] = None


def lacking(wanted: Needed, definitions: Iterable[Mapping[str, Any]], held: Collection[str]) -> Iterator[Checked]:
    """`definitions` name each table's privileges, whose ids are `held` or not; a table may not know all of them."""
    about, what = Side.SALES.label, "writing"
    missing = {
        str(table["EntitySetName"]): [
            str(one["Name"])
            for one in table["Privileges"]
            if one["PrivilegeType"] in wanted.get(str(table["EntitySetName"]), ()) and one["PrivilegeId"] not in held
        ]
        for table in definitions
    }
    allowed = [f"{table} ({', '.join(verbs).lower()})" for table, verbs in wanted.items() if not missing.get(table)]
    if allowed:
        yield fine(about, what, f"Allowed: {'; '.join(allowed)}.")
    for table, names in missing.items():
        if names:
            says = f"The application may not do all that the mappings do with {table}: {', '.join(names)}."
            yield wrong(about, what, says, f"Grant these privileges to the application user's security role: {SETUP}.")
