"""Free loopback ports for the servers that tests start."""

from daemon.broker import free_port

__all__ = ["free_port"]
