"""The error of a side that cannot be used."""

import httpx

from schemas.errors import ApiError, Unreachable
from schemas.side import Side


def away(side: Side, client: httpx.AsyncClient, error: ApiError) -> Unreachable:
    """The error of a side that does not answer, or does not let us in."""
    return Unreachable(
        f"{side.value}-unreachable",
        f"{side.label} at {client.base_url} does not let us in: {error.problem.message}",
        "Check its url and auth in coupled.yaml, and that the service is up.",
    )
