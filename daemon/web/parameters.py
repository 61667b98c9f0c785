"""What parameters of the API may be: what JSON carries exactly, and every store can keep and count to."""

from typing import Annotated

from fastapi import Path
from pydantic import StringConstraints

from schemas.command import NO_ZERO

MOST = 2**53 - 1
# Jobs are numbered with 32 bits.
LAST_JOB = 2**31 - 1
JobNumber = Annotated[int, Path(ge=0, le=LAST_JOB)]
# PostgreSQL has no zero character.
Word = Annotated[str, StringConstraints(pattern=NO_ZERO)]
