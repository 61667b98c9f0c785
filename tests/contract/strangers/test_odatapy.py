"""Python `odatapy`, which takes its types from `$metadata`, on the Business Central simulator."""

from __future__ import annotations

from tests.support.strangers import run_python


def test_types_queries_and_pages(python: None, bc: str) -> None:
    found = run_python("odata.py", bc)
    assert found["metadata"] == {
        "sets": ["companies", "companyInformation", "contacts"],
        "types": {
            "id": "Edm.Guid",
            "number": "Edm.String",
            "type": "Microsoft.NAV.customerType",
            "creditLimit": "Edm.Decimal",
            "lastModifiedDateTime": "Edm.DateTimeOffset",
        },
        "company": ["CRONUS"],
    }
    reading = found["reading"]
    assert (reading["pages"], reading["count"], reading["counted"]) == ([15, 15, 10], 40, [40, 3])
    assert reading["persons"]  # the type in front of an enumeration's member changes nothing
    assert (reading["contains"], reading["newer"]) == ([400, "BadRequest"], True)
    assert reading["apart"] == [400, "BadRequest"]
    assert reading["set"] == [404, "BadRequest_ResourceNotFound"]


def test_changes_with_and_without_an_etag(python: None, bc: str) -> None:
    found = run_python("odata.py", bc)["writing"]
    assert (found["made"], found["address"]) == (["OD1", "Öd & 'ata'", "_x0020_"], True)
    assert (found["changed"], found["by_name"]) == ([200, "Changed", True], ["OD1"])
    assert found["stale"] == found["stale_delete"] == [409, "Request_EntityChanged"]
    assert found["no_etag"] == [400, "BadRequest_InvalidToken"]
    assert found["taken"] == [400, "Internal_EntityWithSameKeyExists"]
    assert found["deleted"] == 204
    assert found["gone"] == found["nobody"] == [404, "Internal_RecordNotFound"]


def test_batches(python: None, bc: str) -> None:
    found = run_python("odata.py", bc)["batches"]
    assert (found["json"], found["multipart"]) == ([200, 201], [200, 201, 201])
    assert found["sets_of_two"] == [500, "Internal_ServerError"]
