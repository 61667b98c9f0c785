"""Errors as Business Central words them (wire-protocols A3)."""

from __future__ import annotations

import uuid
from typing import Any

import orjson

PRODUCT = "Microsoft Dynamics 365 Business Central"


class ApiError(Exception):
    """An answer that is an error: HTTP status, code and text; the CorrelationId is added when it is rendered."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The error document, with a fresh CorrelationId in its text."""
        return {"error": {"code": self.code, "message": f"{self.message}  CorrelationId:  {uuid.uuid4()}."}}


def bad_request(message: str, code: str = "BadRequest") -> ApiError:
    """400: syntax, value or field."""
    return ApiError(400, code, message)


def dialog(message: str) -> ApiError:
    """400: an error raised by the application."""
    return ApiError(400, "Application_DialogException", message)


def no_segment(segment: str) -> ApiError:
    """404: no such entity set, part or property in a path (D10)."""
    text = f"Resource not found for the segment '{segment}'."
    return ApiError(404, "BadRequest_ResourceNotFound", text)


def no_property(name: str, entity: str) -> ApiError:
    """400: an unknown property in a query option (D20)."""
    return bad_request(f"Could not find a property named '{name}' on type 'Microsoft.NAV.{entity}'.")


def no_record(caption: str, record_id: str) -> ApiError:
    """404: no row has this id (D13)."""
    text = f"The {caption} does not exist. Identification fields and values: SystemId='{record_id}'"
    return ApiError(404, "Internal_RecordNotFound", text)


def no_relation(field: str, caption: str, value: str, target: str) -> ApiError:
    """400: a code that the related table does not hold."""
    text = (
        f"The field {field} of table {caption} contains a value ({value}) that cannot be found in the related table "
        f"({target})."
    )
    return bad_request(text, "Internal_InvalidTableRelation")


_BY_STATUS = {
    401: ("Authentication_InvalidCredentials", "The server has rejected the client credentials."),
    408: ("Application_OperationTimeout", "The operation was canceled because it took longer than allowed."),
    429: ("Application_TooManyRequests", "Too many requests reached."),
    500: ("Internal_ServerError", "An internal server error occurred."),
    502: ("BadGateway", "The gateway received an invalid response."),
    503: ("Internal_TenantUnavailable", "The tenant is temporarily unavailable."),
    504: ("GatewayTimeout", "The gateway did not receive a response in time."),
}


def for_status(status: int, headers: dict[str, str] | None = None) -> ApiError:
    """The usual error of a status, for limits and injected faults."""
    code, text = _BY_STATUS.get(status, ("Unknown", f"The request failed with status {status}."))
    return ApiError(status, code, text, headers)


def body_for_status(status: int) -> bytes:
    """The error document an injected fault answers with."""
    return orjson.dumps(for_status(status).body())
