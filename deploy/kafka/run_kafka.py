"""Apache Kafka on one node (KRaft, broker and controller in one process), from its own jars, without Docker.

    python deploy/kafka/run_kafka.py --port 9092      # what `make kafka` does; Ctrl-C stops it
    python deploy/kafka/run_kafka.py --fetch          # only get the jars

    with ApacheKafka() as kafka:                      # what the tests and the benchmarks do
        KafkaProducer(bootstrap_servers=kafka.bootstrap)

Needs Java 17 or later and, once, Maven. The broker ends with the process that started it. Each start is a new, empty
broker in a directory of its own, removed at the end.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # run as a script, outside an installed environment
    sys.path.insert(0, str(ROOT))

from daemon.broker import answers_kafka, free_port  # noqa: E402
from daemon.child import TiedProcess, wait_until  # noqa: E402

POM = Path(__file__).with_name("pom.xml")
LIBS = ROOT / ".coupled" / "kafka-libs"
_COMPLETE = "complete"  # holds the pom the jars were fetched for; written last
_FETCH_SECONDS = 600
_START_SECONDS = 60

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners={listeners},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={listeners}
controller.listener.names=CONTROLLER
listener.security.protocol.map={protocols},CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# One node waits for no other member, and tests kill members and want the next one soon.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=16777216
"""


class KafkaUnavailable(RuntimeError):
    """Apache Kafka cannot be had or run here; the text is one line: why, and what to do."""


def fetch_jars(libs: Path = LIBS) -> Path:
    """The directory with the broker's jars, resolved by Maven the first time and whenever pom.xml changes."""
    marker, wanted = libs / _COMPLETE, POM.read_text(encoding="utf-8")
    if marker.is_file() and marker.read_text(encoding="utf-8") == wanted:
        return libs
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailable("Maven is not installed, so the broker's jars cannot be fetched (apt install maven)")
    draft = libs.with_name(f"{libs.name}.{os.getpid()}")  # several test runs may fetch at once: the last one wins
    goal = [maven, "-B", "-q", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={draft}"]
    try:
        done = subprocess.run(goal, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise KafkaUnavailable(f"Maven did not fetch the jars within {_FETCH_SECONDS} s; is the network up?") from None
    if done.returncode != 0 or not list(draft.glob("kafka_2.13-*.jar")):
        shutil.rmtree(draft, ignore_errors=True)
        raise KafkaUnavailable(f"Maven could not fetch the jars: {_first_error(done.stdout + done.stderr)}")
    (draft / _COMPLETE).write_text(wanted, encoding="utf-8")
    shutil.rmtree(libs, ignore_errors=True)
    draft.rename(libs)
    return libs


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if "ERROR" in line), lines[0] if lines else "it said nothing")[:300]


def find_java() -> str:
    """The Java program to run the broker with."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else None
    java = java or shutil.which("java")
    if java is None:
        raise KafkaUnavailable("Java is not installed (apt install openjdk-17-jre-headless)")
    return java


@dataclass(frozen=True)
class Guarded:
    """Listeners beside the plain one (name: security protocol), the broker's properties that they need, and users that
    are there from the start, as `--add-scram` takes them."""

    listeners: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    users: Sequence[str] = ()


class ApacheKafka:
    """One broker. `port` 0 takes a free one; `directory` keeps the data, else it is temporary."""

    def __init__(
        self, port: int = 0, directory: Path | None = None, heap: str = "512m", guarded: Guarded = Guarded()
    ) -> None:
        self._port = port
        self._guarded = guarded
        self._ports = {name: free_port() for name in guarded.listeners}
        self._kept = directory
        self._heap = heap
        self._directory: Path | None = None
        self._child: TiedProcess | None = None

    @property
    def bootstrap(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self._port}"

    def address(self, listener: str) -> str:
        """Where clients of a guarded listener connect."""
        return f"127.0.0.1:{self._ports[listener]}"

    @property
    def alive(self) -> bool:
        """Whether the broker's process runs."""
        return self._child is not None and self._child.alive

    def start(self) -> str:
        """Format the storage, start the broker, wait until it answers. Raises KafkaUnavailable."""
        java, libs = find_java(), fetch_jars()
        self._directory = self._kept or Path(tempfile.mkdtemp(prefix="coupled-kafka-"))
        properties = self._configure(self._directory)
        command = [java, f"-Xmx{self._heap}", "-Xshare:auto", "-XX:+UseSerialGC", "-Dlog4j2.level=WARN",
                   "-cp", f"{libs}/*"]  # fmt: skip
        if not (self._directory / "data" / "meta.properties").is_file():
            self._format(command, properties)
        log = self._directory / "broker.log"
        self._child = TiedProcess([*command, "kafka.Kafka", str(properties)], log=log)
        self._child.start()
        if wait_until(lambda: answers_kafka(self._port), lambda: self.alive, _START_SECONDS):
            return self.bootstrap
        said = _first_error(log.read_text(encoding="utf-8", errors="replace"))
        self.stop()
        raise KafkaUnavailable(f"the broker did not start on {self.bootstrap}: {said}")

    def _configure(self, directory: Path) -> Path:
        self._port = self._port or free_port()
        directory.mkdir(parents=True, exist_ok=True)
        ports = {"PLAINTEXT": self._port, **self._ports}
        protocols = {"PLAINTEXT": "PLAINTEXT", **self._guarded.listeners}
        text = _PROPERTIES.format(
            listeners=",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items()),
            protocols=",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            controller=free_port(),
            data=directory / "data",
        )
        text += "".join(f"{name}={value}\n" for name, value in self._guarded.properties.items())
        properties = directory / "server.properties"
        properties.write_text(text, encoding="utf-8")
        return properties

    def _format(self, command: list[str], properties: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        goal = [*command, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
        goal += [word for user in self._guarded.users for word in ("--add-scram", user)]
        done = subprocess.run(goal, capture_output=True, text=True, timeout=_START_SECONDS, check=False)  # noqa: S603
        if done.returncode != 0:
            raise KafkaUnavailable(f"the storage could not be formatted: {_first_error(done.stdout + done.stderr)}")

    def stop(self) -> None:
        """End the broker and remove its data, unless a directory was given. May be called twice."""
        if self._child is not None:
            self._child.stop(grace=10 if self._kept else 0.1)  # data that is thrown away needs no orderly end
        if self._directory is not None and self._kept is None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run a broker in the foreground until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description="Apache Kafka on one node, from its own jars.")
    parser.add_argument("--port", type=int, default=9092, help="where clients connect (default 9092)")
    parser.add_argument("--directory", type=Path, help="keep the data here (default: temporary)")
    parser.add_argument("--fetch", action="store_true", help="only fetch the jars")
    chosen = parser.parse_args(arguments)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    try:
        if chosen.fetch:
            fetch_jars()
            return 0
        with ApacheKafka(chosen.port, chosen.directory) as kafka:
            print(f"Apache Kafka listens on {kafka.bootstrap}; Ctrl-C stops it.", flush=True)
            while kafka.alive and not over.wait(0.5):
                pass
            return 0 if over.is_set() else 1
    except KafkaUnavailable as error:
        print(f"Apache Kafka: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
