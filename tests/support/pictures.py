"""The pictures of docs/images, taken of a console without a daemon: `make screenshots`.

They are for people to look at, and so are compared with nothing: fonts differ from one machine to the next.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

from tests.support.chromium import ChromiumUnavailable, Look, chromium, visit
from tests.support.console import busy_console
from tests.support.strangers import served

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
# Kept in the repository for good, and loaded with every page that shows them.
LARGEST = 100_000

LIGHT, DARK = Look("light", "light", 1180, 520), Look("dark", "dark", 1180, 520)
# Of tables full of text less is seen, or the files grow.
FLAT, DARK_FLAT = Look("light", "light", 1180, 440), Look("dark", "dark", 1180, 440)
PHONE = Look("phone", "light", 390, 780)


@dataclass(frozen=True, slots=True)
class Picture:
    name: str
    path: str
    look: Look = LIGHT
    answer_due: bool = False
    # What is pressed first.
    press: str = ""


PICTURES = (
    Picture("overview", "/"),
    Picture("overview-dark", "/", DARK),
    Picture("overview-phone", "/", PHONE),
    Picture("full-synchronisation", "/full-sync", answer_due=True),
    Picture("mappings", "/mappings", FLAT),
    Picture("errors-dark", "/errors?cause=c0ffee", DARK_FLAT),
    Picture("couplings-phone", "/couplings?mapping=CUSTOMER", PHONE),
    Picture("set-up-check", "/set-up", press="Check now"),
)


def take(browser: Browser, picture: Picture, folder: Path = FOLDER) -> Path:
    """The file it is in."""
    with served(busy_console(picture.answer_due).app) as address, visit(browser, address, picture.look) as page:
        page.goto(picture.path)
        if picture.press:
            page.get_by_role("button", name=picture.press).click()
        file = folder / f"{picture.name}.png"
        page.screenshot(path=file, animations="disabled")
    return file


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for picture in PICTURES:
            file = take(browser, picture)
            size = file.stat().st_size
            print(f"{file.relative_to(FOLDER.parents[1])}: {size:,} bytes")
            if size > LARGEST:
                sys.exit(f"{file.name} is larger than {LARGEST:,} bytes.")


if __name__ == "__main__":
    try:
        main()
    except ChromiumUnavailable as refusal:
        sys.exit(str(refusal))
