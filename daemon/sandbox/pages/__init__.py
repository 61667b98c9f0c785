"""Pages on which a person looks at a simulator's records and edits them, as one more client of its API."""

from daemon.sandbox.pages.front import Pages

__all__ = ["Pages"]
