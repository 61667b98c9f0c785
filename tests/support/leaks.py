"""Everything a daemon writes anywhere, gathered to be searched, and the search (promise 10)."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import httpx
import psycopg
from kafka import KafkaConsumer, TopicPartition

_LINK = re.compile(r'(?:href|src|action)="(/[^"#]*)"')
# The values of a query, a number, an id, and the names of a mapping: what pages of one template differ by.
_VARIES = re.compile(r"(?<==)[^&]+|[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/)(\d+|[A-Z-]+)(?=/|$|\?)")
_ALIKE = 3
_PARAMETER = re.compile(r"\{\w+\}")
_EMPTY_POLLS = 5


def forms(secret: str) -> list[bytes]:
    """How it may be written: as it is, in a URL, in the header of a basic sign-in."""
    return [secret.encode(), quote(secret, safe="").encode(), base64.b64encode(secret.encode()).rstrip(b"=")]


def leaks(secrets: Mapping[str, str], written: Iterable[tuple[str, bytes]]) -> list[str]:
    """Which secret stands where. Secrets are named, not quoted."""
    known = [(name, form) for name, secret in secrets.items() for form in forms(secret)]
    return sorted({f"{name} in {place}" for place, content in written for name, form in known if form in content})


def messages(bootstrap: str) -> list[tuple[str, bytes]]:
    """Every message of every topic: key, value and headers."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest", enable_auto_commit=False
    )
    parts = [TopicPartition(topic, one) for topic in consumer.topics() for one in consumer.partitions_for_topic(topic)]
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    found: list[tuple[str, bytes]] = []
    quiet = 0
    while quiet < _EMPTY_POLLS:
        polled = consumer.poll(timeout_ms=200)
        quiet = 0 if polled else quiet + 1
        for record in (record for records in polled.values() for record in records):
            headers = [value for _, value in record.headers or ()]
            content = b"\n".join([record.key or b"", record.value or b"", *headers])
            found.append((f"topic {record.topic}", content))
    consumer.close()
    return found


def tables(url: str) -> list[tuple[str, bytes]]:
    """Every value of every column of a PostgreSQL store, by `table.column`."""
    found: list[tuple[str, bytes]] = []
    with psycopg.connect(url) as connection:
        named = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in named.fetchall():
            rows = connection.execute(f'SELECT * FROM "{table}"')
            columns = [column.name for column in rows.description or ()]
            for row in rows.fetchall():
                found += [(f"{table}.{name}", str(value).encode()) for name, value in zip(columns, row, strict=True)]
    return found


def pages(client: httpx.Client, start: str) -> list[tuple[str, bytes]]:
    """Every page that links lead to from `start`, headers included; of those that differ by a number, an id or what is
    looked for, the first few."""
    found: dict[str, bytes] = {}
    alike: Counter[str] = Counter()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        shape = _VARIES.sub("", path)
        if path in found or alike[shape] == _ALIKE:
            continue
        alike[shape] += 1
        answer = client.get(path)
        found[path] = answer.content + repr(answer.headers.items()).encode()
        waiting += [link.replace("&amp;", "&") for link in _LINK.findall(answer.text)]
    return list(found.items())


def api(client: httpx.Client, parameter: str) -> list[tuple[str, bytes]]:
    """Every GET of the API as its own description lists them, each with `parameter` where it wants one."""
    described = client.get("/api/openapi.json").raise_for_status()
    paths = [path for path, verbs in described.json()["paths"].items() if "get" in verbs]
    filled = [_PARAMETER.sub(parameter, path) for path in paths]
    return [("/api/openapi.json", described.content), *((path, client.get(path).content) for path in filled)]
