"""What an access token says of itself, decoded without verifying: only the service that takes it can do that."""

import base64
import binascii
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claims:
    """Whom the token is for, and what the application may do there (wire-protocols A1)."""

    audience: str
    roles: tuple[str, ...] = ()


def claims(token: str) -> Claims | None:
    """None for a token that is not made of readable parts. Nothing of the token itself is kept (promise 10)."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        body = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(body, dict) or not isinstance(body.get("aud"), str):
        return None
    roles = body.get("roles")
    return Claims(body["aud"], tuple(str(role) for role in roles) if isinstance(roles, list) else ())
