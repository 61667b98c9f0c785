"""Why a record failed, in words an administrator can act on: a code, what happened, what to do.

What to do is true of a failed and of a skipped record alike: the same failure becomes the second by happening twice.
"""

from collections.abc import Collection
from typing import Any

from schemas.change import Change
from schemas.coupling import Coupling, Reference
from schemas.errors import ApiError, KeepsChanging, Problem
from schemas.field_mapping import FieldRule, Lookup
from schemas.fitting import MOST_BYTES
from schemas.mapping import TableMapping
from schemas.side import Side
from schemas.survey import shown

_AGAIN = "then retry it. Its own next change carries it too, but not once it is skipped."


def not_coupled(rule: FieldRule, reference: Reference) -> Problem:
    """business-central-sync 2.2: the related record must be coupled."""
    if rule.lookup and rule.lookup.only_from is reference.side.other:
        return _no_counterpart(rule, rule.lookup, reference)
    return Problem(
        "not-coupled",
        f"The field {rule.name} names {reference.mapping} {reference.name} {reference.value}, which is not coupled.",
        f"It goes through by itself once that record is coupled: `coupled full-sync {reference.mapping}`.",
    )


def _no_counterpart(rule: FieldRule, lookup: Lookup, reference: Reference) -> Problem:
    """Its mapping never carries that record across, so no synchronisation helps: a salesperson without a Sales user."""
    there, here = reference.side.other.label, reference.side.label
    match = " and ".join(lookup.matched) or "the same key"
    return Problem(
        "not-coupled",
        f"The field {rule.name} names {reference.mapping} {reference.name} {reference.value}, which is not coupled.",
        f"{reference.mapping} come from {there} only: create or correct the record there that matches it ({match}), "
        f"then `coupled full-sync {reference.mapping}`: this one goes through by itself. Or clear the field in {here}.",
    )


NO_REFERENCE = "no-reference"


def no_reference(rule: FieldRule, reference: Reference, name: str) -> Problem:
    return Problem(
        NO_REFERENCE,
        f"The field {rule.name} needs the {name!r} of {reference.mapping} {reference.value}, which has none yet.",
        f"It goes through by itself once it has one: `coupled full-sync {reference.mapping}` reads it again.",
    )


def value_missing(rule: FieldRule, source: Side) -> Problem:
    """BC's own `TestField` (business-central-sync 1.3): a currency needs an exchange rate, an item a base unit."""
    return Problem(
        "value-missing",
        f"The field {rule.name} must have a value.",
        f"Fill it in in {source.label}, {_AGAIN}",
    )


def not_transformable(rule: FieldRule, value: Any, error: Exception) -> Problem:
    """The value is not what the transformation expects (business-central-sync 2.2)."""
    return Problem(
        "not-transformable",
        f"The field {rule.name} cannot be transformed: {value!r}: {error}.",
        f"Correct the value, or the field's transform in the mappings file, {_AGAIN}",
    )


def too_large(change: Change, fields: Collection[str]) -> Problem:
    """Promise 7: Kafka takes no message that holds it."""
    held = ", ".join(f"{name} ({change.left_out[name]:,} bytes)" for name in sorted(fields))
    return Problem(
        "too-large",
        f"The record is too large to be carried: {held}; a change has at most {MOST_BYTES:,} bytes.",
        f"Shorten it in {change.side.label}, or take the field out of the mappings file, {_AGAIN}",
    )


def deleted(coupling: Coupling, gone: Side) -> Problem:
    """business-central-sync 3.7."""
    return Problem(
        "coupled-to-deleted",
        f"The record is coupled to {gone.label} record {coupling.half(gone).id}, which has been deleted.",
        "Set on_delete: restore or uncouple and retry, or `coupled uncouple` the pair.",
    )


def deleted_but_changed(coupling: Coupling, gone: Side) -> Problem:
    """Under `on_delete: delete`: nothing that one side has seen alone is lost."""
    return Problem(
        "deleted-but-changed",
        f"{gone.label} record {coupling.half(gone).id} has been deleted, and its partner "
        f"{coupling.half(gone.other).id} has changed since both last agreed, so it is kept.",
        "Delete the partner yourself, or set on_delete: restore or uncouple and retry.",
    )


