"""Several nodes of Apache Kafka as one cluster on this machine, each broker and controller.

    with KafkaCluster() as kafka:
        kafka.kill(kafka.leader_of("coupled.bc.customers", 0))

Of three nodes one may be away: every topic made with the defaults is on three of them, and a message is acknowledged
(`acks=all`) once two have it.
"""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Self

from kafka.admin import KafkaAdminClient

from daemon.broker import free_port
from deploy.kafka.run_kafka import ApacheKafka, Quorum


class KafkaCluster:
    """`nodes` brokers, numbered from 1. `port` is the first one's, the others' follow; 0 takes free ones.
    `brief`: see `ApacheKafka`."""

    def __init__(
        self,
        nodes: int = 3,
        port: int = 0,
        directory: Path | None = None,
        heap: str = "256m",
        brief: bool = False,
    ) -> None:
        self._kept = directory
        self._directory = directory or Path(tempfile.mkdtemp(prefix="coupled-kafka-"))
        numbers = range(1, nodes + 1)
        quorum = Quorum({number: free_port() for number in numbers})
        ports = {number: port + number - 1 if port else free_port() for number in numbers}
        self._nodes = {
            number: ApacheKafka(
                ports[number], self._directory / str(number), heap, number=number, quorum=quorum, brief=brief
            )
            for number in numbers
        }

    @property
    def bootstrap(self) -> str:
        """Where clients connect: all nodes, separated by commas."""
        return ",".join(node.bootstrap for node in self._nodes.values())

    @property
    def alive(self) -> bool:
        """Whether all nodes run."""
        return all(node.alive for node in self._nodes.values())

    def start(self) -> str:
        """All nodes at once, since none answers before most of them are there. Raises KafkaUnavailable."""
        with ThreadPoolExecutor(len(self._nodes)) as pool:
            for started in [pool.submit(node.start) for node in self._nodes.values()]:
                started.result()
        return self.bootstrap

    def leader_of(self, topic: str, partition: int) -> int:
        """The number of the node that leads the partition."""
        with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap.split(","))) as admin:
            [found] = admin.describe_topics([topic])
        return next(int(one["leader_id"]) for one in found["partitions"] if one["partition_index"] == partition)

    def kill(self, number: int) -> None:
        """SIGKILL for one node."""
        self._nodes[number].kill()

    def restart(self, number: int) -> None:
        """Starts a node that was killed, on its data and its port."""
        self._nodes[number].start()

    def stop(self) -> None:
        """End all nodes and remove their data, unless a directory was given. May be called twice."""
        with ThreadPoolExecutor(len(self._nodes)) as pool:
            list(pool.map(lambda node: node.stop() if self._kept else node.kill(), self._nodes.values()))
        if self._kept is None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
