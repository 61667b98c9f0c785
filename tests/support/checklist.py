"""The checklist of business-central-sync 8 against the tests: `python -m tests.support.checklist` writes its table.

tests/checklist/rows.yaml says what each row is about and why one differs; that it is covered, only a test can say.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "checklist"
PAGE = ROOT / "docs" / "differences.md"
BEGIN = "<!-- The checklist: made by `make docs` from tests/checklist. Do not edit. -->"
END = "<!-- The end of the checklist. -->"
NUMBERS = range(1, 134)
_ROWS = re.compile(r"test_row((?:_(?:and_)?\d{3})+)(?:_|$)")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the checklist. At most one of `better`, `no` (each a reason) and `open` is given."""

    number: int
    profile: str
    behaviour: str
    better: str = ""
    no: str = ""
    open: bool = False
    tests: Sequence[str] = ()

    @property
    def status(self) -> str:
        if self.no:
            return f"does not apply: {self.no}"
        if self.open:
            return "not shown yet"
        return f"better: {self.better}" if self.better else "covered"

    @property
    def mistake(self) -> str:
        """What does not hold together; empty if all does."""
        if sum(map(bool, (self.better, self.no, self.open))) > 1:
            return "more than one of better, no, open"
        if (self.no or self.open) and self.tests:
            return f"it is neither open nor out of place: {self.tests[0]} shows it"
        if not (self.no or self.open or self.tests):
            return "no test is named for it, and no reason is given"
        return ""


def rows() -> list[Row]:
    """Every row of rows.yaml, with the tests that are named for it."""
    found = tests(FOLDER)
    listed = YAML(typ="safe").load((FOLDER / "rows.yaml").read_text(encoding="utf-8"))
    return [
        Row(number, profile, behaviour, **dict(*more), tests=found.get(number, ()))
        for number, profile, behaviour, *more in listed
    ]


def tests(folder: Path) -> Mapping[int, list[str]]:
    """The ids of the tests by the numbers in their names."""
    found: dict[int, list[str]] = {}
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (match := _ROWS.match(node.name)):
                for number in re.findall(r"\d{3}", match[1]):
                    found.setdefault(int(number), []).append(f"{path.relative_to(ROOT)}::{node.name}")
    return found


def table(listed: Sequence[Row]) -> str:
    lines = ["| row | profile | behaviour | here | test |", "| --- | --- | --- | --- | --- |"]
    for row in listed:
        named = "<br>".join(f"`{test}`" for test in row.tests)
        lines.append(f"| {row.number} | {row.profile} | {row.behaviour} | {row.status} | {named} |")
    return "\n".join(lines)


def page(text: str, listed: Sequence[Row]) -> str:
    """The page with the table between its marks. ValueError if there are none."""
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise ValueError(f"{PAGE.name} has no place for the checklist")
    return f"{before}{BEGIN}\n\n{table(listed)}\n\n{END}{after}"


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), rows()), encoding="utf-8")
    print(PAGE.relative_to(ROOT))


if __name__ == "__main__":
    main()
