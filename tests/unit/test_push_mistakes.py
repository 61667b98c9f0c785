"""A mistake of ours after the decision fails the record it was met on, and no other (promise 7)."""

from typing import Any

import pytest

from schemas.outcome import Outcome
from tests.unit.test_push import Bench


@pytest.mark.parametrize(("where", "stale"), [("resolve", True), ("modified", False)])
async def test_the_others_go_on(where: str, stale: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(on_update_conflict="merge")
    pairs = [bench.pair(name=name) for name in ("Adatum", "Contoso", "Fabrikam")]
    for here, there in pairs:
        bench.bc.edit(bench.mapping.bc, here, city="Wien")
        if stale:
            bench.sales.edit(bench.mapping.sales, there, telephone1="2")
    decisions = bench.decided(*(here for here, _ in pairs))
    from consumers import push

    right = getattr(push, where)

    def mistaken(item: Any, row: Any) -> Any:
        if item.change.key == pairs[1][0]:
            raise RuntimeError("a mistake of ours")
        return right(item, row)

    monkeypatch.setattr(push, where, mistaken)
    ends = {end.change.key: end for end in await bench.push(decisions)}
    assert [ends[here].outcome for here, _ in pairs] == [Outcome.MODIFIED, Outcome.FAILED, Outcome.MODIFIED]
    broken = ends[pairs[1][0]]
    assert broken.problem is not None
    assert (broken.problem.code, broken.partner) == ("internal-error", pairs[1][1])
