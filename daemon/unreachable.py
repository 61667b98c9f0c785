"""The error of a side that cannot be used."""

import httpx

from schemas.errors import ApiError, Unreachable
from schemas.side import Side


def away(side: Side, client: httpx.AsyncClient, error: ApiError) -> Unreachable:
    """The error of a side that does not answer, or does not let us in."""
    said = error.problem.message
    if error.status == 0 and error.problem.code == "no-answer":
        told = said if said.startswith(side.label) else f"{side.label} at {client.base_url} does not answer: {said}"
        hint = "Check its url in coupled.yaml, the network, and that the service is up."
    else:
        told = f"{side.label} at {client.base_url} does not let us in: {said}"
        hint = "Check its url and auth in coupled.yaml, and that the service is up."
    return Unreachable(f"{side.value}-unreachable", told, hint)
