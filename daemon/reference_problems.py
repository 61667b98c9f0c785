"""The page of problem codes, read from the source: whatever makes a problem names its code, sentence and hint."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

_FOLDERS = ("schemas", "producers", "consumers", "daemon")
_RAISED = {"Problem", "Refused", "ConfigurationError", "Unreachable", "ApiError", "CoupledError"}


def problems_page(root: Path, table: Callable[[Iterable[str], Iterable[Iterable[str]]], str]) -> str:
    """The page: one row per code and sentence, with where it is raised."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(
        p for folder in ("schemas", "producers", "consumers", "daemon") for p in _sources(root / folder)
    ):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {t.id: n.value for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if _is_name(t)}  # type: ignore[attr-defined]
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            row = _problem(call, names)
            if row:
                found.setdefault((row[0], row[1]), [f"`{row[0]}`", row[1], row[2], f"`{path.relative_to(root)}`"])
    head = "# Problem codes\n\nStable codes with their sentence and hint, as in the code; `…` stands for values.\n"
    rows = [found[key] for key in sorted(found)]
    for code in {key[0]: None for key in sorted(found)}:
        first = next(row for row in rows if row[0] == f"`{code}`")
        first[0] = f'<a id="{code}"></a>{first[0]}'  # so that a code can be linked to
    return head + "\n" + table(["Code", "Says", "Hint", "From"], rows)


def _sources(folder: Path) -> Iterator[Path]:
    return (p for p in folder.rglob("*.py") if "sandbox" not in p.parts and not p.name.startswith("reference"))


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name)


def _problem(call: ast.Call, names: Mapping[str, ast.expr]) -> tuple[str, str, str] | None:
    if not (isinstance(call.func, ast.Name) and call.func.id in _RAISED):
        return None
    texts = [_text(argument, names) for argument in call.args]
    if call.func.id == "ApiError":
        texts = texts[1:]
    if len(texts) < 2 or not re.fullmatch(r"[a-z…]+(?:-[a-z…]+)+|unknown", texts[0]):
        return None
    return texts[0], texts[1], texts[2] if len(texts) > 2 else ""


def _text(node: ast.expr, names: Mapping[str, ast.expr]) -> str:
    if isinstance(node, ast.Name) and node.id in names:
        return _text(names[node.id], {})
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return " ".join(node.value.split())
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, names)
    if isinstance(node, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else _text(part, names) for part in node.values)
        return " ".join("".join(parts).split())
    return "…"
