"""The web on one port: console, JSON API, metrics and health (DESIGN 6)."""

from daemon.web.access import Access
from daemon.web.app import create_app
from daemon.web.ports import Services

__all__ = ["Access", "Services", "create_app"]
