"""Asks a daemon's API: problem documents become our errors, lists are read from page to page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import TypeAdapter, ValidationError

from daemon.setting_kinds import Endpoint, is_loopback
from schemas.errors import ConfigurationError, CoupledError, Problem, Refused, Unreachable

# A check of the set-up or a list over many failures may take its time; a daemon that is there is connected to at once.
_TIMEOUT = httpx.Timeout(60, connect=5)
LARGEST_PAGE = 1000
# The token first: who has both means it.
_VARIABLES = ("COUPLED_WEB__TOKEN", "COUPLED_WEB__PASSWORD")
_WHERE = "Is its address right, and is it running? It listens where `web` in its coupled.yaml says."
_DIFFERS = "`coupled --version` tells that of the command line; take the one that the daemon has."
_MEND = "Set COUPLED_WEB__TOKEN to the daemon's web.token, or COUPLED_WEB__TOKEN_FILE to a file that holds it."


class Api:
    """The API at one address."""

    def __init__(
        self,
        url: str,
        config: Path | None,
        transport: httpx.BaseTransport | None = None,
        *,
        option: str = "--url",
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> None:
        self.url = _sound(url, option).rstrip("/")
        token = _bearer(config)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        given: dict[str, Any] = {"timeout": timeout, "transport": transport, "mounts": _past_proxies(self.url)}
        self._client = httpx.Client(base_url=self.url, headers=headers, **given)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, **given: object) -> Any:
        """The JSON answer; None if there is no such thing."""
        answer = self._asked(path, given)
        try:
            return self._told(answer)
        except Refused:
            if answer.status_code == 404:
                return None
            raise

    def sure(self, path: str, **given: object) -> Any:
        """The JSON answer; Refused, as the daemon says it, if there is no such thing."""
        return self._told(self._asked(path, given))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._told(self._sent("POST", path, json=dict(body)))

    def items(self, path: str, limit: int | None = None, **given: object) -> list[Any]:
        """All items of a list, or the first `limit`."""
        return list(islice(self._items(path, min(limit or LARGEST_PAGE, LARGEST_PAGE), given), limit))

    def _items(self, path: str, size: int, given: Mapping[str, object]) -> Iterator[Any]:
        page = self._page(path, limit=size, **given)
        yield from page["items"]
        while page["next"]:
            page = self._page(page["next"])
            yield from page["items"]

    def _page(self, path: str, **given: object) -> Any:
        page = self.get(path, **given)
        if not isinstance(page, dict):
            raise Refused(
                "daemon-differs", f"The daemon at {self.url} has no list {path}: it is another version.", _DIFFERS
            )
        return page

    def _asked(self, path: str, given: Mapping[str, object]) -> httpx.Response:
        params: Any = {name: value for name, value in given.items() if value not in (None, "")}
        return self._sent("GET", path, params=params)

    def _sent(self, method: str, path: str, **sent: Any) -> httpx.Response:
        # Of an address that is ready httpx would leave out the query, if it was given parameters, though none.
        given = {name: value for name, value in sent.items() if value}
        try:
            return self._client.request(method, path, **given)
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise Unreachable("daemon-away", f"The daemon at {self.url} does not answer: {said}.", _WHERE) from error

    def _told(self, answer: httpx.Response) -> Any:
        try:
            body = answer.json()
            if answer.is_success:
                return body
            problem = Problem(body["code"], body["detail"], body["hint"])
        except (ValueError, KeyError, TypeError):
            said = f"It answers {answer.status_code}, and not as a daemon's API does."
            raise Unreachable("no-daemon-there", f"There is no daemon at {self.url}. {said}", _WHERE) from None
        raise _error(answer.status_code, problem, self.url)


def _error(status: int, problem: Problem, url: str) -> CoupledError:
    if status == 401:
        return ConfigurationError("web-token", f"The daemon at {url} does not take our token or password.", _MEND)
    kind = Unreachable if status >= 500 else Refused
    return kind(problem.code, problem.message, problem.hint)


def _past_proxies(url: str) -> dict[str, None]:
    """What keeps httpx from asking this machine by a proxy: one would look on its own, and be told our password."""
    return dict.fromkeys(("http://", "https://", "all://")) if is_loopback(urlsplit(url).hostname or "") else {}


def _sound(url: str, option: str) -> str:
    """The address, if passwords may be sent there: https, or this machine."""
    try:
        found: str = TypeAdapter(Endpoint).validate_python(url)
    except ValidationError as error:
        said = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigurationError("worker-address", f"{option}: {said}.", "It is the address of its console.") from None
    return found


def _bearer(config: Path | None) -> str:
    """From the environment, else of a configuration that was named: the one that lies here is another daemon's."""
    for name in _VARIABLES:
        if given := os.environ.get(name) or _of_file(f"{name}_FILE"):
            return given
    if config is None:
        return ""
    from daemon.cli.client import settings_of

    known = settings_of(config).web.bearer()
    return known.get_secret_value() if known else ""


def _of_file(variable: str) -> str:
    file = os.environ.get(variable)
    if not file:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError("web-token", f"{variable}: {file} cannot be read: {said}.", _MEND) from error
