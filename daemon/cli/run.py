"""Commands that keep running: the daemon, the simulators, the demo."""

import asyncio
import faulthandler
from typing import Annotated, Literal

import typer

from daemon.cli.options import ConfigOption, read_mappings

Customers = Annotated[int, typer.Option("--customers", min=1, help="Size of the seeded data set, in customers.")]
Which = Literal["bc", "sales"]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same data.")]


def run(config: ConfigOption = None) -> None:
    """Run the daemon in the foreground, until SIGTERM or Ctrl-C: it drains and exits 0. A second one ends it at once.

    Draining takes 20 seconds at most, and what a second signal cuts short is delivered again: nothing is lost. The exit
    code is then 143 (SIGTERM) or 130 (Ctrl-C).
    """
    from daemon import logs, signals
    from daemon.cli.client import settings_of

    settings = settings_of(config)
    mappings = read_mappings(settings.mappings)
    logs.configure(settings.logs.format, settings.logs.level)
    faulthandler.enable()  # a watchdog's SIGABRT tells where it hung

    async def main() -> None:
        from daemon.serve import serve

        stop = asyncio.Event()
        signals.heed(stop)
        await serve(settings, mappings, stop)

    asyncio.run(main())


def sandbox(
    side: Annotated[Which | None, typer.Argument(help="bc or sales: that side alone; without: both.")] = None,
    port: Annotated[int, typer.Option(help="Port of the one side; 0: any free one.")] = 0,
    records: Annotated[
        int, typer.Option(min=1, help="Customers and items, or accounts and products, of the one side; contacts too.")
    ] = 1000,
    bc_port: Annotated[int, typer.Option(help="Port of the Business Central simulator; 0: any free one.")] = 0,
    sales_port: Annotated[int, typer.Option(help="Port of the Sales (Dataverse) simulator; 0: any free one.")] = 0,
    customers: Customers = 100,
    seed: Seed = 1,
    latency: Annotated[float, typer.Option(min=0, help="Seconds that every request takes.")] = 0,
) -> None:
    """Run simulators of both sides, or of one, on loopback ports, with a seeded data set, until Ctrl-C."""
    from daemon.broker import free_port
    from daemon.sandbox.serve import Places, configuration, serve

    if side is not None:
        _alone(side, port or free_port(), records, seed, latency)
        return
    places = Places(bc_port or free_port(), sales_port or free_port(), customers, seed)
    typer.echo(configuration(places, web_port=8086))
    asyncio.run(serve(places, latency))


def _alone(side: Which, port: int, records: int, seed: int, latency: float) -> None:
    from daemon.sandbox import alone

    made = alone.app(side, records, seed, latency)
    typer.echo(alone.notice(side, port))
    asyncio.run(alone.serve(made, port))


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the show; exit 1 if anything was wrong.")] = False,
    customers: Customers = 100,
    seed: Seed = 1,
    port: Annotated[int, typer.Option(help="Port of the console; 0: any free one.")] = 8086,
) -> None:
    """Show everything on this machine: two simulated systems, a full synchronisation, live changes both ways."""
    from daemon.demo import demo as show

    raise typer.Exit(show(once=once, customers=customers, seed=seed, port=port))
