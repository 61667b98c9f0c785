"""What the parts of `coupled.yaml` are made of: addresses, files, secrets."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo


def is_loopback(host: str) -> bool:
    """Does `host` name this machine and nothing else?"""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def web_address(url: str, example: str) -> SplitResult:
    """Its parts. ValueError if it is none, or plain http, which would carry tokens and records in the clear."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"a full address is needed, such as {example}")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("plain http is accepted for loopback addresses only; use https")
    return parts


def _endpoint(url: str) -> str:
    """An address without its last slash."""
    parts = web_address(url, "https://contoso.crm.dynamics.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("an address has no user, password, query or fragment here")
    return url.rstrip("/")


def beside(path: Path, info: ValidationInfo) -> Path:
    """A path as the file means it: relative to the folder the file is in."""
    folder = Path((info.context or {}).get("folder", "."))
    return (folder / path.expanduser()).absolute()


def readable(path: Path, info: ValidationInfo) -> Path:
    found = beside(path, info)
    try:
        found.open("rb").close()
    except OSError as error:
        raise ValueError(f"{found} cannot be read: {error.strerror}") from error
    return found


Endpoint = Annotated[str, AfterValidator(_endpoint)]
ReadableFile = Annotated[Path, AfterValidator(readable)]
Named = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    # A validation error must not show its input: it may be a secret (promise 10).
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def one_secret(name: str, value: SecretStr | None, file: Path | None) -> None:
    """ValueError unless there is one of them, and it is text that a secret can be."""
    if (value is None) == (file is None):
        raise ValueError(f"give either {name} or {name}_file")
    try:
        found = secret(value, file).get_secret_value()
    except UnicodeDecodeError:
        raise ValueError(f"{name}_file is not UTF-8 text") from None
    if not found:
        raise ValueError(f"the {name.replace('_', ' ')} is empty")


def maybe_secret(name: str, value: SecretStr | None, file: Path | None) -> bool:
    """Whether there is one; ValueError as `one_secret`."""
    if value is None and file is None:
        return False
    one_secret(name, value, file)
    return True


def secret(value: SecretStr | None, file: Path | None) -> SecretStr:
    """What was given; its file is read anew, so that a rotated one is found."""
    if file is not None:
        return SecretStr(file.read_text(encoding="utf-8-sig").strip())
    return value or SecretStr("")
