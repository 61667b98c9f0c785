"""The standard mappings with some settings changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ruamel.yaml import YAML

from schemas.mapping import Mappings
from schemas.mapping_file import standard_text
from tests.support.made import mappings

Changes = Mapping[str, Any]
_STANDARD = YAML(typ="safe").load(standard_text())["mappings"]


def standard(**changed: Changes) -> Mappings:
    """Each mapping with what is given for its name (`ITEM_PRODUCT` for ITEM-PRODUCT) in place of what stands there.

    A function is given what stands there: `CUSTOMER={"fields": lambda fields: [*fields, …]}`.
    """
    by_name = {name.replace("_", "-"): changes for name, changes in changed.items()}
    unknown = by_name.keys() - {part["name"] for part in _STANDARD}
    assert not unknown, f"no standard mapping is named {unknown}"
    parts = [_changed(part, by_name.get(part["name"], {})) for part in _STANDARD]
    return mappings(*parts)


def _changed(part: Changes, changes: Changes) -> Changes:
    made = dict(part)
    for name, value in changes.items():
        made[name] = value(part.get(name)) if callable(value) else value
    return made


def field(sales: str, **settings: Any) -> Callable[[list[Changes]], list[Changes]]:
    """For `fields`: the one field of that Sales name, with these settings besides."""

    def change(fields: list[Changes]) -> list[Changes]:
        assert any(one.get("sales") == sales for one in fields), f"no field is mapped to {sales}"
        return [{**one, **settings} if one.get("sales") == sales else one for one in fields]

    return change
