"""How a mapping is set right now: the file, overridden by answers and by running full synchronisations (promise 6)."""

from dataclasses import replace

import pytest

from daemon.store.engine import Store
from schemas.job import MappingState, Run, RunKind, RunState
from schemas.outcome import Outcome

from .conftest import Clock
from .made import CUSTOMER, NOWHERE, ended, mapping

FULL = Run("run-1", RunKind.FULL, RunState.RUNNING, (CUSTOMER, "OTHER"), cleared=(CUSTOMER,))


async def _only_coupled(store: Store, in_file: bool = True) -> bool:
    return (await store.memory.flags([mapping(only_coupled=in_file)]))[CUSTOMER].only_coupled


async def test_without_overrides_the_file_counts(store: Store) -> None:
    flags = await store.memory.flags([mapping(), mapping("OTHER", only_coupled=False)])

    assert (flags[CUSTOMER].only_coupled, flags["OTHER"].only_coupled) == (True, False)
    assert not flags[CUSTOMER].paused


@pytest.mark.parametrize("value", [True, False])
async def test_a_stored_setting_overrides_the_file_until_taken_back(store: Store, value: bool) -> None:
    await store.states.set_only_coupled([CUSTOMER], value)
    assert await _only_coupled(store, in_file=not value) is value

    await store.states.set_only_coupled([CUSTOMER], None)
    assert await _only_coupled(store, in_file=not value) is not value


async def test_only_coupled_is_off_while_a_run_that_cleared_it_is_running(store: Store) -> None:
    await store.states.set_only_coupled([CUSTOMER, "OTHER"], True)
    await store.jobs.create_run(replace(FULL, state=RunState.ACCEPTED), [])
    assert await _only_coupled(store)

    await store.jobs.set_run("run-1", RunState.RUNNING)
    assert not await _only_coupled(store)
    assert (await store.memory.flags([mapping("OTHER")]))["OTHER"].only_coupled

    await store.jobs.set_run("run-1", RunState.AWAITING_ANSWER)
    assert await _only_coupled(store)


async def test_a_pause_shows_in_the_flags_and_keeps_its_beginning(store: Store, clock: Clock) -> None:
    began = clock()
    await store.states.pause([CUSTOMER], began)
    await store.states.pause([CUSTOMER], clock.forward(60))

    assert (await store.memory.flags([mapping()]))[CUSTOMER].paused
    assert await store.states.all() == {CUSTOMER: MappingState(CUSTOMER, None, began, False)}


async def test_resuming_names_those_that_missed_changes(store: Store, clock: Clock) -> None:
    await store.states.pause([CUSTOMER, "OTHER", "STILL"], clock())
    await store.memory.record([ended("b1", Outcome.IGNORED, missed=True)], NOWHERE)

    assert await store.states.behind() == []
    assert await store.states.resume([CUSTOMER, "OTHER"]) == [CUSTOMER]
    assert not (await store.memory.flags([mapping()]))[CUSTOMER].paused
    assert (await store.states.get("STILL")).paused_at == clock()


async def test_what_was_missed_is_not_forgotten_before_the_catch_up_is_on_record(store: Store, clock: Clock) -> None:
    """A kill between resuming and creating the run: the repeated command must find it again (promise 1)."""
    await store.states.pause([CUSTOMER], clock())
    await store.memory.record([ended("b1", Outcome.IGNORED, missed=True)], NOWHERE)
    await store.states.resume([CUSTOMER])

    assert await store.states.resume([CUSTOMER]) == [CUSTOMER]
    assert await store.states.behind() == [CUSTOMER]

    await store.states.caught_up([CUSTOMER])
    assert await store.states.resume([CUSTOMER]) == []
    assert await store.states.behind() == []


async def test_a_mapping_nobody_touched_is_as_the_file_says(store: Store) -> None:
    assert await store.states.get("NEW") == MappingState("NEW")
    await store.states.set_only_coupled([], True)
    assert await store.states.all() == {}
