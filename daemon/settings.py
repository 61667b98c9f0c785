"""What `coupled.yaml` may say: one frozen tree, with a default for everything but the two sides (DESIGN 6)."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from daemon.store.urls import shown
from schemas.webhooks import PATH

EMBEDDED = "embedded"
STANDARD = "standard"
_DATABASE = "the store is SQLite or PostgreSQL: sqlite:///coupled.db or postgresql://…"
_LOGIN = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
_BC_SCOPE = "https://api.businesscentral.dynamics.com/.default"


def is_loopback(host: str) -> bool:
    """Does `host` name this machine and nothing else?"""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _endpoint(url: str) -> str:
    """An address without its last slash; plain http would carry tokens and records in the clear."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("a full address is needed, such as https://contoso.crm.dynamics.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("plain http is accepted for loopback addresses only; use https")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("an address has no user, password, query or fragment here")
    return url.rstrip("/")


def _beside(path: Path, info: ValidationInfo) -> Path:
    """A path as the file means it: relative to the folder the file is in."""
    folder = Path((info.context or {}).get("folder", "."))
    return (folder / path.expanduser()).absolute()


def _readable(path: Path, info: ValidationInfo) -> Path:
    found = _beside(path, info)
    try:
        found.open("rb").close()
    except OSError as error:
        raise ValueError(f"{found} cannot be read: {error.strerror}") from error
    return found


Endpoint = Annotated[str, AfterValidator(_endpoint)]
ReadableFile = Annotated[Path, AfterValidator(_readable)]
Named = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    # A validation error must not show its input: it may be a secret (promise 10).
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _one_secret(name: str, value: SecretStr | None, file: Path | None) -> None:
    if (value is None) == (file is None):
        raise ValueError(f"give either {name} or {name}_file")


def _secret(value: SecretStr | None, file: Path | None) -> SecretStr:
    if file is not None:
        return SecretStr(file.read_text(encoding="utf-8").strip())
    return value or SecretStr("")


class Auth(_Part):
    """OAuth2 client credentials. `token_url` stands in for `tenant` where another server gives the tokens."""

    client_id: Named
    tenant: str = ""
    client_secret: SecretStr | None = None
    client_secret_file: ReadableFile | None = None
    token_url: Endpoint | None = None
    scope: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _one_secret("client_secret", self.client_secret, self.client_secret_file)
        if not (self.tenant or self.token_url):
            raise ValueError("give tenant, or token_url where another server gives the tokens")
        return self

    @property
    def token_endpoint(self) -> str:
        return self.token_url or _LOGIN.format(tenant=self.tenant)

    def secret(self) -> SecretStr:
        """The client secret; its file is read anew, so that a rotated one is found."""
        return _secret(self.client_secret, self.client_secret_file)


class Webhooks(_Part):
    """`public_url` is how the internet reaches the console's port; None: polling only."""

    public_url: Endpoint | None = None

    @property
    def receiver(self) -> str | None:
        """Where Business Central is to send notifications."""
        return self.public_url and self.public_url.removesuffix(PATH) + PATH


class BusinessCentral(_Part):
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


class Sales(_Part):
    url: Endpoint
    auth: Auth

    @property
    def scope(self) -> str:
        return self.auth.scope or f"{self.url}/.default"


class Kafka(_Part):
    bootstrap_servers: Named = EMBEDDED
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: ReadableFile | None = None
    ssl_certfile: ReadableFile | None = None
    ssl_keyfile: ReadableFile | None = None
    topic_prefix: str = Field(default="coupled", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    partitions: int = Field(default=4, ge=1, le=1000)
    replication_factor: int = Field(default=1, ge=1, le=32)
    # How long Kafka waits for a silent worker before another takes over; None: 10 s, on the embedded broker 2 s.
    session_seconds: float | None = Field(default=None, ge=1, le=600)

    @property
    def embedded(self) -> bool:
        return self.bootstrap_servers == EMBEDDED

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        sasl = (self.sasl_mechanism, self.sasl_username, self.sasl_password)
        if self.security_protocol.startswith("SASL") and None in sasl:
            raise ValueError("SASL needs sasl_mechanism, sasl_username and sasl_password")
        if not self.security_protocol.startswith("SASL") and any(value is not None for value in sasl):
            raise ValueError("sasl_* needs security_protocol SASL_PLAINTEXT or SASL_SSL")
        return self


class Store(_Part):
    """`url` is secret as a whole: a PostgreSQL one carries its password. Show `shown` instead."""

    url: SecretStr = Field(default=SecretStr("sqlite:///coupled.db"), validate_default=True)
    keep_days: int = Field(default=90, ge=1, le=36_500)

    @field_validator("url", mode="after")
    @classmethod
    def _known(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        try:
            url = make_url(value.get_secret_value())
        except ArgumentError:
            raise ValueError(_DATABASE) from None
        backend = url.get_backend_name()
        if backend not in {"sqlite", "postgresql"}:
            raise ValueError(_DATABASE)
        if backend == "sqlite" and url.database not in {None, "", ":memory:"}:
            url = url.set(database=str(_beside(Path(str(url.database)), info)))
        return SecretStr(url.render_as_string(hide_password=False))

    @property
    def shown(self) -> str:
        return shown(make_url(self.url.get_secret_value()))


class Capture(_Part):
    poll_seconds: float = Field(default=5, gt=0, le=86_400)
    webhook_poll_seconds: float = Field(default=300, gt=0, le=86_400)
    overlap_seconds: float = Field(default=600, ge=0, le=86_400)
    deletions_minutes: float = Field(default=60, ge=0, le=100_000)


class Batch(_Part):
    """How many messages an agent takes at once, and how long it waits for them."""

    size: int = Field(default=1000, ge=1, le=10_000)
    seconds: float = Field(default=0.2, gt=0, le=60)


class Web(_Part):
    host: Named = "127.0.0.1"
    port: int = Field(default=8086, ge=0, le=65_535)
    password: SecretStr | None = None
    password_file: ReadableFile | None = None

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.password or self.password_file:
            _one_secret("password", self.password, self.password_file)
            if not self.secret().get_secret_value():
                raise ValueError("the password is empty")
        elif not is_loopback(self.host):
            raise ValueError("every address but loopback needs a login: give password or password_file")
        return self

    @property
    def login(self) -> bool:
        return bool(self.password or self.password_file)

    def secret(self) -> SecretStr:
        return _secret(self.password, self.password_file)


class Logs(_Part):
    format: Literal["console", "json"] = "console"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


class Settings(_Part):
    """Everything a daemon is told. `mappings` is `standard` or the absolute path of a file."""

    business_central: BusinessCentral
    sales: Sales
    kafka: Kafka = Kafka()
    store: Store = Store()
    capture: Capture = Capture()
    batch: Batch = Batch()
    web: Web = Web()
    logs: Logs = Logs()
    mappings: Named = STANDARD
    workers: int = Field(default=1, ge=1, le=48)

    @field_validator("mappings", mode="after")
    @classmethod
    def _file(cls, value: str, info: ValidationInfo) -> str:
        return value if value == STANDARD else str(_readable(Path(value), info))
