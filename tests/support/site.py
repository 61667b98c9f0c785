"""The documentation as a site, built by MkDocs in an environment of its own: `make site`.

    python -m tests.support.site            # into build/site; a dead link or a page outside the navigation is an error
    python -m tests.support.site --serve    # at http://127.0.0.1:8000, built anew whenever a page changes
    python -m tests.support.site --fetch    # only get what builds it, as `make test` does

What draws the diagrams comes by npm. Where it cannot be had, they are shown as text.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.support.fetched import ROOT, Unfetched, modules_of, python_of

SOURCE = ROOT / "deploy" / "site"
CONFIGURATION = SOURCE / "mkdocs.yml"
CACHE = ROOT / ".coupled" / "site"


def builder() -> Path:
    """The Python interpreter that has MkDocs. Unfetched if it cannot be had."""
    return python_of(SOURCE / "requirements.lock", CACHE / "python")


def drawer() -> Path:
    """The script that draws diagrams in the browser. Unfetched if it cannot be had."""
    modules = modules_of(SOURCE / "package-lock.json", CACHE / "node")
    return modules / "@mermaid-js" / "tiny" / "dist" / "mermaid.tiny.js"


def mkdocs(
    *words: str, script: Path | None, configuration: Path = CONFIGURATION, capture: bool = True
) -> subprocess.CompletedProcess[str]:
    """MkDocs, done; every warning is an error, and without a script diagrams are text."""
    settings = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "COUPLED_SITE_MERMAID": str(script or "")}
    # Not --quiet: --strict counts only the warnings that are told.
    command = [str(builder()), "-m", "mkdocs", *words, "--strict", "--config-file", str(configuration)]
    return subprocess.run(command, env=settings, capture_output=capture, text=True, check=False)


def _drawer_or_told() -> Path | None:
    try:
        return drawer()
    except Unfetched as refusal:
        print(f"Diagrams are shown as text: {refusal}", file=sys.stderr)
        return None


def main() -> int:
    parser = argparse.ArgumentParser(prog="make site", description="The documentation as a site, in build/site.")
    parser.add_argument("--serve", action="store_true", help="serve it on loopback, and build anew what changes")
    parser.add_argument("--port", type=int, default=8000, help="where to serve it")
    parser.add_argument("--fetch", action="store_true", help="only get what builds it")
    asked = parser.parse_args()
    try:
        builder()
    except Unfetched as refusal:
        sys.exit(str(refusal))
    script = _drawer_or_told()
    if asked.fetch:
        return 0
    if asked.serve:
        words = ["serve", "--livereload", "--dev-addr", f"127.0.0.1:{asked.port}", "--watch", str(SOURCE)]
    else:
        words = ["build"]
    return mkdocs(*words, script=script, capture=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
