"""Node.js `dynamics-web-api` on the Sales simulator: records, conditions, pages, delta links, batches."""

from __future__ import annotations

from tests.support.strangers import run_node


def test_records_keys_and_conditions(node: None, sales: str) -> None:
    found = run_node("records.cjs", sales)
    assert found["made"] == "Node"
    assert found["again"]["accountnumber"] == "N-1"
    assert found["contact"]["_parentcustomerid_value"] == found["key"]
    assert found["contact"]["_parentcustomerid_value_LogicalName"] == "account"
    assert found["contact"]["_parentcustomerid_value_NavigationProperty"] == "parentcustomerid_account"
    assert found["unchanged"] == {}  # 304: the client gives no record
    assert found["updated"] == ["1", True]
    assert found["stale"] == {"answered": False}  # what this client makes of 412
    assert found["staleDelete"] == {"answered": False}
    assert (found["single"]["name"], found["single"]["telephone1"]) == ("Single", None)


def test_upserts_by_key_and_by_id(node: None, sales: str) -> None:
    found = run_node("records.cjs", sales)
    assert found["byKey"]["name"] == "Up2"
    assert found["chosen"]["accountid"] == "11111111-2222-3333-4444-555555555555"
    assert (found["createOnly"], found["updateOnly"]) == (None, None)  # 412 and 404: prevented, as this client says it
    assert found["untouched"] == "Chosen"
    assert (found["gone"]["status"], found["gone"]["code"]) == (404, "0x80040217")
    assert (found["duplicate"]["status"], found["duplicate"]["code"]) == (412, "0x80040237")
    assert found["misspelt"]["status"] == 400
    assert {"BusinessUnitId", "OrganizationId", "UserId"} < set(found["whoami"])


def test_pages_counts_and_definitions(node: None, sales: str) -> None:
    found = run_node("reading.cjs", sales)
    assert found["pages"] == [10, found["announced"] - 10]
    assert found["all"] == found["announced"] == found["count"] == found["tracked"]
    assert found["folded"] == 1
    assert found["definition"] == [["accounts", True]]
    assert found["columns"] > 40
    assert found["csdl"]


def test_delta_links(node: None, sales: str) -> None:
    found = run_node("reading.cjs", sales)
    assert not found["linkOnFirstPage"]
    assert found["delta"] == [[found["made"], "changed"], [found["removed"], "deleted"]]
    assert found["quiet"] == []
    assert found["filtered"]["status"] == 400
    assert "isn't supported when Change Tracking is enabled" in found["filtered"]["message"]


def test_batches_and_change_sets(node: None, sales: str) -> None:
    found = run_node("batches.cjs", sales)
    assert (found["made"], found["bound"]) == ([True], True)
    assert found["refused"] == [{"status": 404, "code": "0x80040217"}]
    assert found["undone"] == 0
    assert found["mixed"] == [2, 1, "Set"]
    assert found["continued"] == {"status": 404, "code": "0x80040217"}
    assert found["stopped"] == 2
    assert found["stored"] == [1, 1, 0]
    assert found["many"] == 2
