"""Commands that only look: they read the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import orjson
import typer
from rich.console import Console
from rich.table import Table

from daemon.cli.options import ConfigOption, JsonOption, NamesArgument, complete_mapping, load_mappings
from daemon.cli.progress import ARROWS
from schemas.command_outcome import job_dict
from schemas.errors import Exit, Refused
from schemas.job import RunState

if TYPE_CHECKING:  # the store is slow to import, and `--help` does not need it
    from daemon.settings import Settings
    from daemon.store.engine import Store
    from daemon.store.views import Failure

T = TypeVar("T")
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most this many.")]
_JOB_COLUMNS = ("inserted", "modified", "deleted", "unchanged", "skipped", "failed", "conflict", "coupled", "uncoupled")


def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show the runs, every mapping's state, couplings and open failures."""

    async def read(store: Store, settings: Settings) -> dict[str, Any]:
        mappings = load_mappings(settings.mappings)
        flags = await store.memory.flags(mappings.all)
        counts = await store.views.coupling_counts()
        failures: dict[str, int] = {}
        for row in await store.views.failure_counts():
            failures[row.mapping] = failures.get(row.mapping, 0) + row.open
        return {
            "runs": [
                {"id": run.id, "kind": run.kind.value, "state": run.state.value, "mappings": list(run.mappings)}
                for run in await store.jobs.runs(limit=5)
            ],
            "mappings": [
                {
                    "name": mapping.name,
                    "direction": mapping.direction.value,
                    "only_coupled": flags[mapping.name].only_coupled,
                    "paused": flags[mapping.name].paused,
                    "couplings": counts.get(mapping.name, 0),
                    "failures": failures.get(mapping.name, 0),
                }
                for mapping in mappings.all
            ],
        }

    found = _read(config, read)
    if json:
        return _json(found)
    due = [run for run in found["runs"] if run["state"] == RunState.AWAITING_ANSWER]
    _print(found["mappings"], ("name", "direction", "only_coupled", "paused", "couplings", "failures"), "Mappings")
    _print(found["runs"], ("id", "kind", "state"), "Runs, newest first")
    for run in due:
        typer.echo(f"An answer is due: coupled answer {run['id']} keep|restore")
    return None


def jobs(limit: Limit = 20, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the integration synchronisation jobs, newest first."""

    async def read(store: Store, settings: Settings) -> list[dict[str, Any]]:
        return [job_dict(job) for job in await store.views.recent_jobs(limit)]

    found = _read(config, read)
    if json:
        return _json(found)
    shown = [{**row, "direction": ARROWS[row["direction"]], "started": _short(row["started"])} for row in found]
    _print(shown, ("id", "mapping", "direction", "state", "started", *_JOB_COLUMNS), "Synchronisation jobs")
    return None


def job(
    job_id: Annotated[int, typer.Argument(metavar="ID", help="The number in `coupled jobs`.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show one synchronisation job, and the records that failed in it."""

    async def read(store: Store, settings: Settings) -> dict[str, Any]:
        found = await store.jobs.job(job_id)
        if found is None:
            raise Refused("job-unknown", f"There is no job {job_id}.", "`coupled jobs` lists them.")
        failures = await store.views.failures(job=job_id, open_only=False)
        return {**job_dict(found), "failures": [_failure(row) for row in failures]}

    found = _read(config, read)
    if json:
        return _json(found)
    for name, value in found.items():
        if name != "failures" and value not in (None, "", 0):
            typer.echo(f"{name:>10}  {value}")
    _failures(found["failures"])
    return None


def errors(
    names: NamesArgument = None, limit: Limit = 100, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """List the records that could not be synchronised, why, and what to do. Exit 1 if there are any."""

    async def read(store: Store, settings: Settings) -> list[dict[str, Any]]:
        wanted: Sequence[str | None] = names or [None]
        return [_failure(row) for name in wanted for row in await store.views.failures(mapping=name, limit=limit)]

    found = _read(config, read)
    if json:
        _json(found)
    else:
        _failures(found)
    raise typer.Exit(Exit.FAILED_RECORDS if found else Exit.DONE)


def couplings(
    name: Annotated[str, typer.Argument(help="A mapping.", autocompletion=complete_mapping)],
    search: Annotated[str, typer.Option(help="Only those with this id, number or value.")] = "",
    limit: Limit = 50,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List a mapping's couplings: both ids and the names they are known by."""

    async def read(store: Store, settings: Settings) -> list[dict[str, Any]]:
        if name not in load_mappings(settings.mappings).by_name:
            raise Refused("mapping-unknown", f"There is no mapping {name!r}.", "`coupled status` lists them.")
        found = await store.views.couplings(name, limit=limit, search=search)
        return [
            {
                "bc_id": row.coupling.bc.id,
                "sales_id": row.coupling.sales.id,
                "references": dict(row.coupling.bc.references),
                "updated": row.updated_at.isoformat(),
            }
            for row in found
        ]

    found = _read(config, read)
    if json:
        return _json(found)
    shown = [
        {**row, "references": " ".join(row["references"].values()), "updated": _short(row["updated"])} for row in found
    ]
    _print(shown, ("references", "bc_id", "sales_id", "updated"), f"Couplings of {name}")
    return None


def mappings_show(name: str) -> None:
    from schemas import mapping_file

    if name != mapping_file.STANDARD:
        raise Refused("mappings-unknown", f"There is no packaged mappings file {name!r}.", "There is one: standard.")
    typer.echo(mapping_file.standard_text(), nl=False)


def mappings_check(file: str, config: Path | None, json: bool) -> None:
    from daemon.cli.client import settings_of

    mappings = load_mappings(file or settings_of(config).mappings)
    found = [{"name": m.name, "direction": m.direction.value, "fields": len(m.fields)} for m in mappings.all]
    if json:
        return _json({"source": mappings.source, "mappings": found})
    _print(found, ("name", "direction", "fields"), f"{mappings.source}: correct")
    return None


def _read(config: Path | None, read: Callable[[Store, Settings], Awaitable[T]]) -> T:
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


def _failure(row: Failure) -> dict[str, Any]:
    return {
        "mapping": row.mapping,
        "direction": row.direction.value,
        "outcome": row.outcome.value,
        "state": row.state,
        "bc_id": row.bc_id,
        "sales_id": row.sales_id,
        **row.problem.as_dict(),
        "attempts": row.attempts,
        "last_at": row.last_at.isoformat(),
    }


def _failures(found: Sequence[Mapping[str, Any]]) -> None:
    for row in found:
        place = f"{row['mapping']} {ARROWS[row['direction']]}  {row['bc_id'] or row['sales_id']}"
        typer.echo(f"{place}  {row['code']}  ({row['state']})")
        typer.echo(f"    {row['message']}")
        if row["hint"]:
            typer.echo(f"    → {row['hint']}")
    if not found:
        typer.echo("No failed records.")


def _print(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in columns:
        numeric = bool(rows) and isinstance(rows[0].get(name), int) and not isinstance(rows[0].get(name), bool)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in columns))
    Console(highlight=False).print(table)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _short(moment: str | None) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _json(found: Any) -> None:
    typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