def deleted_but_shared(coupling: Coupling, gone: Side, other: str) -> Problem:
    """Under `on_delete: delete`: an account may be the partner of a customer and of a vendor."""
    return Problem(
        "deleted-but-shared",
        f"{gone.label} record {coupling.half(gone).id} has been deleted, and its partner "
        f"{coupling.half(gone.other).id} is coupled by {other} too, so it is kept.",
        f"End this coupling: `coupled uncouple {coupling.mapping} {coupling.bc.id}`. Or delete the partner yourself.",
    )


def conflict(
    mapping: TableMapping, coupling: Coupling, change: Change, fields: dict[str, tuple[Any, Any, Any]]
) -> Problem:
    """Both sides changed the same field: names it, both values and the base (business-central-sync 3.6)."""
    mine, theirs = change.side, change.side.other
    told = "; ".join(
        f"{name}: {mine.label} {shown(ours)}, {theirs.label} {shown(other)}, last agreed {shown(base)}"
        for name, (ours, other, base) in fields.items()
    )
    return Problem(
        "update-conflict",
        f"{mapping.bc.name} {coupling.bc.id} and {mapping.sales.name} {coupling.sales.id} were both changed: {told}.",
        "Make the values equal on both sides, or carry one side's over the other's. For all to come: set "
        "on_update_conflict to bc_wins or sales_wins.",
    )


_HINTS = {
    401: "Check the client id, secret and tenant in coupled.yaml.",
    403: "Give the application the privilege that the message names, then retry it.",
    404: f"Check that the table, the field or the record it refers to still exists, {_AGAIN}",
    413: f"The record is too large for the service: shorten it, {_AGAIN}",
}


def not_deleted(coupling: Coupling, gone: Side, error: ApiError) -> Problem:
    """The partner of a deleted record is refused its deletion: there is nothing to correct in either record."""
    problem = rejected(gone.other, error)
    if error.transient or error.status in _HINTS:
        return problem
    return Problem(
        problem.code,
        problem.message,
        f"Keep it, and end the coupling: `coupled uncouple {coupling.mapping} {coupling.bc.id}`. "
        f"Or see to it that {gone.other.label} lets it go, then retry it.",
    )


def rejected(side: Side, error: ApiError) -> Problem:
    """The side refused the write for good, or did not recover in time."""
    if isinstance(error, KeepsChanging):
        return Problem(
            "keeps-changing",
            f"The {side.label} record was changed by somebody else whenever it was to be written.",
            "It is tried again by itself. If it stays so, see what changes the record: a flow, or another integration.",
        )
    if error.transient:
        late = f"{side.label} did not recover in time; the record is tried again by itself, or when you retry it."
        hint = error.problem.hint or late
    else:
        hint = _HINTS.get(error.status, f"Correct the record, {_AGAIN}")
    text = error.problem.message
    return Problem(error.problem.code, f"{side.label} refused the record ({error.status}): {text}", hint)


def number_taken(side: Side, field: str, value: Any, other: str = "", command: str = "") -> Problem:
    """`other` tells which record has it; `command` couples the two, if that one has no partner."""
    instead = f" Or, if both are one, couple them: `{command}`." if command else ""
    return Problem(
        "number-taken",
        f"{side.label} already has another record with {field} {value!r}{f': {other}' if other else ''}.",
        f"Change the number of one of the two records, {_AGAIN}{instead}",
    )


def perhaps_ours(side: Side) -> Problem:
    """After a kill: what was being created may have arrived, and have been edited since."""
    return Problem(
        "perhaps-ours",
        f"It looks like the record that was being created in {side.label} when `coupled` was stopped, edited since.",
        "It is told apart and carried by itself once the record whose partner it may be has been synchronised again; "
        "if that never happens, after seven days.",
    )


def crash(error: Exception) -> Problem:
    """A mistake of ours must not stop the other records (promise 7)."""
    return Problem(
        "internal-error",
        f"coupled itself failed on this record: {type(error).__name__}: {error}",
        "Please report it, with the log of this moment.",
    )
