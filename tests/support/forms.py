"""Values in the form that both sides must agree on: cut to length, codes in upper case, blanks and zeros as None."""

from __future__ import annotations

from typing import Any


def text(value: Any, length: int) -> str | None:
    return (str(value or "").strip()[:length]).strip() or None


def code(value: Any, length: int) -> str | None:
    return (text(value, length) or "").upper() or None


def number(value: Any) -> float | None:
    return round(float(value), 4) if value else None
