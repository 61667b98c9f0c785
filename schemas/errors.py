"""Every error a user can meet: a stable code, one sentence, and what to do next."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Exit codes of the command line (DESIGN 6)."""

    DONE = 0
    FAILED_RECORDS = 1
    USAGE = 2
    UNREACHABLE = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, as it is stored, published and shown. Never carries a secret (promise 10)."""

    code: str
    message: str
    hint: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "hint": self.hint}

    def __str__(self) -> str:
        """The sentence, and what to do. What another program said may end without a stop."""
        stop = "." if self.hint and self.message[-1:].isalnum() else ""
        return f"{self.message}{stop} {self.hint}".strip()


class CoupledError(Exception):
    """An error with a code, a sentence and a hint; its class says which exit code it ends with."""

    exit = Exit.USAGE

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(code, message, hint)

    @property
    def for_good(self) -> bool:
        """Will every further try end the same, until a person does something?"""
        return False

    def __str__(self) -> str:
        return str(self.problem)


class ConfigurationError(CoupledError):
    """A file, option or environment variable that cannot be used."""

    @property
    def for_good(self) -> bool:
        return True


class Unreachable(CoupledError):
    """Kafka, the store or a side does not answer, or refuses our credentials."""

    exit = Exit.UNREACHABLE


class Refused(CoupledError):
    """A command that is not understood or not allowed now."""


class ApiError(CoupledError):
    """An answer of a side that is not a success: HTTP status, the side's own code and text."""

    exit = Exit.UNREACHABLE

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(code or f"http-{status}", message, hint)
        self.status = status

    @property
    def transient(self) -> bool:
        """Worth repeating unchanged: no answer (0), not let in, throttled, or the server's own trouble (promise 7)."""
        return self.status in {0, 401, 408, 425, 429} or self.status >= 500

    @property
    def for_good(self) -> bool:
        return not self.transient


class KeepsChanging(ApiError):
    """Whenever the record was to be written, somebody else had changed it since it was read."""

    def __init__(self) -> None:
        super().__init__(409, "keeps-changing", "the record keeps changing while it is written")

    @property
    def transient(self) -> bool:
        """Whoever is at it will be done one day (promise 7)."""
        return True


class BatchError(ApiError):
    """A batch of several writes failed as a whole: what became of each is unknown, and any one may be the cause."""

    def __init__(self, cause: ApiError) -> None:
        super().__init__(cause.status, cause.problem.code, cause.problem.message, cause.problem.hint)

    @property
    def transient(self) -> bool:
        """Each is to be tried again, in smaller company: alone it is told what is wrong with it (promise 7)."""
        return True


def api_error(status: int, body: Any) -> ApiError:
    """The error of an OData answer; both sides use `{"error": {"code", "message"}}` (wire-protocols A3, B3)."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return ApiError(status, str(error.get("code") or ""), str(error.get("message") or "no message"))
    text = body if isinstance(body, str) else ""
    return ApiError(status, "", f"HTTP {status} without an OData error in its body: {text[:200].strip() or 'empty'}")
