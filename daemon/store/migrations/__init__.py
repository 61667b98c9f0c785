"""The schema's history. Alembic reads it from the installed package; the daemon runs it at start."""
