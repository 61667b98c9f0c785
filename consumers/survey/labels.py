"""How people call a record, pure: its number and its name."""

from schemas import rows
from schemas.mapping import TableMapping
from schemas.side import Side

NAME = "displayName"


def label(mapping: TableMapping, side: Side, row: rows.Row) -> str:
    """Number and name of a record, as far as the mapping knows them; else its first text, else its id."""
    told = [rows.value(mapping, side, row, name) for name in _called(mapping, side)]
    if not any(told):
        texts = (rows.value(mapping, side, row, name) for name in mapping.mapped(side))
        told = [next((text for text in texts if isinstance(text, str)), None)]
    return " ".join(dict.fromkeys(str(one) for one in told if one)) or rows.record_id(mapping.table(side), row)


def _called(mapping: TableMapping, side: Side) -> list[str]:
    wanted = (mapping.bc.key, NAME)
    if side is Side.BC:
        return [name for name in wanted if name]
    pairs = [name for one in wanted for rule in mapping.fields if one in rule.bc for name in rule.sales]
    return list(dict.fromkeys(pairs))
