"""Asks a running worker by its web address: for what only it knows, and no store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from schemas.errors import ConfigurationError, Unreachable

if TYPE_CHECKING:
    import httpx

    from daemon.settings import Settings

_ANSWER_SECONDS = 5.0


class Worker(Protocol):
    """To be closed after use."""

    def ask(self, path: str, given: Mapping[str, Any]) -> Any:
        """The JSON answer. Unreachable if the worker is away; ConfigurationError if it does not take our token."""
        ...

    def url(self) -> str: ...

    def close(self) -> None: ...


class Elsewhere:
    """The worker at an address that an option names. Its token is that of `daemon.cli.http`."""

    def __init__(self, url: str, config: Path | None, option: str) -> None:
        import httpx

        from daemon.cli.http import Api

        self._api = Api(url, config, option=option, timeout=httpx.Timeout(_ANSWER_SECONDS))

    def ask(self, path: str, given: Mapping[str, Any]) -> Any:
        return self._api.sure(path, **given)

    def url(self) -> str:
        return self._api.url

    def close(self) -> None:
        self._api.close()


class Here:
    """The worker of this configuration, wherever it listens now."""

    def __init__(self, settings: Settings) -> None:
        import httpx

        self._settings = settings
        known = settings.web.bearer()
        self._bearer = {"Authorization": f"Bearer {known.get_secret_value()}"} if known else {}
        self._client: httpx.Client = httpx.Client(timeout=_ANSWER_SECONDS, trust_env=False)

    def ask(self, path: str, given: Mapping[str, Any]) -> Any:
        import httpx

        url = self.url()
        try:
            answer = self._client.get(f"{url}{path}", params=dict(given), headers=self._bearer)
            if answer.status_code in (401, 403):
                raise ConfigurationError(
                    "web-token",
                    f"The worker at {url} does not take our web.token or web.password.",
                    "Compare both configurations.",
                )
            return answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            said = str(error) or type(error).__name__
            raise Unreachable("worker-away", f"The worker at {url} does not answer: {said}", _START) from error

    def url(self) -> str:
        """Read anew each time: after a restart it may be another."""
        from daemon.broker import read_runtime, runtime_file

        note = read_runtime(runtime_file(self._settings.store.url.get_secret_value()))
        if note is None:
            raise Unreachable("daemon-not-running", "No daemon is running here with this configuration.", _START)
        return str(note["web"])

    def close(self) -> None:
        self._client.close()


_START = "Start it with `coupled run`. One on another machine is asked by its address: `coupled --url https://…`."
