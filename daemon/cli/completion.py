"""Tab completion: what may stand where the cursor is. It never fails and never waits long: without an answer the shell
offers nothing."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from schemas.job import RunState

if TYPE_CHECKING:
    from daemon.store.engine import Store
    from schemas.job import Run
    from schemas.mapping import Mappings

_PATIENCE = 2.0
_NEWEST = 20
# What is offered, and what the shell says of it.
Offer = tuple[str, str]


def complete_mapping(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of the configured mappings, or of the standard ones."""
    return _beginning(map(_AnyCase, _mappings(ctx).by_name), incomplete)


def complete_topic(ctx: typer.Context, incomplete: str) -> list[str]:
    """The topics that the daemon reads, without their prefix."""
    followed = _mappings(ctx).followed()
    return _beginning(["control", *(f"{side.value}.{table}" for side, table in followed)], incomplete)


def complete_run(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """The newest runs."""
    return _offered(ctx, lambda store: store.jobs.runs(limit=_NEWEST), incomplete)


def complete_answerable(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """The runs for which an answer is due."""
    return _offered(ctx, lambda store: store.jobs.runs(_NEWEST, [RunState.AWAITING_ANSWER]), incomplete)


def complete_job(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """The newest jobs."""

    async def read(store: Store) -> list[Offer]:
        jobs = await store.views.recent_jobs(_NEWEST)
        return [(str(job.id), f"{job.mapping} {job.direction.value} {job.state.value}") for job in jobs]

    return [offer for offer in _ask(ctx, read, []) if offer[0].startswith(incomplete)]


def complete_code(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """The codes that open failures have."""

    async def read(store: Store) -> list[Offer]:
        found = Counter[str]()
        for count in await store.views.failure_counts():
            found[count.code] += count.open
        return [(code, f"{number:,} failed") for code, number in sorted(found.items()) if number]

    return [offer for offer in _ask(ctx, read, []) if offer[0].startswith(incomplete)]


def complete_cause(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """The causes of the most open failures."""

    async def read(store: Store) -> list[Offer]:
        causes = await store.views.causes(limit=_NEWEST)
        return [(one.id, f"{one.count:,} {one.mapping} {one.problem.code}") for one in causes]

    return [offer for offer in _ask(ctx, read, []) if offer[0].startswith(incomplete)]


def _offered(ctx: typer.Context, read: Callable[[Store], Awaitable[list[Run]]], incomplete: str) -> list[Offer]:
    found: list[Run] = _ask(ctx, read, [])
    return [_run(one) for one in found if one.id.startswith(incomplete)]


def _run(run: Run) -> Offer:
    return run.id, f"{run.kind.value} {run.state.value}"


class _AnyCase(str):
    """A name that small letters begin too. Typer looks through what it is given once more, by the same method."""

    __slots__ = ()

    def startswith(self, prefix: str | tuple[str, ...], *within: Any) -> bool:
        begins = (prefix,) if isinstance(prefix, str) else prefix
        return self.casefold().startswith(tuple(one.casefold() for one in begins), *within)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _ask(ctx: typer.Context, read: Callable[[Store], Awaitable[Any]], without: Any) -> Any:
    """What the configured store says; `without` if it cannot be asked now."""
    from daemon.store.engine import open_readonly

    async def main() -> Any:
        async with asyncio.timeout(_PATIENCE):
            async with await open_readonly(_store_url(ctx)) as store:
                return await read(store)

    try:
        return asyncio.run(main())
    except Exception:  # whatever it is: a traceback in the middle of somebody's line helps nobody
        return without


def _mappings(ctx: typer.Context) -> Mappings:
    from daemon.cli.options import load_mappings

    source = str(_written(ctx).get("mappings") or "standard")
    try:
        return load_mappings(source if source == "standard" else str(_beside(ctx, source)))
    except Exception:
        return load_mappings("standard")


def _written(ctx: typer.Context) -> Mapping[str, Any]:
    """The settings as they stand in the file and in `COUPLED_…`, not validated: the variables of the daemon's secrets
    are not set in the shell where somebody types."""
    from daemon.config import written

    try:
        return written(_file(ctx), os.environ)
    except Exception:
        return {}


def _file(ctx: typer.Context) -> Path:
    from daemon.cli.options import DEFAULT_CONFIG

    return Path(ctx.params.get("config") or DEFAULT_CONFIG)


def _beside(ctx: typer.Context, name: str) -> Path:
    return _file(ctx).absolute().parent / Path(name).expanduser()


def _store_url(ctx: typer.Context) -> str:
    from daemon import settings

    given, here = _written(ctx).get("store", {}), {"folder": _file(ctx).absolute().parent}
    return settings.Store.model_validate(given, context=here).address().get_secret_value()
