"""The documentation says what the code says: generated pages are current, links lead somewhere, examples are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from daemon import reference
from daemon.cli.app import app
from daemon.config import load
from schemas import command, mapping_file
from tests.support import pictures

ROOT = reference.ROOT
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^```(\S*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"`((?:schemas|producers|consumers|daemon|tests|deploy|benchmarks|docs)/[\w./-]*[\w/])(?:::(\w+))?`")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_generated_pages_are_what_the_code_generates() -> None:
    for name, text in reference.pages().items():
        committed = (reference.FOLDER / name).read_text(encoding="utf-8")
        assert committed == text, f"{name}: run `python -m daemon.reference`"


@pytest.mark.parametrize("option", ["--url", "COUPLED_URL", "--version", "--install-completion", "--help"])
def test_the_options_before_the_command_are_told(option: str) -> None:
    head, _, _ = reference.pages()["cli.md"].partition("### `coupled ")
    assert re.search(f"{option}[`,]", head)


def test_every_command_stands_in_a_group() -> None:
    group = typer.main.get_command(app)
    assert all(isinstance(one.rich_help_panel, str) for one in group.commands.values())  # type: ignore[attr-defined]


def _anchors(page: Path) -> set[str]:
    """As the usual Markdown hosts make them."""
    titles = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_pages_and_headings_that_exist(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), f"{target} does not exist"
        assert not anchor or anchor in _anchors(found), f"{target} has no heading #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_files_and_tests_it_names_exist(page: Path) -> None:
    for path, test in _PATH.findall(page.read_text(encoding="utf-8")):
        found = ROOT / path
        assert found.exists(), f"{path} does not exist"
        assert not test or f"def {test}(" in found.read_text(encoding="utf-8"), f"{path} has no {test}"


def _blocks(language: str, first: str) -> list[object]:
    """Fenced blocks of a language whose first word is `first`."""
    return [
        pytest.param(text, id=f"{named(page)}-{number}")
        for page in PAGES
        for number, (kind, text) in enumerate(_FENCE.findall(page.read_text(encoding="utf-8")))
        if kind == language and text.lstrip().startswith(first)
    ]


@pytest.mark.parametrize("text", _blocks("yaml", "mappings:"))
def test_example_mappings_files_are_accepted(text: str) -> None:
    assert mapping_file.parse(text, "example").all


@pytest.mark.parametrize("text", _blocks("yaml", "business_central:"))
def test_example_configurations_are_accepted(text: str, tmp_path: Path) -> None:
    """With a value for every variable they name, and every file."""
    secrets = tmp_path / "secret"
    secrets.write_text("x", encoding="utf-8")
    text = re.sub(r"(_file|mappings): (?!standard)[^\s,}#]+", rf"\1: {secrets}", text)
    file = tmp_path / "coupled.yaml"
    file.write_text(text, encoding="utf-8")
    assert load(file, dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "example"))


@pytest.mark.parametrize("text", _blocks("json", '{"id":'))
def test_example_commands_are_accepted(text: str) -> None:
    for line in text.strip().splitlines():
        assert command.parse(line.encode())


def test_every_page_is_found_from_the_start_page() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        waiting += [(page.parent / target).resolve() for target, _ in _LINK.findall(page.read_text("utf-8")) if target]
    assert {named(page) for page in PAGES} <= {named(page) for page in seen}


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    """`make site` says so too, where MkDocs is."""
    settings = (ROOT / "deploy" / "site" / "mkdocs.yml").read_text(encoding="utf-8")
    navigation = set(re.findall(r"[\w/-]+\.md$", settings.partition("\nnav:\n")[2], re.MULTILINE))
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert navigation == pages | {"changelog.md"}


def test_the_pictures_are_those_that_the_browser_tests_take_and_not_large() -> None:
    sizes = {file.name: file.stat().st_size for file in pictures.IMAGES.glob("*.png")}
    assert sizes.keys() == pictures.files(), "`make screenshots` takes them"
    assert {name: size for name, size in sizes.items() if size > pictures.LARGEST} == {}
    assert sum(sizes.values()) <= pictures.LARGEST_TOGETHER
    console = (ROOT / "docs" / "console.md").read_text(encoding="utf-8")
    assert [name for name in sizes if f"images/{name}" not in console] == []
