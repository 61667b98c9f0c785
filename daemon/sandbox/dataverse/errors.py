"""The errors of the service: status, code and message as wire-protocols B3 lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NOT_FOUND = "0x80040217"
KEY_NOT_FOUND = "0x80060891"
DUPLICATE = "0x80040237"
DUPLICATE_KEY = "0x80060892"
VERSION_MISMATCH = "0x80060882"
PAYLOAD = "0x80048d19"


@dataclass(eq=False)
class DataverseError(Exception):
    """An answer other than success; it ends the request, and undoes what the request had written."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.message)


def bad_request(message: str, code: str = "0x0") -> DataverseError:
    return DataverseError(400, code, message)


def does_not_exist(logical: str, identifier: str, status: int = 404) -> DataverseError:
    return DataverseError(status, NOT_FOUND, f"{logical} With Id = {identifier} Does Not Exist")


def key_not_found() -> DataverseError:
    return DataverseError(404, KEY_NOT_FOUND, "A record with the specified key values does not exist.")


def duplicate_record() -> DataverseError:
    return DataverseError(412, DUPLICATE, "A record with matching key values already exists.")


def duplicate_key(name: str) -> DataverseError:
    message = (
        f"Entity Key {name} violated. A record with the same value for {name} already exists. A duplicate record "
        "cannot be created. Select one or more unique values and try again."
    )
    return DataverseError(412, DUPLICATE_KEY, message)


def stale_version() -> DataverseError:
    message = "The version of the existing record doesn't match the RowVersion property provided."
    return DataverseError(412, VERSION_MISMATCH, message)


def bad_payload(entity_set: str, detail: str) -> DataverseError:
    message = (
        f"Error identified in Payload provided by the user for Entity :'{entity_set}', For more information on this "
        f"error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ----> InnerException : "
        f"Microsoft.OData.ODataException: {detail}"
    )
    return bad_request(message, PAYLOAD)


def unknown_property(logical: str, name: str) -> DataverseError:
    return bad_request(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{logical}'.")


def invalid_property(logical: str, name: str) -> DataverseError:
    message = (
        "An error occurred while validating input parameters: Microsoft.OData.ODataException: Invalid property "
        f"'{name}' was found in entity 'Microsoft.Dynamics.CRM.{logical}'. ---> The property '{name}' does not exist "
        f"on type 'Microsoft.Dynamics.CRM.{logical}'. Make sure to only use property names that "
        "are defined by the type."
    )
    return bad_request(message)


def no_segment(name: str) -> DataverseError:
    return DataverseError(404, "0x8006088a", f"Resource not found for the segment '{name}'.")


def no_resource(url: str) -> DataverseError:
    return DataverseError(404, "", f"No HTTP resource was found that matches the request URI '{url}'.")


def not_allowed(method: str) -> DataverseError:
    return DataverseError(405, "0x80060888", f"The requested resource does not support http method '{method}'.")


def bad_key(logical: str) -> DataverseError:
    message = (
        f"The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{logical}'. Ensure that the "
        "names and number of key properties match the declared or alternate key properties for the resource "
        f"'Microsoft.Dynamics.CRM.{logical}'."
    )
    return bad_request(message, "0x80060888")


def no_privilege(privilege: str, user: str) -> DataverseError:
    message = f"Principal user (Id={user}, type=8) is missing {privilege} privilege"
    return DataverseError(403, "0x80040220", message)
