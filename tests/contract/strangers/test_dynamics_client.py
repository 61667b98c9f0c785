"""Python `dynamics-client` on the Sales simulator: the token endpoint, pages, what it makes of errors."""

from __future__ import annotations

from tests.support.strangers import run_python


def test_pages_records_and_errors(python: None, sales: str) -> None:
    found = run_python("dynamics_client.py", sales)
    assert (found["page"], found["two"], found["all"]) == ([7, True], 14, True)
    assert (found["patched"], found["read"]) == ("Dc2", ["Dc2"])
    assert found["duplicate"][0] == "DuplicateRecordError"
    assert found["misspelt"][0] == "ParseError"
    assert "Invalid property 'Name' was found in entity 'Microsoft.Dynamics.CRM.account'" in found["misspelt"][1]
    assert found["gone"][0] == "NotFound"
    assert found["whoami"] == ["BusinessUnitId", "OrganizationId", "UserId"]


def test_refused_tokens(python: None, sales: str) -> None:
    found = run_python("dynamics_client.py", sales)
    expected = {
        "secret": "invalid_client: AADSTS7000215",
        "client": "unauthorized_client: AADSTS700016",
        "scope": "invalid_scope: AADSTS70011",
    }
    for wrong, text in expected.items():
        kind, said = found[wrong]
        assert kind == "OAuthError"
        assert said.startswith(text)
