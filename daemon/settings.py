"""What `coupled.yaml` may say: one frozen tree, with a default for everything but the two sides (DESIGN 6)."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from daemon.kafka_settings import EMBEDDED, Kafka
from daemon.notify_settings import Notify
from daemon.setting_kinds import (
    Endpoint,
    Named,
    Part,
    ReadableFile,
    beside,
    is_loopback,
    maybe_secret,
    one_secret,
    readable,
    secret,
)
from daemon.store.urls import shown
from schemas.webhooks import PATH

__all__ = ["EMBEDDED", "STANDARD", "Auth", "Batch", "Kafka", "Settings", "is_loopback"]

STANDARD = "standard"
_DATABASE = "the store is SQLite or PostgreSQL: sqlite:///coupled.db or postgresql://…"
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{32,}")
_LOGIN = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
_BC_SCOPE = "https://api.businesscentral.dynamics.com/.default"


class Auth(Part):
    """OAuth2 client credentials. `token_url` stands in for `tenant` where another server gives the tokens."""

    client_id: Named
    tenant: str = ""
    client_secret: SecretStr | None = None
    client_secret_file: ReadableFile | None = None
    token_url: Endpoint | None = None
    scope: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        one_secret("client_secret", self.client_secret, self.client_secret_file)
        if not (self.tenant or self.token_url):
            raise ValueError("give tenant, or token_url where another server gives the tokens")
        return self

    @property
    def token_endpoint(self) -> str:
        return self.token_url or _LOGIN.format(tenant=self.tenant)

    def secret(self) -> SecretStr:
        """The client secret; its file is read anew, so that a rotated one is found."""
        return secret(self.client_secret, self.client_secret_file)


class Webhooks(Part):
    """`public_url` is how the internet reaches the console's port; None: polling only."""

    public_url: Endpoint | None = None

    @property
    def receiver(self) -> str | None:
        """Where Business Central is to send notifications."""
        return self.public_url and self.public_url.removesuffix(PATH) + PATH


class BusinessCentral(Part):
    url: Endpoint
    company: Named
    auth: Auth
    late_seconds: float = Field(default=960, ge=0, le=86_400)
    webhooks: Webhooks = Webhooks()

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        """A simulator on this machine reaches what a cloud service does not."""
        public, own = (urlsplit(url or "").hostname or "" for url in (self.webhooks.public_url, self.url))
        if is_loopback(public) and not is_loopback(own):
            raise ValueError("webhooks.public_url: Business Central cannot reach a loopback address of this machine")
        return self

    @property
    def scope(self) -> str:
        return self.auth.scope or _BC_SCOPE


class Sales(Part):
    url: Endpoint
    auth: Auth

    @property
    def scope(self) -> str:
        return self.auth.scope or f"{self.url}/.default"


def _files(query: Mapping[str, object], info: ValidationInfo) -> dict[str, str]:
    """The files that libpq is told of, which would look for them in the folder that the daemon was started from."""
    # `system` is no file: the authorities that this machine trusts.
    named = {name: str(query[name]) for name in _FILES if query.get(name, "system") != "system"}
    return {name: str(beside(Path(value), info)) for name, value in named.items()}


