"""Positions: published after Kafka's acknowledgement, applied when the outcomes are stored (promises 1, 5 and 6)."""

import pytest

from consumers.ports import Applied
from daemon.store.engine import Store
from producers.ports import Marks, Published
from schemas.errors import Unreachable
from schemas.job import Job, Run, RunKind, RunState
from schemas.outcome import Outcome
from schemas.side import Direction

from .asking import asked
from .conftest import Clock
from .made import CUSTOMER, TOPIC, ended

NAME = "live:bc:customers"
LOG = "log-1"


async def _page(store: Store, number: int, offsets: dict[int, int], topic: str = TOPIC) -> None:
    await store.positions.published(NAME, {"page": number}, Published(topic, offsets), count=10)


async def _apply(
    store: Store, offsets: dict[int, int], log_id: str = LOG, topic: str = TOPIC, since: dict[int, int] | None = None
) -> None:
    await store.memory.record([], Applied(topic, log_id, offsets, since or {}))


async def _applied(store: Store) -> object:
    marks = await store.positions.load(NAME)
    assert marks is not None
    return marks.applied["page"]


async def test_an_unknown_position_is_none_and_cannot_be_moved(store: Store) -> None:
    assert await store.positions.load(NAME) is None
    assert await store.positions.settle(NAME)
    with pytest.raises(LookupError, match=NAME):
        await _page(store, 1, {0: 1})


async def test_publishing_moves_one_mark_settling_the_other(store: Store) -> None:
    await store.positions.begin(NAME, {"page": 0}, LOG)
    await _page(store, 1, {0: 4, 2: 9})

    assert await store.positions.load(NAME) == Marks({"page": 1}, {"page": 0}, LOG)
    assert not await store.positions.settle(NAME)

    await _apply(store, {0: 4})
    assert not await store.positions.settle(NAME)
    assert await _applied(store) == 0

    await _apply(store, {2: 11})
    assert await store.positions.settle(NAME)
    assert await store.positions.load(NAME) == Marks({"page": 1}, {"page": 1}, LOG)


async def test_a_table_at_rest_costs_two_questions_a_poll_whatever_is_in_flight(store: Store) -> None:
    await store.positions.begin(NAME, {"page": 0}, LOG)
    for pages in range(3):
        with asked(store) as found:
            assert await store.positions.settle(NAME) is (pages == 0)
        questions = [statement for statement, _ in found if not statement.startswith("BEGIN")]
        assert len(questions) == 2, questions
        await _page(store, pages, {0: pages})


async def test_the_applied_mark_never_passes_a_page_in_flight(store: Store) -> None:
    await store.positions.begin(NAME, {"page": 0}, LOG)
    for number, offsets in enumerate([{0: 1}, {1: 1}, {0: 2}], start=1):
        await _page(store, number, offsets)

    await _apply(store, {0: 2})
    assert not await store.positions.settle(NAME)
    assert await _applied(store) == 1

    await _apply(store, {1: 1})
    assert await store.positions.settle(NAME)
    assert await _applied(store) == 3


async def test_progress_of_another_log_or_topic_settles_nothing(store: Store) -> None:
    await store.positions.begin(NAME, {"page": 0}, "log-2")
    await _page(store, 1, {0: 1})
    await _apply(store, {0: 99}, log_id=LOG)
    await _apply(store, {0: 99}, log_id="log-2", topic="another")

    assert not await store.positions.settle(NAME)
    assert await _applied(store) == 0


async def test_a_page_that_put_nothing_on_the_log_is_applied_in_its_turn(store: Store) -> None:
    await store.positions.begin(NAME, {"page": 0}, LOG)
    await _page(store, 1, {0: 5})
    await _page(store, 2, {})

    assert not await store.positions.settle(NAME)
    assert await _applied(store) == 0

    await _apply(store, {0: 5})
    assert await store.positions.settle(NAME)
    assert await _applied(store) == 2


async def test_beginning_anew_forgets_what_is_in_flight(store: Store) -> None:
    await store.positions.begin(NAME, {"page": 0}, LOG)
    await _page(store, 1, {0: 5})
    await store.positions.begin(NAME, {"page": 0}, "log-2")

    assert await store.positions.settle(NAME)
    assert await store.positions.load(NAME) == Marks({"page": 0}, {"page": 0}, "log-2")


