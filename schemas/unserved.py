"""Mappings as they are where a server does not tell all that they ask for."""

from dataclasses import replace

from schemas.field_mapping import FieldRule
from schemas.mapping import Mappings


def without_reference(mappings: Mappings, mapping: str, name: str) -> Mappings:
    """As if a BC record bore its key in place of the reference `name`, which its server does not tell."""
    table = mappings[mapping].bc
    kept = tuple(reference for reference in table.references if reference.name != name)
    changed = (
        replace(m, fields=tuple(_looked_up_by(rule, mapping, name, table.key) for rule in m.fields))
        for m in mappings.all
    )
    return replace(
        mappings,
        all=tuple(replace(m, bc=replace(m.bc, references=kept)) if m.name == mapping else m for m in changed),
    )


def _looked_up_by(rule: FieldRule, mapping: str, name: str, key: str) -> FieldRule:
    if rule.lookup and rule.lookup.mapping == mapping and rule.lookup.by == name:
        return replace(rule, lookup=replace(rule.lookup, by=key))
    return rule
