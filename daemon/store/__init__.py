"""The store: couplings, jobs, failures, positions, mapping state and the command log, in SQLite or PostgreSQL."""
