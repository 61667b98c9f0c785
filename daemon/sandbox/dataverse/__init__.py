"""A simulator of the Dataverse Web API v9.2, as strict as the service (wire-protocols Part B, D4)."""

from daemon.sandbox.dataverse.app import create_app
from daemon.sandbox.dataverse.settings import DataverseSettings

__all__ = ["DataverseSettings", "create_app"]
