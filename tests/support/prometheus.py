"""A real Prometheus for the tests, from Debian's package, with its promtool; it scrapes what a test names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

import httpx
from ruamel.yaml import YAML

from daemon.child import TiedProcess
from tests.support.ports import free_port
from tests.support.real_parts import missing
from tests.support.waiting import wait_until

DEPLOY = Path(__file__).parents[2] / "deploy"
_REQUIRED_BY = "COUPLED_REQUIRE_PROMETHEUS"


def program(name: str) -> str:
    """Where `prometheus` or `promtool` is. Skips the test without it, or fails where it is required."""
    return shutil.which(name) or missing(
        "Prometheus", f"{name} is not on the PATH (Debian: apt install prometheus)", _REQUIRED_BY
    )


def promtool(*words: str | Path) -> str:
    """What it says; AssertionError with that if it is not content."""
    done = subprocess.run([program("promtool"), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Prometheus:
    """A server of one's own: `target` (host:port) is scraped twice a second by the name of the shipped configuration,
    and the shipped rules are evaluated as often."""

    def __init__(self, folder: Path, target: str) -> None:
        self._program, self._folder = program("prometheus"), folder
        self._url = f"http://127.0.0.1:{free_port()}"
        self._config = folder / "prometheus.yml"
        self._config.write_text("", encoding="utf-8")
        YAML().dump(_shipped(target), self._config)
        self._child: TiedProcess | None = None

    def __enter__(self) -> Self:
        command = [
            self._program,
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self._url.removeprefix('http://')}",
            "--enable-feature=exemplar-storage",
        ]
        self._child = TiedProcess(command, log=self._folder / "prometheus.log")
        self._child.start()
        wait_until(self._ready, 30, "Prometheus")
        return self

    def __exit__(self, *_: object) -> None:
        if self._child:
            self._child.stop()

    def _ready(self) -> bool:
        assert self._child
        assert self._child.alive, (self._folder / "prometheus.log").read_text(encoding="utf-8")
        try:
            return httpx.get(f"{self._url}/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query, each with its labels (`metric`) and `value`."""
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def exemplars(self, expression: str, seconds: float) -> list[dict[str, Any]]:
        """Those of the last so many seconds."""
        now = float(self._get("query", query="time()")["result"][0])
        found = self._get("query_exemplars", query=expression, start=str(now - seconds), end=str(now + 1))
        return [one for series in found for one in series["exemplars"]]

    def rules(self) -> list[dict[str, Any]]:
        """Every alert rule as Prometheus has loaded it: name, query, health, lastError, state."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self._url}/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]


def _shipped(target: str) -> dict[str, Any]:
    """deploy/prometheus/prometheus.yml, faster, and with a target of ours in place of its list of workers."""
    config: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "prometheus" / "prometheus.yml")
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    config["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in config["rule_files"]]
    [job] = config["scrape_configs"]
    del job["file_sd_configs"]
    job["static_configs"] = [{"targets": [target]}]
    return config
