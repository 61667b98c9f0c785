"""What all operations of /api have in common."""

from typing import Any

from fastapi import Depends

from daemon.web.parameters import only_known
from daemon.web.problems import RESPONSES

OPERATIONS: dict[str, Any] = {
    "tags": ["coupled"],
    "responses": dict(RESPONSES),
    "dependencies": [Depends(only_known)],
}
