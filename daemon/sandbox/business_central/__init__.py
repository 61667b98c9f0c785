"""A simulated Business Central environment that speaks API v2.0 (wire-protocols A1–A3, A5, A6, D1, D2)."""

from daemon.sandbox.business_central.app import create_app
from daemon.sandbox.business_central.settings import BcSettings

__all__ = ["BcSettings", "create_app"]