async def _job(store: Store) -> Job:
    run = Run("run-1", RunKind.FULL, RunState.RUNNING, (CUSTOMER,))
    await store.jobs.create_run(run, [(CUSTOMER, Direction.TO_SALES)])
    [job] = await store.jobs.jobs_of("run-1")
    return job


async def _sums(store: Store, job: Job) -> tuple[int, int]:
    """What the job has published, and the sum of its outcomes."""
    found = await store.jobs.job(job.id)
    assert found is not None
    return found.published, found.settled


async def test_a_new_log_takes_off_a_job_what_it_has_to_publish_again(store: Store) -> None:
    """Published = sum of outcomes (DESIGN 2.4), also after a kill that cost the log."""
    job = await _job(store)
    name = f"job:{job.id}"
    await store.positions.begin(name, {}, LOG)
    await store.positions.published(name, {"next": "2"}, Published(TOPIC, {0: 0}), 1, job=job.id)
    await store.positions.published(name, {"next": "3"}, Published(TOPIC, {0: 1}), 400, job=job.id)
    await store.memory.record([ended("a", Outcome.IGNORED, job=job.id)], Applied(TOPIC, LOG, {0: 0}))
    assert not await store.positions.settle(name)

    assert await store.positions.resume(name, "log-2") == {"next": "2"}
    assert await _sums(store, job) == (1, 1)


async def test_a_kill_between_the_outcomes_and_the_mark_costs_no_page_when_the_log_is_lost(store: Store) -> None:
    job = await _job(store)
    name = f"job:{job.id}"
    await store.positions.begin(name, {}, LOG)
    await store.positions.published(name, {"next": "2"}, Published(TOPIC, {0: 0, 1: 0}), 2, job=job.id)
    await store.memory.record([ended("a", Outcome.IGNORED, job=job.id)], Applied(TOPIC, LOG, {0: 0}))
    await store.memory.record([ended("b", Outcome.IGNORED, job=job.id)], Applied(TOPIC, LOG, {1: 0}))

    assert await store.positions.resume(name, "log-2") == {"next": "2"}
    assert await store.positions.load(name) == Marks({"next": "2"}, {"next": "2"}, "log-2")
    assert await _sums(store, job) == (2, 2)


async def test_a_page_of_which_a_part_is_applied_when_the_log_is_lost_counts_that_part(store: Store) -> None:
    """Published = sum of outcomes (DESIGN 2.4): what has an outcome stays published, and gets another one."""
    job = await _job(store)
    name = f"job:{job.id}"
    await store.positions.begin(name, {}, LOG)
    await store.positions.published(name, {"next": "2"}, Published(TOPIC, {0: 0, 1: 0}), 2, job=job.id)
    await store.memory.record([ended("a", Outcome.IGNORED, job=job.id)], Applied(TOPIC, LOG, {0: 0}))

    assert await store.positions.resume(name, "log-2") == {}
    assert await _sums(store, job) == (1, 1)


async def test_a_page_that_a_kill_has_put_on_the_log_twice_counts_twice(store: Store) -> None:
    """Kafka has acknowledged it, and the kill came before it was noted (promise 1): both copies get their outcomes."""
    job = await _job(store)
    name = f"job:{job.id}"
    await store.positions.begin(name, {}, LOG)
    await store.positions.published(name, {"done": True}, Published(TOPIC, {0: 1}), 1, job=job.id)
    await store.memory.record([ended("a", Outcome.IGNORED, job=job.id)] * 2, Applied(TOPIC, LOG, {0: 1}))
    assert await store.positions.settle(name)
    await store.positions.forget(name)
    await store.positions.forget(name)

    assert await _sums(store, job) == (2, 2)


async def test_a_record_without_its_outcome_is_seen_when_the_job_is_over(store: Store) -> None:
    """Whoever looks for lost records compares the two numbers: none may be made equal to the other."""
    job = await _job(store)
    name = f"job:{job.id}"
    await store.positions.begin(name, {}, LOG)
    await store.positions.published(name, {"done": True}, Published(TOPIC, {0: 1}), 2, job=job.id)
    await store.memory.record([ended("a", Outcome.IGNORED, job=job.id)], Applied(TOPIC, LOG, {0: 1}))
    assert await store.positions.settle(name)
    await store.positions.forget(name)

    assert await _sums(store, job) == (2, 1)


