"""What commands that only look share: reading the store, printing a table or one JSON document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import orjson
import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:  # the store is slow to import, and `--help` does not need it
    from daemon.settings import Settings
    from daemon.store.engine import Store

T = TypeVar("T")
# Names and times are not broken on a narrow terminal; ids and what is said may be.
_WHOLE = 20


def read_store(config: Path | None, read: Callable[[Store, Settings], Awaitable[T]]) -> T:
    """What `read` finds in the store. Refused, with the hint to start the daemon, if there is none yet."""
    from daemon.cli.client import settings_of
    from daemon.store.engine import open_readonly

    settings = settings_of(config)

    async def main() -> T:
        store = await open_readonly(settings.store.url.get_secret_value())
        try:
            return await read(store, settings)
        finally:
            await store.close()

    return asyncio.run(main())


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str) -> None:
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for name in columns:
        numeric = bool(rows) and isinstance(rows[0].get(name), int) and not isinstance(rows[0].get(name), bool)
        whole = max((len(_cell(row.get(name))) for row in rows), default=0) <= _WHOLE
        justify: Literal["right", "left"] = "right" if numeric else "left"
        table.add_column(name.replace("_", " "), justify=justify, overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in columns))
    Console(highlight=False).print(table)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def print_json(found: Any) -> None:
    typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
