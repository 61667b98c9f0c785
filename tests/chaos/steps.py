"""The steps of the daemon between which it is killed, by name (promises 1, 2, 5, 6 and 8).

Each is one method of the daemon's own: a kill comes right before its n-th call, or right after it has returned. Only
the process that is to be killed is changed; the daemon's code knows nothing of it.
"""

from __future__ import annotations

import inspect
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

import httpx
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from consumers.push import Push
from consumers.synchronise import Synchronise
from daemon.kafka import KafkaLog
from daemon.store.commands import Commands
from daemon.store.jobs import Jobs
from daemon.store.memory import SqlMemory
from daemon.store.positions import SqlPositions

Deadly = Callable[[], None]


@dataclass(frozen=True)
class Step:
    """`run`: it is met only while a synchronisation run is at work."""

    owner: type
    method: str
    after: bool
    run: bool = False

    def arm(self, die: Deadly) -> None:
        whole = getattr(self.owner, self.method)
        setattr(self.owner, self.method, self._deadly(whole, die))

    def _deadly(self, whole: Callable[..., Any], die: Deadly) -> Callable[..., Any]:
        if not inspect.iscoroutinefunction(whole):

            def at_once(*given: Any, **named: Any) -> Any:
                die()
                return whole(*given, **named)

            return at_once

        async def step(*given: Any, **named: Any) -> Any:
            if not self.after:
                die()
            done = await whole(*given, **named)
            if self.after:
                die()
            return done

        return step


@dataclass(frozen=True)
class WriteStep:
    """A request that changes a record: sent to its last byte, or answered."""

    after: bool
    run: bool = False

    def arm(self, die: Deadly) -> None:
        whole = httpx.AsyncHTTPTransport.handle_async_request

        async def step(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
            if request.method == "GET" or request.url.path.endswith("/token"):
                return await whole(transport, request)

            async def trace(event: str, _: Any) -> None:
                if event == "http11.send_request_body.complete" and not self.after:
                    die()

            request.extensions = {**request.extensions, "trace": trace}
            answer = await whole(transport, request)
            if self.after:
                die()
            return answer

        # What stands on the class is replaced as a whole.
        cast(Any, httpx.AsyncHTTPTransport).handle_async_request = step


STEPS: dict[str, Step | WriteStep] = {
    "read": Step(KafkaLog, "publish", after=False),
    "publish": Step(KafkaLog, "_acknowledged", after=False),
    "acknowledge": Step(KafkaLog, "publish", after=True),
    "position": Step(SqlPositions, "published", after=True),
    "take": Step(Synchronise, "batch", after=False),
    "decide": Step(Push, "carry_out", after=False),
    "intent stored": Step(SqlMemory, "intend", after=True),
    "write sent": WriteStep(after=False),
    "write applied": WriteStep(after=True),
    "coupling stored": Step(SqlMemory, "record", after=True),
    "offset committed": Step(AIOKafkaConsumerThread, "_commit", after=True),
    "command stored": Step(Commands, "receive", after=True, run=True),
    "run created": Step(Jobs, "create_run", after=True, run=True),
    "job begun": Step(Jobs, "start_job", after=True, run=True),
    "job swept": Step(Jobs, "swept", after=True, run=True),
    "job finished": Step(Jobs, "finish_job", after=True, run=True),
    "run advanced": Step(Jobs, "set_run", after=True, run=True),
    "answer stored": Step(Jobs, "answer", after=True, run=True),
    "outcome told": Step(KafkaLog, "announce", after=True, run=True),
    "outcome noted": Step(Commands, "announced", after=True, run=True),
}


def arm(name: str, number: int) -> None:
    """This process is killed when the step comes by for that time."""
    times = count(1)

    def die() -> None:
        if next(times) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    STEPS[name].arm(die)