async def test_the_same_log_is_gone_on_with_from_what_is_published(store: Store) -> None:
    assert await store.positions.resume(NAME, LOG) is None
    await store.positions.begin(NAME, {"page": 0}, LOG)
    await _page(store, 1, {0: 5})

    assert await store.positions.resume(NAME, LOG) == {"page": 1}
    assert not await store.positions.settle(NAME)


async def test_a_topic_made_anew_while_we_run_is_published_to_again(store: Store) -> None:
    """Its offsets begin again, and nothing on it may be passed over (promises 1 and 5)."""
    await store.positions.begin(NAME, {"page": 0}, LOG)
    await _page(store, 1, {0: 40})
    await _apply(store, {0: 40})
    assert await store.positions.settle(NAME)

    with pytest.raises(Unreachable, match=TOPIC):
        await _page(store, 2, {0: 1})
    assert await store.positions.load(NAME) == Marks({"page": 1}, {"page": 1}, LOG)

    await _page(store, 2, {0: 3})
    assert not await store.positions.settle(NAME)
    assert (await store.memory.applied(TOPIC, LOG)).offsets == {0: 1}
    await _apply(store, {0: 3}, since={0: 1})
    assert await store.positions.settle(NAME)


async def test_a_topic_made_anew_gives_a_sweep_what_it_had_in_flight_to_publish_again(store: Store) -> None:
    job = await _job(store)
    name = f"job:{job.id}"
    await _apply(store, {0: 40})
    await store.positions.begin(name, {}, LOG)
    await store.positions.published(name, {"next": "2"}, Published(TOPIC, {0: 41}), 500, job=job.id)

    with pytest.raises(Unreachable, match=TOPIC):
        await store.positions.published(name, {"next": "3"}, Published(TOPIC, {0: 0}), 400, job=job.id)

    assert await store.positions.load(name) == Marks({}, {}, LOG)
    assert [job.published for job in await store.jobs.jobs_of("run-1")] == [0]


async def test_a_worker_that_is_faster_than_our_note_of_what_we_published(store: Store) -> None:
    """Kafka hands a message out as soon as it has it: its outcome may be stored before its page is."""
    await store.positions.begin(NAME, {"page": 0}, LOG)
    await _page(store, 1, {0: 7})
    await _apply(store, {0: 8})
    await _page(store, 2, {0: 8})

    assert await store.positions.settle(NAME)
    assert (await store.memory.applied(TOPIC, LOG)).offsets == {0: 8}


async def test_forgetting(store: Store) -> None:
    await store.positions.begin(NAME, {"page": 0}, LOG)
    await _page(store, 1, {0: 5})
    await store.positions.forget(NAME)
    await store.positions.forget(NAME)

    assert await store.positions.load(NAME) is None


async def test_a_swept_page_is_counted_and_passed_in_one_step(store: Store) -> None:
    job = await _job(store)
    await store.positions.begin("job:1", {}, LOG)

    await store.positions.published("job:1", {"next": "x"}, Published(TOPIC, {0: 1}), 500, job=job.id)
    with pytest.raises(LookupError):
        await store.positions.published("job:2", {}, Published(TOPIC, {0: 2}), 500, job=job.id)

    found = await store.jobs.job(job.id)
    assert found is not None
    assert found.published == 500


async def test_the_view_tells_the_age_of_both_marks(store: Store, clock: Clock) -> None:
    await store.positions.begin(NAME, {"page": 0}, LOG)
    clock.forward(30)
    await _page(store, 1, {0: 5})
    clock.forward(12)

    [view] = await store.views.positions()

    assert (view.name, view.applied_age) == (NAME, 42.0)
    assert (view.pages_in_flight, view.records_in_flight) == (1, 10)


async def test_what_is_applied_is_not_in_flight_though_nobody_has_settled_it_yet(store: Store) -> None:
    """Capture settles with its next look, which a pause puts off for days, and webhooks for minutes."""
    await store.positions.begin(NAME, {"page": 0}, LOG)
    for number in (1, 2, 3):
        await _page(store, number, {0: number, 2: number})
    await _apply(store, {0: 3, 2: 1})
    [view] = await store.views.positions()
    assert (view.pages_in_flight, view.records_in_flight) == (2, 20)
    await _apply(store, {2: 3}, log_id="another")
    [view] = await store.views.positions()
    assert view.records_in_flight == 30, "another log says nothing of this one"
    await _apply(store, {2: 3})
    [view] = await store.views.positions()
    assert (view.pages_in_flight, view.records_in_flight) == (0, 0)
    assert await _applied(store) == 0


