"""What of a worker is not ready, in words for people."""

import re
from collections.abc import Sequence

from schemas.side import Side

# As capture of a table is named, see `daemon.health`.
_LIVE = re.compile(rf"live:(?P<side>{'|'.join(side.value for side in Side)}):(?P<table>[^:]+): (?P<why>.*)", re.DOTALL)


def by_side(unready: Sequence[str]) -> list[tuple[str, str]]:
    """What cannot be done now, each with why: all tables of a side that are not read for the same reason are one."""
    tables: dict[tuple[str, str], list[str]] = {}
    others = []
    for reason in unready:
        live = _LIVE.fullmatch(reason)
        if live:
            tables.setdefault((live["side"], live["why"]), []).append(live["table"])
        else:
            others.append(("Not ready", reason))
    return [
        (f"{Side(side).label} is not read", f"{why} ({', '.join(names) if len(names) < 4 else f'{len(names)} tables'})")
        for (side, why), names in tables.items()
    ] + others
