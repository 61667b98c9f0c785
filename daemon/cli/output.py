"""What commands that only look share: reading the store, printing a table or one JSON document."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from schemas.visible import visible, visible_json

if TYPE_CHECKING:  # the store is slow to import, and `--help` does not need it
    from daemon.settings import Settings
    from daemon.store.engine import Store

T = TypeVar("T")
# Spaces between columns, and before what stands below a row.
_GAP, _INDENT = 2, 4


def read_store(config: Path | None, read: Callable[[Store, Settings], Awaitable[T]]) -> T:
    """What `read` finds in the store. Refused, with the hint to start the daemon, if there is none yet."""
    from daemon.cli.client import settings_of
    from daemon.store.engine import open_readonly

    settings = settings_of(config)

    async def main() -> T:
        async with await open_readonly(settings.store.address().get_secret_value()) as store:
            return await read(store, settings)

    return asyncio.run(main())


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str) -> None:
    """Nothing is cut off: what has no room beside the first columns stands below its row. A file or pipe has room."""
    console = Console(highlight=False)
    widths = [max(map(cell_len, (_head(name), *(_cell(row.get(name)) for row in rows)))) for name in columns]
    ends = [end - _GAP for end in accumulate(width + _GAP for width in widths)]
    room = console.width if console.is_terminal or "COLUMNS" in os.environ else ends[-1]
    count = max(1, sum(end <= room for end in ends))
    console.width = max(room, ends[count - 1])
    with console.capture() as captured:
        console.print(_table(rows, columns[:count]))
    head, *lines = captured.get().splitlines()
    for line in (title, head) if title else (head,):
        typer.echo(line.rstrip())
    for line, row in zip(lines, rows, strict=True):
        typer.echo(line.rstrip())
        if text := _words(row, columns[count:]):
            console.print(Padding(Text(text), (0, 0, 0, _INDENT), expand=False))


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    """Each row in one line."""
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for name in columns:
        numeric = bool(rows) and isinstance(rows[0].get(name), int) and not isinstance(rows[0].get(name), bool)
        table.add_column(_head(name), justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_cell(row.get(name))) for name in columns))
    return table


def _words(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    """What is in these columns; with their names, if it is a number."""
    texts = {name: _cell(row.get(name)) for name in columns if row.get(name) not in (None, "", 0)}
    return ", ".join(f"{text} {_head(name)}" if text.isdigit() else text for name, text in texts.items())


def _head(name: str) -> str:
    return name.replace("_", " ")


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else visible(" ".join(str(value).split()))


def print_json(found: Any) -> None:
    typer.echo(visible_json(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()))


def short(moment: str | None) -> str:
    """A moment in ISO 8601, as people here read it."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def say(line: str, *, err: bool = False) -> None:
    """One line, whatever records and answers of a side are quoted in it."""
    typer.echo(visible(line), err=err)
