"""What the store asks its database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from daemon.store.engine import Store

Asked = list[tuple[str, Any]]


@contextmanager
def asked(store: Store) -> Iterator[Asked]:
    """Everything that is asked inside, with its parameters."""
    found: Asked = []

    def note(_c: Any, _u: Any, statement: str, parameters: Any, _x: Any, many: bool) -> None:
        found.extend((statement, one) for one in (parameters if many else [parameters]))

    engine = store.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)
