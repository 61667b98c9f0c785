"""What MkDocs does beside what mkdocs.yml says: pages and files from outside docs/, and what the theme lacks."""

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
# What draws the diagrams; not set where it could not be had. Later than 11.12, its arrowheads have other names than the
# theme colours, and are not seen in the dark.
MERMAID = os.environ.get("COUPLED_SITE_MERMAID")
_SCROLL = '<div class="scroll" tabindex="0" role="region" aria-label="{}">'
_WIDE = (
    (re.compile(r"<table>.*?</table>", re.DOTALL), _SCROLL.format("Table")),
    (re.compile(r'<pre class="mermaid">.*?</pre>', re.DOTALL), _SCROLL.format("Diagram")),
)
_CODE_IN_CELL = re.compile(r"(?<=<code>)[^<]+(?=</code>.*</td>$)", re.MULTILINE)
_WITHIN = re.compile(r"(?<=[._/:])(?=\w)")
_OPTION = re.compile(r"(?<!\w)--?[a-z][a-z-]*")


def on_config(config: Any) -> Any:
    """Without what draws them, diagrams are shown as text; the theme would ask another host."""
    config.extra["mermaid"] = "javascripts/mermaid.js" if MERMAID else ""
    if not MERMAID:
        config.mdx_configs["pymdownx.superfences"] = {}
    return config


def on_files(files: Files, config: Any) -> Files:
    outside = {"changelog.md": ROOT / "CHANGELOG.md", "images/coupled.svg": ROOT / "daemon/web/static/coupled.svg"}
    if MERMAID:
        outside[config.extra["mermaid"]] = Path(MERMAID)
    for name, path in outside.items():
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    if page.file.src_uri == "changelog.md":
        page.meta["search"] = {"exclude": True}  # it names everything, and explains nothing
        return markdown.replace("](docs/", "](")
    return markdown.replace("](../CHANGELOG.md", "](changelog.md")


def on_page_content(html: str, **_: Any) -> str:
    """What is wider than the page scrolls, also by keyboard, and code in a cell breaks where its words end."""
    html = _CODE_IN_CELL.sub(lambda code: _breaking(code[0]), html)
    for part, scroll in _WIDE:
        html = part.sub(lambda wide, scroll=scroll: f"{scroll}{wide[0]}</div>", html)
    return html


def _breaking(code: str) -> str:
    """And does not show what keeps its bars from ending the cell."""
    code = _WITHIN.sub("<wbr>", code.replace("\\|", "|"))
    return _OPTION.sub(r'<span class="whole">\g<0></span>', code)


def on_post_page(output: str, **_: Any) -> str:
    """The theme's dialog has no name, which a screen reader would say."""
    return output.replace(' role="dialog"', ' role="dialog" aria-label="Search"')
