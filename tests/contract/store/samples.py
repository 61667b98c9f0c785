"""A store of every schema there ever was, with a row of the kind the daemon wrote in every table."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, insert, select
from sqlalchemy.ext.asyncio import create_async_engine

from daemon.store.engine import async_url
from daemon.store.migrate import config

AT = datetime(2026, 2, 1, 8, 30, tzinfo=UTC)
COUNTERS = ("inserted", "modified", "deleted", "unchanged", "skipped", "failed", "conflict", "coupled", "uncoupled")
Values = dict[str, Any]
Rows = dict[str, Values]


def _first(n: int) -> Rows:
    """What the first schema holds. `n` tells one row of a table from another."""
    problem = {"code": "http-400", "message": "The name is too long.", "hint": "Shorten it."}
    return {
        "couplings": {
            "id": n,
            "mapping": "CUSTOMER",
            "bc_id": f"b{n}",
            "sales_id": f"s{n}",
            "bc_version": 'W/"b1"',
            "sales_version": 'W/"77"',
            "bc_sequence": 1_700_000_000_123,
            "sales_sequence": 2**40,
            "bc_base": {"displayName": "Æther Ltd", "creditLimit": 12.5},
            "sales_base": {"name": "Æther Ltd", "creditlimit": 12.5, "fax": None},
            "created_at": AT,
            "updated_at": AT,
        },
        "coupling_references": {
            "coupling_id": n,
            "side": "bc",
            "name": "number",
            "mapping": "CUSTOMER",
            "value": f"C{n}",
        },
        "runs": {
            "id": f"run-{n}",
            "kind": "full-sync",
            "state": "awaiting_answer",
            "mappings": ["CUSTOMER"],
            "cleared": ["CUSTOMER"],
            "answer": "keep",
            "requested_by": "ann",
            "created": AT,
            "started": AT,
            "finished": None,
            "error": problem,
        },
        "jobs": {
            "id": n,
            "run": f"run-{n}",
            "ordinal": 0,
            "mapping": "CUSTOMER",
            "direction": "to_sales",
            "state": "running",
            "started": AT,
            "finished": None,
            "published": 5,
            "total": 9,
            "swept": True,
            "message": "half way",
            **dict.fromkeys(COUNTERS, 0),
            "ignored": 2,
            "modified": 3,
        },
        "failures": {
            "id": n,
            "mapping": "CUSTOMER",
            "direction": "to_sales",
            "source_key": f"f{n}",
            "bc_id": f"f{n}",
            "sales_id": None,
            "outcome": "failed",
            **problem,
            "attempts": 1,
            "job_id": n,
            "transient": True,
            "waits_for": None,
            "woken": False,
            "skipped_at": None,
            "first_at": AT,
            "last_at": AT,
            "resolved_at": None,
        },
        "positions": {
            "name": f"live:bc:table{n}",
            "published": {"modified": "2026-02-01T08:00:00Z"},
            "applied": {"modified": "2026-01-31T08:00:00Z"},
            "log_id": "log-1",
            "published_at": AT,
            "applied_at": AT,
        },
        "pages": {
            "position": f"live:bc:table{n}",
            "seq": 1,
            "value": {"modified": "2026-02-01T08:00:00Z"},
            "topic": f"topic-{n}",
            "offsets": {"0": 41},
            "count": 7,
        },
        "progress": {"topic": f"topic-{n}", "partition": 0, "log_id": "log-1", "last_offset": 40},
        "mapping_state": {"name": f"MAPPING-{n}", "only_coupled": False, "paused_at": AT, "missed": True},
        "commands": {
            "number": n,
            "id": f"command-{n}",
            "command": {"id": f"command-{n}", "command": "sync"},
            "state": "accepted",
            "error": problem,
            "result": {"records": 3},
            "received_at": AT,
            "finished_at": None,
            "announced": True,
        },
        "intents": {
            "mapping": "CUSTOMER",
            "sales_id": f"i{n}",
            "fields": {"displayName": "To be created"},
            "created_at": AT,
        },
        "sequences": {"name": f"numbers-{n}", "last": 17},
    }


def _second(n: int) -> Rows:
    return {
        "runs": {"options": {"dry_run": True}},
        "jobs": {"read": 11, "found": {"coupled": 4}},
        "mapping_state": {
            "definition": {"name": f"MAPPING-{n}"},
            "owed": {"full-sync to_sales": {"since": "2026-02-01T08:30:00+00:00", "because": ["filter"]}},
        },
        "failures": {"cause": "CUSTOMER|http-400"},
        "findings": {
            "id": n,
            "job_id": n,
            "mapping": "CUSTOMER",
            "kind": "coupled",
            "direction": "to_sales",
            "bc_id": f"b{n}",
            "sales_id": f"s{n}",
            "label": "Æther Ltd",
            "detail": {"fields": ["name"]},
        },
        "survey_records": {"job_id": n, "side": "bc", "record_id": f"b{n}", "row": {"id": f"b{n}", "city": "Graz"}},
        "owed_references": {
            "mapping": "CUSTOMER",
            "direction": "to_sales",
            "source_key": f"b{n}",
            "waits_for": f"SALESPEOPLE|bc|code|P{n}",
            "due_at": None,
        },
        "webhook_subscriptions": {
            "entity_set": f"table{n}",
            "url": "https://coupled.example/webhooks/bc",
            "secret": "a made-up word",
            "subscription": f"subscription-{n}",
        },
        "webhook_notices": {"entity_set": f"table{n}", "told": "changed", "record_id": f"b{n}", "number": 3},
    }


def _eighth(n: int) -> Rows:
    told = {"summary": "3 records cannot be carried", "advice": "coupled errors", "told_at": AT}
    return {"notified": {"channel": "email", "kind": "CoupledFailuresGrowing", "about": f"M{n}", **told}}


def _eleventh(n: int) -> Rows:
    pair = {"mapping": "CUSTOMER", "bc_id": f"b{n}", "side": "sales", "version": 'W/"6"', "created_at": AT}
    late = {"sent": {"address1_city": "Linz"}, "cause": {"city": "Linz"}, "sequence": 6, "under": 'W/"77"'}
    return {"changes_begun": {"under": 'W/"77"'}, "changes_late": pair | late}


def _fourteenth(n: int) -> Rows:
    carried = {
        "mapping": "CUSTOMER",
        "direction": "to_sales",
        "outcome": "modified",
        "bc_id": f"b{n}",
        "sales_id": f"s{n}",
    }
    what = {"at": AT, "wrote": ["address1_city"], "overruled": {"address1_city": "Linz"}, "job_id": None}
    return {"history": {"id": n} | carried | what}


# What each later revision has added, by table. Revisions are never edited, so neither are these.
ADDED = {
    "0001": _first,
    "0002": _second,
    "0003": lambda n: {"owed_references": {"left_out": n == 1}},
    "0004": lambda n: {"failures": {"deleted": n == 1}},
    "0005": lambda n: {"failures": {"version": 'W/"9"'}},
    "0006": lambda n: {"intents": {"lost_at": AT}},
    "0007": lambda n: {"failures": {"again_at": AT}},
    "0008": _eighth,
    "0009": lambda n: {},
    "0010": lambda n: {
        "intents": {"bc_id": f"b{n}"},
        "changes_begun": {
            "mapping": "CUSTOMER",
            "bc_id": f"b{n}",
            "side": "sales",
            "created_at": AT,
            "sent": {"address1_city": "Graz"},
            "cause": {"city": "Graz"},
            "version": 'W/"7"',
            "sequence": 7,
        },
    },
    "0011": _eleventh,
    "0012": lambda n: {"unreadable": {"topic": f"topic-{n}", "partition": 0, "offset": 2**40, "at": AT}},
    "0013": lambda n: {"changes_begun": {"lost_at": AT}},
    "0014": _fourteenth,
    "0015": lambda n: {
        "sides": {
            "side": ("bc", "sales")[n - 1],
            "up": n == 1,
            "detail": "It hangs.",
            "checked_at": None,
            "told_at": AT,
        }
    },
    "0016": lambda n: {"failures": {"sequence": 2**40 + n}},
    "0017": lambda n: {"history": {"job_id": n}},
    "0018": lambda n: {
        "ended_records": {
            "id": n,
            "at": AT,
            "mapping": "CUSTOMER",
            "direction": "to_sales",
            "outcome": "unchanged",
            "job_id": n,
            "number": 2,
            "keys": [f"b{n}", f"c{n}"],
        },
        "plain_findings": {
            "id": n,
            "job_id": n,
            "mapping": "CUSTOMER",
            "kind": "equal",
            "direction": "both",
            "number": 1,
            "records": [[f"b{n}", f"s{n}", "Adatum"]],
        },
        "ended_counts": {
            "minute": n,
            "mapping": "CUSTOMER",
            "direction": "to_sales",
            "outcome": "unchanged",
            "partition": 0,
            "number": 2,
        },
    },
    "0019": lambda n: {"looks": {"id": n, "at": AT, "alerts": [{"alert": "CoupledSlow", "about": "changes"}]}},
}


def revisions() -> list[str]:
    """Every one there is, oldest first, as Alembic finds them."""
    folder = ScriptDirectory.from_config(config(None))  # type: ignore[arg-type] — no connection is asked
    return [one.revision for one in reversed(list(folder.walk_revisions()))]


def rows_of(revision: str, n: int) -> Rows:
    """A row of each table of that schema."""
    assert revision in ADDED, f"samples.py has no data for revision {revision}: say what the daemon writes there"
    made: Rows = {}
    for number, added in ADDED.items():
        if number <= revision:
            for table, values in added(n).items():
                made.setdefault(table, {}).update(deepcopy(values))
    return made


class OldStore:
    """A store of an older schema, used as the daemon of its time used it: by the tables and columns it knew."""

    def __init__(self, url: str, revision: str) -> None:
        self._engine = create_async_engine(async_url(url))
        self.revision = revision
        self.tables: Mapping[str, Table] = {}

    async def make(self) -> None:
        async with self._engine.begin() as connection:
            await connection.run_sync(self._make)

    def _make(self, connection: Connection) -> None:
        command.upgrade(config(connection), self.revision)
        found = MetaData()
        found.reflect(connection)
        self.tables = {name: table for name, table in found.tables.items() if name != "alembic_version"}

    def order(self) -> list[str]:
        """The tables, those that others point to first."""
        every = next(iter(self.tables.values())).metadata.sorted_tables
        return [table.name for table in every if table.name in self.tables]

    async def write(self, rows: Rows) -> None:
        async with self._engine.begin() as connection:
            for name in self.order():
                await connection.execute(insert(self.tables[name]).values(rows[name]))

    async def change(self, n: int) -> None:
        """What had been written as number `n` is written again, with every value set."""
        async with self._engine.begin() as connection:
            for name in self.order():
                table, values = self.tables[name], rows_of(self.revision, n)[name]
                keys = [column == values[column.name] for column in table.primary_key.columns]
                assert (await connection.execute(table.update().where(*keys).values(values))).rowcount == 1, name

    async def read(self) -> dict[str, list[tuple[Any, ...]]]:
        """All it knows of, by table."""
        wanted = {name: select(table).order_by(*table.primary_key.columns) for name, table in self.tables.items()}
        async with self._engine.connect() as connection:
            return {name: [tuple(row) for row in await connection.execute(query)] for name, query in wanted.items()}

    async def close(self) -> None:
        await self._engine.dispose()
