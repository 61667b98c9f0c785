"""`coupled notify`: who is told of what, and whether it arrives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.options import ConfigOption, JsonOption
from daemon.cli.output import print_json, read_store, say
from schemas.errors import ConfigurationError, Exit

if TYPE_CHECKING:
    from daemon.settings import Settings
    from daemon.store.engine import Store


def notify(
    test: Annotated[bool, typer.Option("--test", help="Send a test message on every channel.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List what each channel of `notify` was told of and is not over yet; with `--test`, send a message on each.

    Exit 3 if a message did not go.
    """
    from daemon.cli.client import settings_of

    settings = settings_of(config)
    if not settings.notify.on:
        raise ConfigurationError(
            "notify-off", "Nobody is notified: coupled.yaml has no notify.", "docs/notifications.md says how."
        )
    found = asyncio.run(_tested(settings)) if test else read_store(config, _told)
    if json:
        print_json(found)
    else:
        for one in found:
            say(_line(one))
    failed = [one for one in found if one.get("error")]
    raise typer.Exit(Exit.UNREACHABLE if failed else Exit.DONE)


async def _tested(settings: Settings) -> list[dict[str, Any]]:
    from daemon.alerts.channels import Undelivered, channels_of
    from schemas.alerts import News

    found = []
    for name, channel in channels_of(settings).items():
        try:
            await channel.send(News())
        except Undelivered as error:
            found.append({"channel": name, "error": str(error)})
        else:
            found.append({"channel": name, "error": ""})
    return found


async def _told(store: Store, settings: Settings) -> list[dict[str, Any]]:
    from daemon.alerts.channels import channels_of
    from schemas import alert_words

    known = await store.notified.all()
    return [
        {"channel": name, "told": [alert_words.as_dict(cause) for cause in known.get(name, [])]}
        for name in channels_of(settings)
    ]


def _line(one: dict[str, Any]) -> str:
    if "error" in one:
        return f"{one['channel']}: {'not sent: ' + one['error'] if one['error'] else 'sent'}"
    told = [f"\n  [{cause['severity']}] {cause['summary']}: {cause['advice']}" for cause in one["told"]]
    return f"{one['channel']}: {''.join(told) or 'nothing to tell'}"
