"""Asks a running worker by its web address: for what only it knows, and no store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from schemas.errors import ConfigurationError, Unreachable

if TYPE_CHECKING:
    import httpx

    from daemon.settings import Settings

_ANSWER_SECONDS = 5.0


class Worker:
    """The worker of this configuration, wherever it listens now, or (`url`) the one at that address."""

    def __init__(self, settings: Settings, url: str = "") -> None:
        import httpx

        from daemon.cli.http import sound

        self._settings, self._url = settings, sound(url, "--worker") if url else ""
        login = settings.web.login
        self._bearer = {"Authorization": f"Bearer {settings.web.secret().get_secret_value()}"} if login else {}
        self._client: httpx.Client = httpx.Client(timeout=_ANSWER_SECONDS, trust_env=bool(url))

    def ask(self, path: str, given: Mapping[str, Any]) -> Any:
        """The JSON answer. Unreachable if the worker is away; ConfigurationError if it does not know our password."""
        import httpx

        url = self.url()
        try:
            answer = self._client.get(f"{url}{path}", params=dict(given), headers=self._bearer)
            if answer.status_code in (401, 403):
                raise ConfigurationError(
                    "web-password", f"The worker at {url} does not take web.password.", "Compare both configurations."
                )
            return answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            said = str(error) or type(error).__name__
            raise Unreachable("worker-away", f"The worker at {url} does not answer: {said}", _START) from error

    def url(self) -> str:
        """Read anew each time: after a restart it may be another."""
        from daemon.broker import read_runtime, runtime_file

        if self._url:
            return self._url
        note = read_runtime(runtime_file(self._settings.store.url.get_secret_value()))
        if note is None:
            raise Unreachable("daemon-not-running", "No daemon is running here with this configuration.", _START)
        return str(note["web"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


_START = "Start it with `coupled run`. One on another machine is asked by its address: --worker https://…"
