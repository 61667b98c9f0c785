"""What the gauges say while the store is away: what the worker knows by itself goes on being told."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from daemon.health import Health
from daemon.metrics import Metrics
from daemon.web_server import _refresh
from schemas.errors import Unreachable
from schemas.side import Side


async def test_ages_go_on_growing_while_the_store_is_away() -> None:
    """Else capture that stands still for want of the store raises no alarm."""
    metrics, health, asked = Metrics(), Health(), asyncio.Event()
    health.read((Side.BC, "customers"))

    async def away() -> None:
        asked.set()
        raise Unreachable("store-unreachable", "The store is away.", "Start it.")

    daemon = SimpleNamespace(
        parts=SimpleNamespace(log_ids={}, store=SimpleNamespace(views=SimpleNamespace(positions=away))),
        streams=SimpleNamespace(is_leader=lambda: True),
        health=health,
        subscriptions=dict,
    )
    task = asyncio.create_task(_refresh(metrics, SimpleNamespace(figures=None), daemon))
    await asyncio.wait_for(asked.wait(), 5)
    task.cancel()
    text = metrics.render().decode()
    assert 'coupled_capture_position_age_seconds{side="bc",table="customers"}' in text
    assert "coupled_leader 1.0" in text
    assert "coupled_ready 0.0" in text, "it is still starting"
