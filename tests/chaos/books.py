"""What the store of a killed daemon says, read from outside with plain SQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_OUTCOMES = "inserted+modified+deleted+unchanged+skipped+failed+conflict+coupled+uncoupled+ignored"
# What may not be there once all is quiet, and how it is found.
_LEFT = {
    "a creation whose end nobody knows": "select mapping, sales_id from intents",
    "a published page that is not applied": "select position, seq from pages",
    "a run that is not done": "select id, kind, state, error from runs where state <> 'done'",
    "a job that is not finished": "select id, mapping, state, message from jobs where state <> 'finished'",
    "a job that published another number than has outcomes": (
        f"select id, mapping, direction, published, {_OUTCOMES} from jobs where published <> {_OUTCOMES}"
    ),
    "a command that is not done": "select id, state, error from commands where state <> 'done'",
    "a command whose end was not told": "select id, state from commands where not announced",
    "an open failure": "select mapping, source_key, code, message from failures where resolved_at is null",
}
_FINAL = "('done', 'failed', 'refused')"


class Books:
    """The store's tables, as far as a checker must know them; empty before the first start."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        if not self._file.exists():
            return []
        connection = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=20)
        try:
            return connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:  # killed before its schema was made
            if "no such table" in str(error):
                return []
            raise
        finally:
            connection.close()

    def left(self) -> list[str]:
        """What is not in order, in words."""
        found = [(what, row) for what, query in _LEFT.items() for row in self._rows(query)]
        return [f"{what}: {row}" for what, row in found]

    def done(self, ids: Sequence[str]) -> set[str]:
        """Of these commands, those with an end."""
        wanted = json.dumps(list(ids))
        query = f"select id from commands where state in {_FINAL} and id in (select value from json_each(?))"
        return {row[0] for row in self._rows(query, wanted)}

    def asking(self) -> list[str]:
        """Runs whose answer is due."""
        return [row[0] for row in self._rows("select id from runs where state = 'awaiting_answer'")]

    def couplings(self, mapping: str) -> list[tuple[str, str]]:
        """The ids on either side."""
        return self._rows("select bc_id, sales_id from couplings where mapping = ? order by bc_id", mapping)

    def settled(self) -> int:
        """How many records have an outcome in a job."""
        return int(self._rows(f"select coalesce(sum({_OUTCOMES}), 0) from jobs")[0][0])
