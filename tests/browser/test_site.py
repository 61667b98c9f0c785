"""The documentation as a site: it is complete, says what the pages say, asks no other host, and hinders nobody."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page, expect
from ruamel.yaml import YAML
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from tests.support.chromium import DARK, LIGHT, PHONE, overflow, turn, violations, visit
from tests.support.fetched import ROOT, Unfetched
from tests.support.html import Shown
from tests.support.real_parts import RealPart
from tests.support.site import CONFIGURATION, SOURCE, builder, drawer, mkdocs
from tests.support.strangers import served

SITE = RealPart("Documentation site", Unfetched, "COUPLED_REQUIRE_SITE")
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
_ARTICLE = re.compile(r'<article class="md-content__inner md-typeset">(.*)</article>', re.DOTALL)
_HEADING_LINK = re.compile(r'<a class="headerlink".*?</a>')
_ELSEWHERE = re.compile(r"(?:https?:)?//")
LOOKED_AT = ("/", "/tutorial/", "/reference/configuration/", "/architecture/")


def named(page: Path) -> str:
    return str(page.relative_to(DOCS))


@pytest.fixture(scope="module")
def tools() -> Path:
    """The script that draws the diagrams, where all that builds the site is there."""
    with SITE.needed():
        builder()
        return drawer()


@pytest.fixture(scope="module")
def site(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    done = mkdocs("build", "--site-dir", str(folder), script=tools)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def page(site: Path, browser: Browser) -> Iterator[Page]:
    app = Starlette(routes=[Mount("/", StaticFiles(directory=site, html=True))])
    with served(app) as address, visit(browser, address) as page:
        yield page


def built(site: Path, page: Path) -> str:
    """What stands on a page of the site, without what surrounds it on every page."""
    folder = page.parent if page.stem in ("index", "README") else page.with_suffix("")
    found = _ARTICLE.search((site / folder.relative_to(DOCS) / "index.html").read_text(encoding="utf-8"))
    assert found
    return _HEADING_LINK.sub("", found[1])


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_says_on_the_site_what_it_says_elsewhere(site: Path, page: Path) -> None:
    """Markdown has dialects: a list, a table or a cell that one takes for such, another takes for text."""
    elsewhere = Shown(MarkdownIt().enable("table").render(page.read_text(encoding="utf-8")))
    here = Shown(built(site, page))
    assert here.text == elsewhere.text
    assert here.elements == elsewhere.elements


def test_the_site_has_every_page_and_the_changelog_in_its_navigation(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    for page in (*PAGES, DOCS / "changelog.md"):
        folder = page.parent if page.stem in ("index", "README") else page.with_suffix("")
        address = "." if folder == DOCS else f"{folder.relative_to(DOCS)}/"
        assert f'href="{address}" class="md-nav__link' in start, named(page)


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    loaded = {}
    for file in sorted(site.rglob("*.html")):
        text = file.read_text(encoding="utf-8")
        assert "default-src 'self'" in text, f"{file.relative_to(site)} lets the theme ask anybody"
        loaded[str(file.relative_to(site))] = [one for one in Shown(text).loads if _ELSEWHERE.match(one)]
    for file in sorted(site.rglob("*.css")):
        addresses = re.findall(r"""(?:url\(|@import)\s*["']?([^"')]+)""", file.read_text(encoding="utf-8"))
        loaded[file.name] = [one for one in addresses if _ELSEWHERE.match(one)]
    assert len(loaded) > len(PAGES)
    assert {name: found for name, found in loaded.items() if found} == {}


def test_without_what_draws_them_diagrams_are_text(tools: Path, tmp_path: Path) -> None:
    done = mkdocs("build", "--site-dir", str(tmp_path), script=None)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "architecture" / "index.html").read_text(encoding="utf-8")
    assert "sequenceDiagram" in page
    assert 'class="mermaid"' not in page
    assert not (tmp_path / "javascripts").exists()


def test_what_is_wrong_ends_the_build(tools: Path, tmp_path: Path) -> None:
    """A dead link, a heading that is not there, a page that no navigation has."""
    docs = tmp_path / "docs"
    shutil.copytree(DOCS, docs)
    (docs / "lost.md").write_text("# Lost\n\n[Gone](gone.md), [unheard](operate.md#unheard-of)\n", encoding="utf-8")
    theme = {"custom_dir": str(SOURCE / "theme")}
    settings = {"docs_dir": str(docs), "hooks": [str(SOURCE / "hook.py")], "theme": theme}
    with (tmp_path / "mkdocs.yml").open("w", encoding="utf-8") as file:
        YAML().dump({"INHERIT": str(CONFIGURATION), **settings}, file)
    words = ["build", "--site-dir", str(tmp_path / "site")]
    done = mkdocs(*words, script=tools, configuration=tmp_path / "mkdocs.yml")
    assert done.returncode == 1
    told = done.stderr.split("WARNING")[1:]
    assert len(told) == 3, done.stderr
    assert ["- lost.md" in told[0], "'gone.md'" in told[1], "'#unheard-of'" in told[2]] == [True] * 3


@pytest.mark.parametrize("path", LOOKED_AT)
def test_a_page_of_the_site_hinders_nobody(page: Page, path: str) -> None:
    """And asks nobody else, and nothing of it goes wrong: that is told when the visitor leaves."""
    found = {}
    for look in (LIGHT, DARK, PHONE):
        turn(page, look)
        answer = page.goto(path)
        assert answer
        assert answer.status == 200
        scheme = "slate" if look.scheme == "dark" else "default"
        expect(page.locator("body")).to_have_attribute("data-md-color-scheme", scheme)
        expect(page.locator("pre.mermaid")).to_have_count(0)
        found[look.name] = violations(page)
        assert overflow(page) == 0, f"the page is wider than the window: {look.name}"
    assert found == {name: [] for name in found}


def test_diagrams_are_drawn(page: Page) -> None:
    turn(page, LIGHT)
    page.goto("/architecture/")
    drawn = page.locator("div.mermaid")
    expect(drawn).to_have_count((DOCS / "architecture.md").read_text(encoding="utf-8").count("```mermaid"))
    for number in range(drawn.count()):
        box = drawn.nth(number).bounding_box()
        assert box
        assert box["height"] > 200


def test_the_search_finds_a_page(page: Page) -> None:
    turn(page, LIGHT)
    page.goto("/")
    page.get_by_role("textbox", name="Search").fill("tracing.endpoint")
    page.get_by_role("search").get_by_role("heading", name="coupled.yaml").first.click()
    expect(page).to_have_title("coupled.yaml - coupled")
