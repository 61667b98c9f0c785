"""The steps of a transformation, as words; what they do is in `schemas/transforms.py`."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Transform:
    """One step of a chain: a name and its argument, as written in the file."""

    name: str
    argument: Any = None


@dataclass(frozen=True, slots=True)
class FieldLookup:
    """The argument of a `lookup` step, the original's Field Lookup.

    The value names a record of `mapping`, in BC by its key (`by`), in Sales by its id, and becomes its `field` there.
    """

    mapping: str
    field: str
    by: str
