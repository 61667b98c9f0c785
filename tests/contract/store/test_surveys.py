"""What a survey keeps while it runs: pages and positions together, gone when it is over (promise 6)."""

from dataclasses import replace

from daemon.store.engine import Store
from schemas.job import Run, RunKind, RunState
from schemas.side import Direction, Side
from schemas.survey import Finding, Kind

from .made import CUSTOMER, change


async def _job(store: Store, run: str = "r1") -> int:
    await store.jobs.create_run(Run(run, RunKind.MATCH, RunState.ACCEPTED, (CUSTOMER,)), [(CUSTOMER, Direction.BOTH)])
    return (await store.jobs.jobs_of(run))[0].id


async def _stage(store: Store, job: int, side: Side, *keys: str, position: str = "p") -> None:
    changes = [replace(change(key, side), after={"id": key, "name": key.upper()}) for key in keys]
    await store.surveys.stage(job, side, changes, {"next": position})


async def test_a_page_is_kept_with_its_position_and_counted(store: Store) -> None:
    job = await _job(store)
    assert await store.surveys.position(job, Side.BC) == {}

    await _stage(store, job, Side.BC, "b", "a", position="p1")
    await _stage(store, job, Side.SALES, "a", position="p7")
    await _stage(store, job, Side.BC, position="p2")

    assert await store.surveys.position(job, Side.BC) == {"next": "p2"}
    assert await store.surveys.position(job, Side.SALES) == {"next": "p7"}
    assert (await store.jobs.jobs_of("r1"))[0].read == 3


async def test_rows_come_in_the_order_of_their_ids_from_any_of_them_on(store: Store) -> None:
    job, other = await _job(store), await _job(store, "r2")
    await _stage(store, job, Side.BC, "c", "a", "b")
    await _stage(store, other, Side.BC, "d")

    first = await store.surveys.page(job, Side.BC, "", 2)
    assert first == [("a", {"id": "a", "name": "A"}), ("b", {"id": "b", "name": "B"})]
    assert [key for key, _ in await store.surveys.page(job, Side.BC, "b", 2)] == ["c"]
    assert await store.surveys.page(job, Side.BC, "c", 2) == []
    assert list(await store.surveys.rows(job, Side.BC, ["c", "d"])) == ["c"]
    assert await store.surveys.rows(job, Side.SALES, ["c"]) == {}


async def test_a_record_shown_twice_is_kept_as_it_was_read_last(store: Store) -> None:
    job = await _job(store)
    await _stage(store, job, Side.BC, "a")
    await store.surveys.stage(job, Side.BC, [replace(change("a"), after={"id": "a", "name": "new"})], {"done": True})

    assert await store.surveys.page(job, Side.BC, "", 9) == [("a", {"id": "a", "name": "new"})]


async def test_what_is_over_is_forgotten_and_nothing_else(store: Store) -> None:
    job, other = await _job(store), await _job(store, "r2")
    for one in (job, other):
        await _stage(store, one, Side.BC, "a")
    await store.surveys.forget(job)

    assert await store.surveys.page(job, Side.BC, "", 9) == []
    assert await store.surveys.position(job, Side.BC) == {}
    assert await store.surveys.position(other, Side.BC) == {"next": "p"}
    assert len(await store.surveys.page(other, Side.BC, "", 9)) == 1


async def test_findings_are_complete_once_sealed_and_come_page_by_page_and_by_kind(store: Store) -> None:
    job, other = await _job(store), await _job(store, "r2")
    kinds = [Kind.MATCHED, Kind.UNMATCHED, Kind.MATCHED]
    found = [Finding(kind, Direction.BOTH, f"b{n}", None, f"{n}", {"n": n}) for n, kind in enumerate(kinds)]
    await store.findings.add(job, CUSTOMER, found[:2])
    await store.findings.clear(job)
    await store.findings.add(job, CUSTOMER, found)
    await store.findings.add(other, CUSTOMER, found[:1])
    assert not await store.findings.sealed(job)
    await store.findings.seal(job, {"matched": 2, "unmatched": 0})
    assert await store.findings.sealed(job)
    assert not await store.findings.sealed(other)

    ((first, one),) = await store.findings.page(job, [Kind.MATCHED], 0, 1)
    assert one == found[0]
    assert [two for _, two in await store.findings.page(job, [Kind.MATCHED], first, 9)] == [found[2]]
    assert [each for _, _, each in await store.findings.of_run("r1")] == found
    assert [each.label for _, _, each in await store.findings.of_run("r1", "unmatched")] == ["1"]
    assert (await store.jobs.jobs_of("r1"))[0].found == {"matched": 2, "unmatched": 0}


async def test_what_needs_nothing_is_packed_and_listed_in_its_order_page_by_page(store: Store) -> None:
    job, other = await _job(store), await _job(store, "r2")
    equal = [Finding(Kind.EQUAL, Direction.BOTH, f"b{n}", f"s{n}", f"{n}") for n in range(7)]
    alone = [Finding(Kind.UNCOUPLED_BC, Direction.TO_SALES, "b9", None, "9")]
    drift = Finding(Kind.DRIFT, Direction.BOTH, "b8", "s8", "8", {"fields": []})
    await store.findings.add(job, CUSTOMER, [*equal, drift])
    await store.findings.clear(job)
    assert await store.findings.of_job(job, Kind.EQUAL, 0, 9) == []
    await store.findings.add(job, CUSTOMER, [*equal[:3], drift, *alone])
    await store.findings.add(other, CUSTOMER, equal[:1])
    await store.findings.add(job, CUSTOMER, equal[3:4])
    await store.findings.add(job, CUSTOMER, [])
    await store.findings.add(job, CUSTOMER, equal[4:])

    every = await store.findings.of_job(job, Kind.EQUAL, 0, 99)
    assert [one for _, _, one in every] == equal
    for size in (1, 2, 3, 5):
        assert [
            one for at in range(0, 7, size) for one in await store.findings.of_job(job, Kind.EQUAL, at, size)
        ] == every
        paged = list(every[:0])
        while some := await store.findings.of_job(job, Kind.EQUAL, 0, size, paged[-1][0] if paged else 0):
            paged += some
        assert paged == every
    assert await store.findings.of_job(job, Kind.EQUAL, 2**53 - 1, 50) == []
    assert await store.findings.of_run("r1", Kind.EQUAL, after=every[4][0], limit=1) == every[5:6]
    assert [one.label for _, _, one in await store.findings.of_run("r1", Kind.EQUAL, "OTHER")] == []
    assert [one for _, _, one in await store.findings.of_job(job, Kind.UNCOUPLED_BC, 0, 9)] == alone
    assert [one for _, _, one in await store.findings.of_job(job, None, 0, 9)] == [drift]
    counts = [await store.findings.count(job, kind, None) for kind in (Kind.EQUAL, Kind.OUTSIDE, Kind.DRIFT, None)]
    assert counts == [7, 0, 1, 1]
    assert await store.findings.count(job, Kind.UNCOUPLED_BC, Direction.TO_BC) == 0
    assert await store.findings.known(job, ["b1", "b8"]) == {"b8"}, "what is plain is not looked for"


async def test_a_name_that_postgresql_cannot_hold_stops_no_survey(store: Store) -> None:
    job = await _job(store)
    for kind in (Kind.DRIFT, Kind.EQUAL):
        await store.findings.add(job, CUSTOMER, [Finding(kind, Direction.BOTH, "b1", "s1", "Ad\0atum")])
        [(_, _, found)] = await store.findings.of_job(job, kind, 0, 9)
        assert found.label == "Adatum"