class Store(Part):
    """`url` is secret as a whole: a PostgreSQL one carries its password. Show `shown` instead."""

    url: SecretStr = Field(default=SecretStr("sqlite:///coupled.db"), validate_default=True)
    password: SecretStr | None = None
    password_file: ReadableFile | None = None
    keep_days: int = Field(default=90, ge=1, le=36_500)

    @field_validator("url", mode="after")
    @classmethod
    def _known(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        try:
            url = make_url(value.get_secret_value())
        except (ArgumentError, ValueError):  # a port that is no number, and is told by its value
            raise ValueError(_DATABASE) from None
        backend = url.get_backend_name()
        if backend not in {"sqlite", "postgresql"}:
            raise ValueError(_DATABASE)
        if backend == "sqlite" and url.database not in {None, "", ":memory:"}:
            url = url.set(database=str(beside(Path(str(url.database)), info)))
        if backend == "postgresql":
            url = url.update_query_dict(_files(url.query, info))
        return SecretStr(url.render_as_string(hide_password=False))

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if maybe_secret("password", self.password, self.password_file):
            url = make_url(self.url.get_secret_value())
            if url.get_backend_name() != "postgresql":
                raise ValueError("only PostgreSQL takes a password")
            if url.password is not None:
                raise ValueError("the password is in url already: give it once")
        return self

    @property
    def guarded(self) -> bool:
        """Whether a database on another machine has to show whose it is. Sockets and files are of this one."""
        url = make_url(self.url.get_secret_value())
        here = url.get_backend_name() == "sqlite" or not url.host or is_loopback(url.host)
        return here or url.query.get("sslmode") in {"verify-full", "verify-ca"}

    def address(self) -> SecretStr:
        """The url, with the password should it stand elsewhere; its file is read anew."""
        if self.password is None and self.password_file is None:
            return self.url
        password = secret(self.password, self.password_file).get_secret_value()
        url = make_url(self.url.get_secret_value()).set(password=password)
        return SecretStr(url.render_as_string(hide_password=False))

    @property
    def shown(self) -> str:
        return shown(make_url(self.url.get_secret_value()))


class Capture(Part):
    poll_seconds: float = Field(default=5, gt=0, le=86_400)
    webhook_poll_seconds: float = Field(default=300, gt=0, le=86_400)
    overlap_seconds: float = Field(default=600, ge=0, le=86_400)
    deletions_minutes: float = Field(default=60, ge=0, le=100_000)


class Batch(Part):
    """How many messages an agent takes at once, and how long it waits for them."""

    size: int = Field(default=1000, ge=1, le=10_000)
    seconds: float = Field(default=0.2, gt=0, le=60)


class Web(Part):
    """`password` is for people, and lets programs in too; `token` lets them use the API and nothing else."""

    host: Named = "127.0.0.1"
    port: int = Field(default=8086, ge=0, le=65_535)
    password: SecretStr | None = None
    password_file: ReadableFile | None = None
    token: SecretStr | None = None
    token_file: ReadableFile | None = None

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if not maybe_secret("password", self.password, self.password_file) and not is_loopback(self.host):
            raise ValueError("every address but loopback needs a login: give password or password_file")
        return self

    @property
    def login(self) -> bool:
        return bool(self.password or self.password_file)

    def secret(self) -> SecretStr:
        return secret(self.password, self.password_file)

    @model_validator(mode="after")
    def _guessed_by_nobody(self) -> Self:
        """A token is tried as often as one likes, since who guesses must not keep programs out. Without a login, where
        a variable for `--url` may set one, it opens what is open.
        """
        if maybe_secret("token", self.token, self.token_file) and not self.token_now():
            raise ValueError("a token has 32 characters or more: letters, digits and -._~+/=")
        return self

    @property
    def has_token(self) -> bool:
        return bool(self.token or self.token_file)

    def api_token(self) -> SecretStr:
        return secret(self.token, self.token_file)

    def token_now(self) -> str:
        """The API's token; empty if its file holds none that nobody guesses by now."""
        text = self.api_token().get_secret_value()
        return text if _TOKEN.fullmatch(text) else ""

    def bearer(self) -> SecretStr | None:
        """What our own programs send to the API."""
        return self.api_token() if self.has_token else self.secret() if self.login else None


class Logs(Part):
    format: Literal["console", "json"] = "console"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


class Tracing(Part):
    """`endpoint` is where OTLP over HTTP is taken; `sample` the share of pages of changes that are traced."""

    endpoint: Endpoint | None = None
    sample: float = Field(default=1.0, ge=0, le=1)


class Settings(Part):
    """Everything a daemon is told. `mappings` is `standard` or the absolute path of a file."""

    business_central: BusinessCentral
    sales: Sales
    kafka: Kafka = Kafka()
    store: Store = Store()
    capture: Capture = Capture()
    batch: Batch = Batch()
    web: Web = Web()
    logs: Logs = Logs()
    tracing: Tracing = Tracing()
    notify: Notify = Notify()
    mappings: Named = STANDARD
    workers: int = Field(default=1, ge=1, le=48)

    @field_validator("mappings", mode="after")
    @classmethod
    def _file(cls, value: str, info: ValidationInfo) -> str:
        return value if value == STANDARD else str(readable(Path(value), info))
