"""`coupled dead-letters`: the messages nobody could read are listed, and put back where they came from."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import client
from daemon.cli.completion import complete_topic
from daemon.cli.options import ConfigOption, JsonOption
from daemon.cli.output import print_json, print_table
from schemas.dead_letter import DeadLetter, shown
from schemas.errors import Exit, Refused
from schemas.topics import Topics

if TYPE_CHECKING:  # slow to import, and `--help` does not need it
    from daemon.letters import Letters, PutBack

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
    letters, topics = _letters(config)
    found = [_row(one) for one in deque(_of(letters.read(), topic, topics), maxlen=limit)]
    found.reverse()
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
    letters, topics = _letters(config)
    wanted = set(numbers or ())
    chosen = {one.number: one.topic for one in _of(letters.read(), topic, topics) if everything or one.number in wanted}
    if missing := sorted(wanted - chosen.keys()):
        raise Refused(
            "dead-letter-unknown",
            f"There is no dead letter {', '.join(map(str, missing))}.",
            "`coupled dead-letters list` tells their numbers; Kafka forgets them by the topic's retention.",
        )
    if chosen and not yes:
        _confirm(chosen)
    done = letters.put_back(chosen.keys()) if chosen else []
    _finish(done, json)


def _letters(config: Path | None) -> tuple[Letters, Topics]:
    from daemon.letters import Letters

    settings = client.settings_of(config)
    topics = Topics(settings.kafka.topic_prefix)
    return Letters(settings.kafka, client.bootstrap_of(settings), topics), topics


def _of(letters: Iterator[DeadLetter], topic: str, topics: Topics) -> Iterator[DeadLetter]:
    return (one for one in letters if not topic or one.topic in (topic, f"{topics.prefix}.{topic}"))


def _row(one: DeadLetter) -> dict[str, Any]:
    from daemon.letter_rows import row_of

    return row_of(one)


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
        typer.echo(f"{_messages(count)} to {shown(topic) or 'an unknown topic'}", err=True)
    if not typer.confirm(f"Put {_messages(len(chosen))} back?", default=False, err=True):
        raise typer.Exit(Exit.USAGE)


def _finish(done: Sequence[PutBack], json: bool) -> None:
    moved = {one.letter.number: one.place for one in done if one.place}
    left = {one.letter.number: one.why for one in done if not one.place}
    if json:
        replayed = [{"letter": number, **asdict(place)} for number, place in moved.items()]
        print_json({"replayed": replayed, "left": [{"letter": number, "reason": why} for number, why in left.items()]})
    else:
        _say(Counter(place.topic for place in moved.values()), left)
    raise typer.Exit(Exit.FAILED_RECORDS if left else Exit.DONE)


def _say(moved: Mapping[str, int], left: Mapping[int, str]) -> None:
    for topic, count in moved.items():
        typer.echo(f"{_messages(count)} put back on {topic}.")
    for number, why in left.items():
        typer.echo(f"Letter {number} was not put back: {why}.", err=True)
    if moved:
        typer.echo("The letters stay. What still cannot be read is a new one: coupled dead-letters list")
    elif not left:
        typer.echo("No dead letters.")


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"
