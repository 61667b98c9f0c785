"""What `notify` in coupled.yaml may say: who is told when something needs a look, and how."""

import re
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from daemon.setting_kinds import Part, ReadableFile, is_loopback, maybe_secret, one_secret, secret, web_address

_ADDRESS = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class Webhook(Part):
    """The address is secret as a whole: that of a chat service is what lets one write there."""

    url: SecretStr | None = None
    url_file: ReadableFile | None = None
    secret: SecretStr | None = None
    secret_file: ReadableFile | None = None
    headers: dict[str, SecretStr] = Field(default={})

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.url is None and self.url_file is None:
            if self.secret or self.secret_file or self.headers:
                raise ValueError("give url or url_file")
            return self
        one_secret("url", self.url, self.url_file)
        maybe_secret("secret", self.secret, self.secret_file)
        try:
            web_address(self.address().get_secret_value(), "https://hooks.example.com/…")
        except ValueError as error:
            raise ValueError(f"url: {error}") from None
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(name) or not value.get_secret_value().isprintable():
                raise ValueError("headers: a header has a name of letters, digits and -, and one line of text")
        return self

    @property
    def on(self) -> bool:
        return bool(self.url or self.url_file)

    @property
    def shown(self) -> str:
        """Its host only."""
        return urlsplit(self.address().get_secret_value()).hostname or ""

    def address(self) -> SecretStr:
        return secret(self.url, self.url_file)

    def signing(self) -> SecretStr | None:
        return secret(self.secret, self.secret_file) if self.secret or self.secret_file else None


class Email(Part):
    """`starttls` is the usual port 587, `tls` the usual 465; `none` is for a server on this machine."""

    host: str = ""
    port: int = Field(default=587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: ReadableFile | None = None
    username: str = ""
    password: SecretStr | None = None
    password_file: ReadableFile | None = None
    sender: str | None = Field(default=None, alias="from")
    to: list[str] = Field(default=[])

    @field_validator("to", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        """As a variable gives them: `a@example.com, b@example.com`."""
        return [one.strip() for one in value.split(",")] if isinstance(value, str) else value

    @field_validator("sender", "to", mode="after")
    @classmethod
    def _addresses(cls, value: str | list[str] | None) -> str | list[str] | None:
        for one in [value] if isinstance(value, str) else value or []:
            if not _ADDRESS.fullmatch(one):
                raise ValueError("a mail address is written name@example.com")
        return value

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not self.host:
            if self.username or self.sender or self.to or self.password or self.password_file:
                raise ValueError("give host")
            return self
        if self.sender is None or not self.to:
            raise ValueError("give from, and at least one address in to")
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError("security: none is accepted for loopback addresses only; use starttls or tls")
        if maybe_secret("password", self.password, self.password_file) != bool(self.username):
            raise ValueError("username and password come together")
        return self

    @property
    def on(self) -> bool:
        return bool(self.host)

    def secret(self) -> SecretStr:
        return secret(self.password, self.password_file)


class Notify(Part):
    """Nobody is told of anything by default. `name`: what the daemon calls itself; else the company."""

    name: str = ""
    webhook: Webhook = Webhook()
    email: Email = Email()

    @property
    def on(self) -> bool:
        return self.webhook.on or self.email.on
