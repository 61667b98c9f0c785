"""A creation that Business Central carries out after the connection was lost leaves one customer (promise 2, D123)."""

import pytest

from consumers.business_central import BusinessCentralTarget
from consumers.decide import decide
from consumers.patience import Patience
from consumers.ports import Applied, Flags
from consumers.push import Push
from daemon.sandbox.faults import Fault
from schemas.change import Op
from schemas.outcome import Outcome
from schemas.rows import change
from schemas.side import Side
from tests.contract.clients.client_support import COMPANY, CUSTOMER, GUID, NOW_MS, Ticker, bc, state
from tests.support.fakes import FakeMemory

ACCOUNT = {"accountid": GUID.format(1), "name": "Adatum", "customertypecode": 3, "statecode": 0, "@odata.etag": 'W/"1"'}


@pytest.mark.parametrize("seconds", [5.0, 300.0, 840.0])
async def test_d_123_a_customer_created_late_is_found_and_not_created_again(seconds: float) -> None:
    ticker, memory = Ticker(), FakeMemory()
    made = change(CUSTOMER.sales, ACCOUNT, Op.UPDATE, NOW_MS)
    async with bc(ticker) as client:
        state(client).control.faults.arm(Fault(kind="late", method="POST", path="/customers", seconds=seconds))
        target = BusinessCentralTarget(client, COMPANY)
        push = Push(target, memory, Side.BC, ticker.sleep, Patience(), ticker.moment)
        outcomes: list[Outcome] = []
        while not memory.kept:
            step = decide(made, CUSTOMER, None, {}, Flags(False, False))
            ends = await push.carry_out(CUSTOMER, [step], {})
            outcomes += [end.outcome for end in await memory.record(ends, Applied("topic", "log"))]
            ticker.seconds += 60
        ticker.seconds += 3600
        found = await target.find(CUSTOMER, "displayName", ["Adatum"])
    assert len(found) == 1
    assert (Outcome.FAILED in outcomes) is (seconds > 200)
    assert ticker.seconds < 3600 + seconds + 200