async def test_messages_gone_before_anybody_read_them_are_published_again(store: Store) -> None:
    """Retention has passed them: what comes after them says nothing of them (promises 1 and 5)."""
    await store.positions.begin(NAME, {"page": 0}, LOG)
    await _page(store, 1, {0: 5})
    await _apply(store, {0: 5})
    await _page(store, 2, {0: 9})
    await _page(store, 3, {0: 12})
    await store.memory.record([], Applied(TOPIC, LOG, {0: 12}, {0: 5}, missed={0: 6}))

    with pytest.raises(Unreachable, match="nobody had read"):
        await store.positions.settle(NAME)
    assert await store.positions.resume(NAME, LOG) == {"page": 1}
    await _page(store, 2, {0: 20})
    assert not await store.positions.settle(NAME)


async def test_who_publishes_meanwhile_does_not_pass_over_what_is_gone(store: Store) -> None:
    await store.positions.begin(NAME, {"page": 0}, LOG)
    await _page(store, 1, {0: 5})
    await store.memory.record([], Applied(TOPIC, LOG, {0: 5}, missed={0: 0}))

    with pytest.raises(Unreachable, match="nobody had read"):
        await _page(store, 2, {0: 9})
    assert await store.positions.resume(NAME, LOG) == {"page": 0}


async def test_what_is_gone_before_the_last_page_that_was_applied_is_no_loss(store: Store) -> None:
    """Its outcomes came from an earlier delivery, or it was never ours."""
    await store.positions.begin(NAME, {"page": 0}, LOG)
    await _page(store, 1, {0: 5, 1: 3})
    await _apply(store, {1: 3})
    await store.memory.record([], Applied(TOPIC, LOG, {1: 9}, {1: 3}, missed={1: 4}))
    await _apply(store, {0: 5})

    assert await store.positions.settle(NAME)
    assert await _applied(store) == 1


async def test_a_sweep_whose_messages_are_gone_is_not_through(store: Store) -> None:
    job = await _job(store)
    name = f"job:{job.id}"
    await store.positions.begin(name, {}, LOG)
    await store.positions.published(name, {"done": True}, Published(TOPIC, {0: 41}), 500, job=job.id)
    await store.memory.record([], Applied(TOPIC, LOG, {0: 50}, missed={0: 0}))

    with pytest.raises(Unreachable, match="nobody had read"):
        await store.positions.settle(name)
    assert await store.positions.resume(name, LOG) == {}
    assert await _sums(store, job) == (0, 0)


async def test_messages_gone_are_noticed_though_nothing_follows_them(store: Store) -> None:
    await store.positions.begin(NAME, {"page": 0}, LOG)
    await _page(store, 1, {0: 5})
    await _apply(store, {0: 5})
    assert await store.positions.settle(NAME)
    await _page(store, 2, {0: 9})

    assert not await store.positions.gone(TOPIC, LOG, {0: 6, 1: 0})
    assert await store.positions.gone(TOPIC, LOG, {0: 10, 1: 0})
    assert not await store.positions.gone(TOPIC, LOG, {0: 10, 1: 0})
    assert await store.positions.resume(NAME, LOG) == {"page": 1}
    await _page(store, 2, {0: 10})
    assert not await store.positions.settle(NAME)
    await _apply(store, {0: 10}, since={0: 9})
    assert await store.positions.settle(NAME)


async def test_what_a_topic_made_anew_held_of_others_is_published_again_too(store: Store) -> None:
    job = await _job(store)
    name = f"job:{job.id}"
    await store.positions.begin(NAME, {"page": 0}, LOG)
    await _apply(store, {0: 40})
    await store.positions.begin(name, {}, LOG)
    await _page(store, 1, {0: 41})

    with pytest.raises(Unreachable, match=TOPIC):
        await store.positions.published(name, {"next": "2"}, Published(TOPIC, {0: 1}), 1, job=job.id)
    with pytest.raises(Unreachable):
        await store.positions.settle(NAME)
    assert await store.positions.resume(NAME, LOG) == {"page": 0}
