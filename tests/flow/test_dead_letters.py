"""Messages nobody could read: listed with where they came from and why, and put back once they can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from consumers import synchronise
from schemas.change import Change, decode
from tests.support.brokers import Brokers
from tests.support.processes import coupled
from tests.support.waiting import wait_until
from tests.support.world import World

DESK = "Desk 🏭"


def _earlier(value: bytes | None) -> list[Change]:
    """The reader of an earlier version that had a mistake: it choked on characters of more than 16 bits."""
    if any(ord(one) > 0xFFFF for one in (value or b"").decode("utf-8", "replace")):
        raise ValueError("the message is not JSON: unexpected character")
    return decode(value)


def test_what_an_earlier_version_could_not_read_arrives_when_it_is_put_back_after_the_upgrade(
    brokers: Brokers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with World(tmp_path, brokers.bootstrap("embedded"), customers=4) as world:
        with monkeypatch.context() as earlier:
            earlier.setattr(synchronise, "decode", _earlier)
            with world.daemon():
                assert world.full_sync()["state"] == "done"
                bc, sales, row = world.pair(1, "items", "products")
                world.sales.edit(sales, name=DESK)
                offset = _no_command(world)
                command, change = wait_until(lambda: _letters(world, 2), 30, "the dead letters")
        assert (change["topic"], change["key"]) == (f"{world.prefix}.sales.products", row["id"])
        assert change["reason"] == "the message is not JSON: unexpected character"
        assert change["value"].startswith('{"op":"u"')
        assert (command["topic"], command["partition"], command["offset"]) == (f"{world.prefix}.control", 0, offset)
        assert command["reason"].startswith("The command is not JSON")
        assert command["value"] == "\\x1b[31mmake coffee"

        with world.daemon():
            world.quiet()
            assert _walked(world) == sorted((change["letter"], command["letter"]), reverse=True)
            assert world.bc.get(bc)["displayName"] == row["displayName"] != DESK
            assert coupled(world, "dead-letters", "replay", "--all").returncode == 2  # asked nobody, did nothing
            done = world.cli("dead-letters", "replay", "--all", "--topic", "sales.products", "--yes")
            assert [one["letter"] for one in done["replayed"]] == [change["letter"]]
            assert {one["partition"] for one in done["replayed"]} == {change["partition"]}
            world.shows(world.bc, bc, displayName=DESK)
            world.quiet()
            assert world.differences() == []
            _again(world, change, command)


def _no_command(world: World) -> int:
    """The offset of a command that is none, once it is refused."""
    with world.commands() as commands:
        offset = commands.send(b"\x1b[31mmake coffee")
        assert commands.end(f"{world.prefix}.control-0-{offset}")["state"] == "refused"
    return offset


def _walked(world: World) -> list[int]:
    """The numbers of all letters, as the API tells them one by one."""
    note = world.note()
    assert note
    numbers, following = list[int](), "/api/dead-letters?limit=1"
    while following:
        page = httpx.get(note["web"] + following, timeout=30).raise_for_status().json()
        numbers += [one["letter"] for one in page["items"]]
        following = page["next"]
    return numbers


def _letters(world: World, count: int) -> list[dict[str, Any]] | None:
    """In the order of their topics, if there are so many."""
    found = world.cli("dead-letters", "list")
    return sorted(found, key=lambda one: (one["topic"], one["letter"])) if len(found) >= count else None


def _again(world: World, change: dict[str, Any], command: dict[str, Any]) -> None:
    """Nothing is removed, what was read is not done again, and what still cannot be read is one more letter."""
    mark = world.bc.mark()
    done = world.cli("dead-letters", "replay", str(change["letter"]), str(command["letter"]), "--yes")
    [again] = [one["offset"] for one in done["replayed"] if one["letter"] == command["letter"]]
    assert len(done["replayed"]) == 2
    letters = wait_until(lambda: _letters(world, 3), 30, "the third letter")
    assert (letters[0], letters[2]) == (command, change)
    assert (letters[1]["value"], letters[1]["offset"]) == (command["value"], again)
    world.quiet()
    assert world.bc.writes(mark) == []
