"""How Alembic reaches the database: on the connection, and in the transaction, that `daemon.store.migrate` holds."""

from alembic import context

from daemon.store import tables, tables_of_alerts, tables_of_history  # noqa: F401 - they declare the tables
from daemon.store.columns import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
