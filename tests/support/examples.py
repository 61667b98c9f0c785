"""The mappings files of the documentation, as a reader would copy them."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
_YAML = re.compile(r"^```yaml\n(mappings:.*?)^```", re.MULTILINE | re.DOTALL)


def mappings_file(heading: str) -> str:
    """The first mappings file under a heading of docs/mappings.md, word for word."""
    text = (DOCS / "mappings.md").read_text(encoding="utf-8")
    _, found, below = text.partition(f"\n## {heading}\n")
    assert found, f"docs/mappings.md has no heading {heading}"
    block = _YAML.search(below.partition("\n## ")[0])
    assert block, f"there is no mappings file under {heading}"
    return block[1]
