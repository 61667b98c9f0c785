"""Addresses that no store can look up are refused, and do not break it."""

import pytest

from daemon.web.problems import ProblemDocument

HUGE = 2**70


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/api/jobs/{HUGE}", 422),
        (f"/api/jobs/{HUGE}/findings", 422),
        (f"/api/jobs/{HUGE}/records", 422),
        ("/api/jobs/1/records?outcome=nonsense", 422),
        ("/api/jobs/1/records?offset=1", 422),
        (f"/api/failures?job={HUGE}", 422),
        (f"/api/jobs/{2**31}", 422),
        (f"/api/failures?job={2**31}", 422),
        (f"/api/couplings?offset={HUGE}", 422),
        ("/api/couplings?text=%00", 400),
        ("/api/commands/a%00b", 400),
    ],
)
async def test_what_no_store_can_look_up_is_refused(browser, path, status):
    answer = await browser.get(path)
    assert answer.status_code == status
    assert ProblemDocument.model_validate(answer.json()).status == status


@pytest.mark.parametrize(
    "path",
    [
        *(f"/jobs/{HUGE}{part}" for part in ("", "/findings", "/records")),
        *(f"/{page}?offset={HUGE}" for page in ("jobs", "jobs/4", "jobs/4/findings", "jobs/4/records")),
        *(f"/{page}?offset={HUGE}" for page in ("errors", "blanks", "couplings")),
    ],
)
async def test_pages_refuse_it_too(browser, path):
    assert (await browser.get(path)).status_code == 422
