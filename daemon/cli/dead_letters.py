"""`coupled dead-letters`: the messages nobody could read are listed, and put back where they came from."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from daemon.cli.completion import complete_topic
from daemon.cli.desk import Row, desk_of
from daemon.cli.options import ConfigOption, JsonOption
from daemon.cli.output import print_json, print_table, say
from schemas.errors import Exit, Refused

app = typer.Typer(no_args_is_help=True, help="List the messages nobody could read, or put them back on their topics.")
TopicOption = Annotated[
    str,
    typer.Option(
        "--topic", help="Only those of this topic, with or without its prefix.", autocompletion=complete_topic
    ),
]
_COLUMNS = ("letter", "at", "from", "reason", "value")


@app.command("list")
def listed(
    topic: TopicOption = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most this many, the newest.")] = 100,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the messages nobody could read, newest first: where each came from, why, and how it begins.

    The daemon put each aside, byte for byte, and went on. `from` is topic, partition and offset of the original.
    Control characters are escaped, and what looks like a secret is hidden. Exit 0 whether or not there are any.
    """
    found = desk_of(config).letters(topic, limit)
    if json:
        return print_json(found)
    if not found:
        typer.echo("No dead letters.")
        return None
    print_table([_told(row) for row in found], _COLUMNS, "Dead letters, newest first")
    typer.echo("Once it can be read, after an upgrade say: coupled dead-letters replay LETTER…, or --all")
    return None


@app.command()
def replay(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[LETTER]...", help="Their numbers in `coupled dead-letters list`.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All there are, or all of --topic.")] = False,
    topic: TopicOption = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Put dead letters back where they came from, byte for byte, for the daemon to read again. Asks before it does.

    Do it once what made them unreadable is mended; what still cannot be read becomes a new dead letter. Nothing is
    removed: a letter stays, and may be put back again. That does no harm: an older version never overwrites a newer
    one. The header `dead-letter` says which letter a message is from. Exit 1 if any could not be put back.
    """
    if bool(numbers) == everything:
        raise typer.BadParameter("name letters by their numbers, or say --all")
    if topic and not everything:
        raise typer.BadParameter("--topic needs --all")
    desk, wanted = desk_of(config), set(numbers or ())
    there = {row["letter"]: row["topic"] for row in reversed(desk.letters(topic))}
    chosen = {number: came_from for number, came_from in there.items() if everything or number in wanted}
    if missing := sorted(wanted - chosen.keys()):
        raise Refused(
            "dead-letter-unknown",
            f"There is no dead letter {', '.join(map(str, missing))}.",
            "`coupled dead-letters list` tells their numbers; Kafka forgets them by the topic's retention.",
        )
    if chosen and not yes:
        _confirm(chosen)
    _finish(desk.put_back(chosen.keys()) if chosen else {"replayed": [], "left": []}, json)


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """In words, for the table."""
    at = datetime.fromisoformat(row["at"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    place = (row["topic"] or "unknown", row["partition"], row["offset"])
    begins = "no value" if row["value"] is None else row["value"] or "empty"
    about = [f"{row['bytes']:,} bytes"] if row["bytes"] else []
    about += [f"key {row['key']}"] if row["key"] else []
    about += [] if row["whole"] else ["kept in part"]
    return {
        "letter": row["letter"],
        "at": at,
        "from": "-".join(str(part) for part in place if part is not None),
        "reason": row["reason"],
        "value": f"{begins} ({', '.join(about)})" if about else begins,
    }


def _confirm(chosen: Mapping[int, str]) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to confirm on: say --yes")
    for topic, count in Counter(chosen.values()).items():
        say(f"{_messages(count)} to {topic or 'an unknown topic'}", err=True)
    if not typer.confirm(f"Put {_messages(len(chosen))} back?", default=False, err=True):
        raise typer.Exit(Exit.USAGE)


def _finish(done: Row, json: bool) -> None:
    left = {one["letter"]: one["reason"] for one in done["left"]}
    if json:
        print_json(done)
    else:
        _say(Counter(one["topic"] for one in done["replayed"]), left)
    raise typer.Exit(Exit.FAILED_RECORDS if left else Exit.DONE)


def _say(moved: Mapping[str, int], left: Mapping[int, str]) -> None:
    for topic, count in moved.items():
        say(f"{_messages(count)} put back on {topic}.")
    for number, why in left.items():
        say(f"Letter {number} was not put back: {why}.", err=True)
    if moved:
        typer.echo("The letters stay. What still cannot be read is a new one: coupled dead-letters list")
    elif not left:
        typer.echo("No dead letters.")


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"
