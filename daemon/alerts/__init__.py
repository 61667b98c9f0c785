"""Notifications by webhook and mail: what the leader sees, what of it is told, and how it gets there."""
