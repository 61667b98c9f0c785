"""Commands that keep running: the daemon, the simulators, the demo."""

import asyncio
import signal
from typing import Annotated

import typer

from daemon.cli.options import ConfigOption, load_mappings

Customers = Annotated[int, typer.Option("--customers", min=1, help="Size of the seeded data set, in customers.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same data.")]


def run(config: ConfigOption = None) -> None:
    """Run the daemon in the foreground, until SIGTERM or Ctrl-C: it drains and exits 0."""
    from daemon import logs
    from daemon.cli.client import settings_of

    settings = settings_of(config)
    mappings = load_mappings(settings.mappings)
    logs.configure(settings.logs.format, settings.logs.level)

    async def main() -> None:
        from daemon.serve import serve

        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        await serve(settings, mappings, stop)

    asyncio.run(main())


def sandbox(
    bc_port: Annotated[int, typer.Option(help="Port of the Business Central simulator; 0: any free one.")] = 0,
    sales_port: Annotated[int, typer.Option(help="Port of the Sales (Dataverse) simulator; 0: any free one.")] = 0,
    customers: Customers = 100,
    seed: Seed = 1,
) -> None:
    """Run simulators of both sides on loopback ports, with a seeded data set, until Ctrl-C."""
    from daemon.broker import free_port
    from daemon.sandbox.serve import Places, configuration, serve

    places = Places(bc_port or free_port(), sales_port or free_port(), customers, seed)
    typer.echo(configuration(places, web_port=8086))
    asyncio.run(serve(places))


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the show; exit 1 if anything was wrong.")] = False,
    customers: Customers = 100,
    seed: Seed = 1,
    port: Annotated[int, typer.Option(help="Port of the console; 0: any free one.")] = 8086,
) -> None:
    """Show everything on this machine: two simulated systems, a full synchronisation, live changes both ways."""
    from daemon.demo import demo as show

    raise typer.Exit(show(once=once, customers=customers, seed=seed, port=port))
