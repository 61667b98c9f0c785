"""Python `PowerPlatform-Dataverse-Client` (Microsoft's own), which insists on TLS, on the Sales simulator."""

from __future__ import annotations

from pathlib import Path

from tests.support.strangers import run_python


def test_microsofts_client_over_tls(secure_sales: str, certificate: Path) -> None:
    """Records one by one and in bulk, labels of choices, keys, pages, table definitions, batches with change sets."""
    found = run_python("power_platform.py", secure_sales, REQUESTS_CA_BUNDLE=str(certificate))
    records = found["records"]
    assert (records["telephones"], records["label"]) == (["1", "4", "5"], 3)
    assert records["upserted"] == [["UP'9", "UP'9"], ["UP10", "UP10"]]
    assert records["bound"]
    assert records["pages"] == [[7], True]
    assert records["folded"] == ["Py"]
    assert records["missing"] is None
    assert records["missing_update"] == [404, "0x80040217"]
    assert records["misspelt"] == [400, "0x0"]
    assert records["sql"] == [400, "0x80060888"]  # refused, not taken for a query of everything
    tables = found["tables"]
    assert tables["listed"] == ["account", "businessunit"]
    assert tables["table"] == ["account", "accounts", "accountid"]
    assert tables["key"] == ["accountnumber", ["accountnumber"], "Active"]
    assert tables["columns"] == ["accountcategorycode", "accountid"]
    batches = found["batches"]
    assert (batches["set"], batches["stored"]) == ([204, 204, 204], ["7"])
    assert (batches["undone"], batches["left"]) == (["0x80040217"], 0)
    assert batches["stopped"] == [404, None, 0]
    assert batches["continued"] == [204, 404, 204, 1]
