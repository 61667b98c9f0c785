"""The steps of the daemon between which it is killed, by name (promises 1, 2, 5, 6 and 8).

Each is one method of the daemon's own: a kill comes right before its n-th call, or right after it has returned. One is
no step but any moment: wherever the daemon is after so much work. Only the process that is to be killed is changed; the
daemon's code knows nothing of it.
"""

from __future__ import annotations

import inspect
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random
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
# How much of the processor a daemon uses before a kill at any moment, in seconds: it has started after about one, and a
# full synchronisation is through after about three.
_WORK = (0.3, 4.0)


@dataclass(frozen=True)
class _Counted:
    """The kill comes when the step comes by for the n-th time.

    `run`: it is met only while a synchronisation run is at work; `asked`: only if the run has to ask whether to keep or
    restore; `times`: how often it is sure to come by, and the n-th time is drawn from.
    """

    after: bool
    run: bool = False
    times: int = 3
    asked: bool = False

    def when(self, random: Random) -> float:
        """At which time."""
        return random.randint(1, self.times)

    def arm(self, when: float) -> None:
        times = count(1)

        def die() -> None:
            if next(times) == when:
                os.kill(os.getpid(), signal.SIGKILL)

        self.wrap(die)

    def wrap(self, die: Deadly) -> None:
        """Lets the step call `die`, each time."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Step(_Counted):
    """A method of the daemon's."""

    owner: type
    method: str

    def wrap(self, die: Deadly) -> None:
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
class WriteStep(_Counted):
    """A request that changes a record: sent to its last byte, or answered."""

    def wrap(self, die: Deadly) -> None:
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


@dataclass(frozen=True)
class Moment:
    """After so many seconds of the processor, which a daemon uses where it works: half-way through anything.

    The kernel ends the process by SIGPROF, which nothing handles: at once and without a word to it, as by SIGKILL. Time
    of the processor, since seconds of the clock mean another place in the work on a busy machine.
    """

    run: bool = True
    asked: bool = False

    def when(self, random: Random) -> float:
        return random.uniform(*_WORK)

    def arm(self, when: float) -> None:
        signal.setitimer(signal.ITIMER_PROF, when)


ANY_MOMENT = "any moment"
STEPS: dict[str, Step | WriteStep | Moment] = {
    ANY_MOMENT: Moment(),
    "read": Step(owner=KafkaLog, method="publish", after=False),
    "publish": Step(owner=KafkaLog, method="_acknowledged", after=False),
    "acknowledge": Step(owner=KafkaLog, method="publish", after=True),
    "position": Step(owner=SqlPositions, method="published", after=True),
    "take": Step(owner=Synchronise, method="batch", after=False),
    "decide": Step(owner=Push, method="carry_out", after=False),
    "intent stored": Step(owner=SqlMemory, method="intend", after=True),
    "write sent": WriteStep(after=False),
    "write applied": WriteStep(after=True),
    "coupling stored": Step(owner=SqlMemory, method="record", after=True),
    "offset committed": Step(owner=AIOKafkaConsumerThread, method="_commit", after=True),
    "command stored": Step(owner=Commands, method="receive", after=True, run=True, times=1),
    "run created": Step(owner=Jobs, method="create_run", after=True, run=True, times=1),
    "job begun": Step(owner=Jobs, method="start_job", after=True, run=True),
    "job swept": Step(owner=Jobs, method="swept", after=True, run=True),
    "job finished": Step(owner=Jobs, method="finish_job", after=True, run=True),
    "run advanced": Step(owner=Jobs, method="set_run", after=True, run=True, times=2),
    "answer stored": Step(owner=Jobs, method="answer", after=True, run=True, times=1, asked=True),
    "outcome told": Step(owner=KafkaLog, method="announce", after=True, run=True),
    "outcome noted": Step(owner=Commands, method="announced", after=True, run=True),
}


def arm(name: str, when: float) -> None:
    """This process is killed at that step, when it comes by for that time, or after so much work."""
    STEPS[name].arm(when)
