"""The shape of the code (DESIGN 1): imports run one way, modules stay small, the four names are ours alone."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("daemon", "consumers", "producers", "schemas")
LARGEST = 300
# Of the standard library, what computes.
PURE = frozenset(
    {"collections", "contextlib", "dataclasses", "datetime", "decimal", "enum", "functools", "itertools", "typing"}
)
# The one place that looks again and again at what real processes show.
POLLING = Path("tests/support/waiting.py")
# Spelled apart, so that this file does not name what no file may name.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("repo1", "maven", "org"),
        ("repo", "maven", "apache", "org"),
        ("repo", "maven", "org"),
        ("proxy", "golang", "org"),
        ("static", "crates", "io"),
        ("index", "crates", "io"),
    )
]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git working tree")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def modules() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_imports_run_one_way() -> None:
    """Every contract of pyproject's import-linter section holds."""
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    command = [sys.executable, "-c", program, "--no-cache"]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "Contracts: 4 kept, 0 broken" in linted.stdout


def test_rules_import_words_other_rules_and_what_comes_with_python() -> None:
    """So that nothing they need has to be there, running or faked: not even the ports of what surrounds them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (pure,) = (one for one in project["tool"]["importlinter"]["contracts"] if one["name"] == "the rules are pure")
    rules = pure["source_modules"]
    found = {
        f"{rule}: {imported}"
        for rule in rules
        for imported in imports(ROOT / f"{rule.replace('.', '/')}.py")
        if not (imported in rules or imported.split(".")[0] in {"schemas", *PURE})
    }
    assert found == set()


def imports(path: Path) -> Iterator[str]:
    """The modules named in a module's imports: of `from consumers import problems`, that one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module="consumers" | "consumers.survey" as package, names=names):
                yield from (f"{package}.{name.name}" for name in names)
            case ast.ImportFrom(module=str(module)):
                yield module


def test_help_does_not_wait_for_what_other_commands_need() -> None:
    """They take longer to import than all the rest; Tab waits for the rest too."""
    program = "import sys, daemon.cli.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    slow = {"sqlalchemy", "httpx", "kafka", "aiokafka", "faust", "fastapi", "odata_query", "daemon.settings"}
    assert slow & set(done.stdout.split()) == set()


def test_no_module_is_too_long_to_read_at_once() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert lengths
    assert {path: length for path, length in lengths.items() if length > LARGEST} == {}


@pytest.mark.parametrize("name", FOLDERS)
def test_no_other_distribution_brings_a_package_of_our_name(name: str) -> None:
    """python-daemon would install over `daemon` (style-models 4.4)."""
    assert set(packages_distributions().get(name, ["coupled"])) == {"coupled"}


def test_no_tracked_file_names_a_package_registry() -> None:
    named = []
    for path in tracked():
        text = path.read_bytes().lower()
        named += [f"{path.relative_to(ROOT)}: {host}" for host in HOSTS if host.encode() in text]
    assert named == []


def sleeps(path: Path) -> Iterator[int]:
    """The lines that call `time.sleep` or `asyncio.sleep`; `sleep(0)` only lets others go on."""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)) if "sleep" in text else ():
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name("time" | "asyncio"), attr="sleep"), args=[argument]):
                if not (isinstance(argument, ast.Constant) and argument.value == 0):
                    yield node.lineno
            case ast.ImportFrom(module="time" | "asyncio", names=names) if any(name.name == "sleep" for name in names):
                yield node.lineno


def test_no_test_sleeps() -> None:
    """A test waits for something, or injects the clock; a sleep is slow when it works and flaky when it does not."""
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path.relative_to(ROOT) != POLLING
        for line in sleeps(path)
    }
    assert found == set()
