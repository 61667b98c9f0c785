"""How Alembic reaches the database: on the connection, and in the transaction, that `daemon.store.migrate` holds."""

from alembic import context

from daemon.store import (  # noqa: F401 - they declare the tables
    tables,
    tables_of_alerts,
    tables_of_history,
    tables_of_surveys,
    tables_of_webhooks,
)
from daemon.store.columns import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
