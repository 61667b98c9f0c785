"""What parameters of the API may be: what JSON carries exactly, and every store can keep and count to."""

from typing import Annotated

from fastapi import Path, Query, Request
from pydantic import StringConstraints

from schemas.command import NO_ZERO
from schemas.errors import Refused
from schemas.nearest import did_you_mean

MOST = 2**53 - 1
# Jobs are numbered with 32 bits.
LAST_JOB = 2**31 - 1
JobNumber = Annotated[int, Path(ge=0, le=LAST_JOB)]
# Where a page of the console begins.
Offset = Annotated[int, Query(le=MOST)]
# PostgreSQL has no zero character.
Word = Annotated[str, StringConstraints(pattern=NO_ZERO)]


def only_known(request: Request) -> None:
    """Refused for a query that has a parameter the address does not take: a filter that was mistyped would answer with
    everything."""
    operation = request.app.openapi()["paths"][request.scope["route"].path_format][request.method.lower()]
    known = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    if other := [name for name in request.query_params if name not in known]:
        hint = did_you_mean(other[0], known) or "It takes none."
        raise Refused("parameter-unknown", f"{request.url.path} takes no parameter {other[0]!r}.", hint)
