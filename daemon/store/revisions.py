"""Which schemas this program knows; told without Alembic, which is slow to import."""

from pathlib import Path

from schemas.errors import Refused

# In order: their files are named by their numbers.
KNOWN = tuple(sorted(path.stem.partition("_")[0] for path in Path(__file__).parent.glob("migrations/versions/0*.py")))


def newer(found: str) -> Refused:
    return Refused(
        "store-newer",
        f"A newer version of coupled has brought the store to schema {found}; this one knows {KNOWN[-1]}.",
        "Install that version here too, or put back the backup that was made before the upgrade.",
    )


def older(found: str) -> Refused:
    return Refused(
        "store-older",
        f"An older version of coupled works with the store: its schema is {found}, and this one needs {KNOWN[-1]}.",
        "Start the daemon of this version: it brings the store up to date.",
    )
