"""Apache Kafka (KRaft, broker and controller in one process), from its own jars, without Docker.

    python deploy/kafka/run_kafka.py --port 9092      # what `make kafka` does; Ctrl-C stops it
    python deploy/kafka/run_kafka.py --nodes 3        # a cluster, on 9092, 9093 and 9094
    python deploy/kafka/run_kafka.py --fetch          # only get the jars

    with ApacheKafka() as kafka:                      # what the tests and the benchmarks do
        KafkaProducer(bootstrap_servers=kafka.bootstrap)

Needs Java 17 or later and, once, Maven. The broker ends with the process that started it. Each one is new and empty, in
a directory of its own that is removed at the end. Killed, or stopped in a directory that is kept, it can be started
again on the same port, with what it held. `deploy/kafka/cluster.py` starts several as one cluster.
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
from typing import TYPE_CHECKING, Self

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # run as a script, outside an installed environment
    sys.path.insert(0, str(ROOT))

from daemon.broker import answers_kafka, free_port  # noqa: E402
from daemon.child import TiedProcess, wait_until  # noqa: E402

if TYPE_CHECKING:
    from deploy.kafka.cluster import KafkaCluster

POM = Path(__file__).with_name("pom.xml")
LIBS = ROOT / ".coupled" / "kafka-libs"
_COMPLETE = "complete"  # holds the pom the jars were fetched for; written last
_FETCH_SECONDS = 600
_START_SECONDS = 60
# Java's first compiler only: half the CPU until it has started, and slower once it has run for long.
_BRIEFLY = "-XX:TieredStopAtLevel=1"

_PROPERTIES = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
listeners={listeners},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={listeners}
controller.listener.names=CONTROLLER
listener.security.protocol.map={protocols},CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=1
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
# Nobody waits for other members, and tests kill members and brokers and want the next one soon.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
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


def _name() -> str:
    """A random cluster id. None begins with a hyphen, which the formatting tool would take for an option."""
    return "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]


@dataclass(frozen=True)
class Quorum:
    """The nodes that are one cluster: the port of each one's controller, by its number, and what names the cluster."""

    controllers: Mapping[int, int]
    name: str = field(default_factory=_name)

    def properties(self) -> dict[str, object]:
        """What every node must be told alike: a majority of three has each message before it is acknowledged."""
        nodes = len(self.controllers)
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in self.controllers.items())
        return {"voters": voters, "replicas": min(nodes, 3), "in_sync": min(nodes, 3) // 2 + 1}


class ApacheKafka:
    """One broker. `port` 0 takes a free one; `directory` keeps the data, else it is temporary. `number` is the node's
    in its `quorum`. `brief`: it is to start soon rather than to be fast."""

    def __init__(
        self,
        port: int = 0,
        directory: Path | None = None,
        heap: str = "512m",
        guarded: Guarded = Guarded(),
        number: int = 1,
        quorum: Quorum | None = None,
        brief: bool = False,
    ) -> None:
        self._port = port
        self._guarded = guarded
        self._ports = {name: free_port() for name in guarded.listeners}
        self._kept = directory
        self._heap = heap
        self._number = number
        self._quorum = quorum
        self._brief = brief
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
        """Format the storage unless it is, start the broker, wait until it answers. Raises KafkaUnavailable."""
        java, libs = find_java(), fetch_jars()
        self._directory = self._kept or Path(tempfile.mkdtemp(prefix="coupled-kafka-"))
        quorum = self._quorum = self._quorum or Quorum({self._number: free_port()})
        properties = self._configure(self._directory, quorum)
        command = [f"-Xmx{self._heap}", "-Xshare:auto", "-XX:+UseSerialGC", "-Dlog4j2.level=WARN", "-cp", f"{libs}/*"]
        if not (self._directory / "data" / "meta.properties").is_file():
            self._format([java, _BRIEFLY, *command], properties, quorum)
        log = self._directory / "broker.log"
        how = [java, _BRIEFLY] if self._brief else [java]
        self._child = TiedProcess([*how, *command, "kafka.Kafka", str(properties)], log=log)
        self._child.start()
        if wait_until(lambda: answers_kafka(self._port), lambda: self.alive, _START_SECONDS):
            return self.bootstrap
        said = _first_error(log.read_text(encoding="utf-8", errors="replace"))
        self.stop()
        raise KafkaUnavailable(f"the broker did not start on {self.bootstrap}: {said}")

    def _configure(self, directory: Path, quorum: Quorum) -> Path:
        self._port = self._port or free_port()
        directory.mkdir(parents=True, exist_ok=True)
        ports = {"PLAINTEXT": self._port, **self._ports}
        protocols = {"PLAINTEXT": "PLAINTEXT", **self._guarded.listeners}
        text = _PROPERTIES.format(
            listeners=",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items()),
            protocols=",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            number=self._number,
            controller=quorum.controllers[self._number],
            data=directory / "data",
            **quorum.properties(),
        )
        text += "".join(f"{name}={value}\n" for name, value in self._guarded.properties.items())
        properties = directory / "server.properties"
        properties.write_text(text, encoding="utf-8")
        return properties

    def _format(self, command: list[str], properties: Path, quorum: Quorum) -> None:
        goal = [*command, "kafka.tools.StorageTool", "format", "-t", quorum.name, "-c", str(properties)]
        goal += [word for user in self._guarded.users for word in ("--add-scram", user)]
        done = subprocess.run(goal, capture_output=True, text=True, timeout=_START_SECONDS, check=False)  # noqa: S603
        if done.returncode != 0:
            raise KafkaUnavailable(f"the storage could not be formatted: {_first_error(done.stdout + done.stderr)}")

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up. The data stays until `stop`."""
        if self._child is not None:
            self._child.kill()

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
    """Run a broker, or a cluster of them, in the foreground until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description="Apache Kafka from its own jars.")
    parser.add_argument("--port", type=int, default=9092, help="where clients connect (default 9092); the first node's")
    parser.add_argument("--directory", type=Path, help="keep the data here (default: temporary)")
    parser.add_argument("--nodes", type=int, default=1, choices=range(1, 10), metavar="N", help="so many (default 1)")
    parser.add_argument("--fetch", action="store_true", help="only fetch the jars")
    chosen = parser.parse_args(arguments)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    try:
        if chosen.fetch:
            fetch_jars()
            return 0
        with _chosen(chosen) as kafka:
            print(f"Apache Kafka listens on {kafka.bootstrap}; Ctrl-C stops it.", flush=True)
            while kafka.alive and not over.wait(0.5):
                pass
            return 0 if over.is_set() else 1
    except KafkaUnavailable as error:
        print(f"Apache Kafka: {error}", file=sys.stderr)
        return 1


def _chosen(chosen: argparse.Namespace) -> ApacheKafka | KafkaCluster:
    from deploy.kafka.cluster import KafkaCluster

    if chosen.nodes == 1:
        return ApacheKafka(chosen.port, chosen.directory)
    return KafkaCluster(chosen.nodes, chosen.port, chosen.directory)


if __name__ == "__main__":
    sys.exit(main())
