"""CreateMultiple and its kin, and $batch (wire-protocols D4 112–116)."""

import re
from typing import Any

import httpx
import orjson
import pytest

from daemon.sandbox.dataverse import DataverseSettings
from tests.contract.sandbox.dataverse_support import HOST, ID, ROOT, Org, accounts, code, org

_ACTION = "accounts/Microsoft.Dynamics.CRM."
_TYPE = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
_BOUNDARY = "batch_x"


def _part(method: str, url: str, body: Any = None, content_id: str | None = None, **headers: str) -> str:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    lines += [f"Content-ID: {content_id}"] if content_id else []
    lines += ["", f"{method} {url} HTTP/1.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += ["Content-Type: application/json"] if body is not None else []
    return "\r\n".join([*lines, "", orjson.dumps(body).decode() if body is not None else ""])


def _change_set(*parts: str) -> str:
    inner = "".join(f"--set_1\r\n{part}\r\n" for part in parts)
    return f"Content-Type: multipart/mixed; boundary=set_1\r\n\r\n{inner}--set_1--\r\n"


def _batch(*parts: str) -> bytes:
    return ("".join(f"--{_BOUNDARY}\r\n{part}\r\n" for part in parts) + f"--{_BOUNDARY}--\r\n").encode()


async def _send(dataverse: Org, content: bytes, *, quoted: bool = False, keep_going: bool = False) -> httpx.Response:
    boundary = f'"{_BOUNDARY}"' if quoted else _BOUNDARY
    given = {"Content-Type": f"multipart/mixed;boundary={boundary}"}
    given |= {"Prefer": "odata.continue-on-error"} if keep_going else {}
    return await dataverse.http.post(f"{ROOT}$batch", content=content, headers=given)


def _statuses(answer: httpx.Response) -> list[int]:
    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")
    return [int(found) for found in re.findall(r"HTTP/1\.1 (\d{3})", answer.text)]


async def _names(dataverse: Org) -> list[str]:
    return [row["name"] for row in (await dataverse.get("accounts?$select=name")).json()["value"]]


async def test_d_112_create_multiple_is_all_or_nothing() -> None:
    async with org() as dataverse:
        good = [{**_TYPE, "name": name} for name in "abc"]
        answer = await dataverse.send("POST", f"{_ACTION}CreateMultiple", {"Targets": good})
        assert answer.status_code == 200
        assert answer.json()["@odata.context"].endswith("#Microsoft.Dynamics.CRM.CreateMultipleResponse")
        rows = {row["accountid"]: row["name"] for row in (await dataverse.get("accounts")).json()["value"]}
        assert [rows[found] for found in answer.json()["Ids"]] == ["a", "b", "c"]
        bad = [{**_TYPE, "name": "d"}, {**_TYPE, "name": "x" * 200}, {**_TYPE, "name": "e"}]
        assert (await dataverse.send("POST", f"{_ACTION}CreateMultiple", {"Targets": bad})).status_code == 400
        twice = [{**_TYPE, "accountid": ID.format(1)}] * 2
        answer = await dataverse.send("POST", f"{_ACTION}CreateMultiple", {"Targets": twice})
        assert answer.json()["error"]["message"] == "Cannot insert duplicate key."
        assert await _names(dataverse) == ["a", "b", "c"]


@pytest.mark.parametrize(("required", "status"), [(True, 400), (False, 200)])
async def test_d_112_type_of_the_targets(required: bool, status: int) -> None:
    async with org(DataverseSettings(require_target_type=required)) as dataverse:
        answer = await dataverse.send("POST", f"{_ACTION}CreateMultiple", {"Targets": [{"name": "x"}]})
        assert answer.status_code == status
        wrong = [{"@odata.type": "Microsoft.Dynamics.CRM.contact"}]
        assert (await dataverse.send("POST", f"{_ACTION}CreateMultiple", {"Targets": wrong})).status_code == 400


@pytest.mark.parametrize("status", [404, 400])
async def test_d_113_update_and_upsert_multiple(status: int) -> None:
    keys = {"accounts": (("accountnumber",),)}
    settings = DataverseSettings(unsupported_bulk_status=status, alternate_keys=keys)
    async with org(settings, accounts=accounts(2)) as dataverse:
        update = [{**_TYPE, "accountid": ID.format(number), "name": f"u{number}"} for number in (0, 1)]
        done = await dataverse.send("POST", f"{_ACTION}UpdateMultiple", {"Targets": update})
        assert (done.status_code, done.content) == (204, b"")
        assert await _names(dataverse) == ["u0", "u1"]
        missing = [{**_TYPE, "accountid": ID.format(0), "name": "lost"}, {**_TYPE, "accountid": ID.format(9)}]
        answer = await dataverse.send("POST", f"{_ACTION}UpdateMultiple", {"Targets": missing})
        assert code(answer) == (404, "0x80040217")
        assert await _names(dataverse) == ["u0", "u1"]
        upsert = [
            {**_TYPE, "accountid": ID.format(9), "name": "n9"},
            {**_TYPE, "@odata.id": "accounts(accountnumber='K1')", "name": "k1"},
            {**_TYPE, "accountid": ID.format(0), "name": "v0"},
        ]
        done = await dataverse.send("POST", f"{_ACTION}UpsertMultiple", {"Targets": upsert})
        assert (done.status_code, done.content) == (204, b"")
        assert await _names(dataverse) == ["v0", "u1", "n9", "k1"]
        for action in ("CreateMultiple", "UpdateMultiple", "UpsertMultiple"):
            targets = [{"@odata.type": "Microsoft.Dynamics.CRM.uom", "uomid": ID.format(0), "name": "kg"}]
            uoms = await dataverse.send("POST", f"uoms/Microsoft.Dynamics.CRM.{action}", {"Targets": targets})
            assert uoms.status_code == status
            assert "not supported" in uoms.json()["error"]["message"]
        assert (await dataverse.get("uoms")).json()["value"] == []
        deletes = await dataverse.send("POST", f"{_ACTION}DeleteMultiple", {"Targets": update})
        assert deletes.status_code == 400
        assert "DeleteMultiple has not yet been implemented" in deletes.text
        assert await _names(dataverse) == ["v0", "u1", "n9", "k1"]


async def test_d_114_batch_stops_at_the_first_failure_unless_told() -> None:
    parts = [
        _part("POST", "accounts", {"name": "a"}),
        _part("POST", "accounts", {"Nope": 1}),
        _part("POST", "accounts", {"name": "c"}),
    ]
    async with org() as dataverse:
        stopped = await _send(dataverse, _batch(*parts))
        assert stopped.status_code == 400
        assert _statuses(stopped) == [204, 400]
        assert await _names(dataverse) == ["a"]
        going = await _send(dataverse, _batch(*parts), keep_going=True)
        assert going.status_code == 200
        assert going.headers["Preference-Applied"] == "odata.continue-on-error"
        assert _statuses(going) == [204, 400, 204]
        assert await _names(dataverse) == ["a", "a", "c"]


async def test_d_114_conditions_representations_and_the_log_work_inside_parts() -> None:
    async with org(accounts=accounts(2)) as dataverse:
        row = f"accounts({ID.format(0)})"
        tag = (await dataverse.get(row)).json()["@odata.etag"]
        before = (await dataverse.http.get("/_sandbox/requests")).json()["total"]
        answer = await _send(
            dataverse,
            _batch(
                _part("PATCH", f"{row}?$select=name", {"name": "n"}, If_Match=tag, Prefer="return=representation"),
                _part("PATCH", row, {"name": "m"}, If_Match=tag),
                _part("PATCH", f"accounts({ID.format(5)})?$select=name", {"name": "new"},
                      If_None_Match="*", Prefer="return=representation"),
                _part("GET", "accounts?$select=name&$top=1"),
            ),
            keep_going=True,
        )  # fmt: skip
        assert _statuses(answer) == [200, 412, 201, 200]
        first = orjson.loads(re.findall(r"\r\n\r\n(\{.*?\})\r\n--", answer.text)[0])
        assert set(first) == {"@odata.context", "@odata.etag", "name", "accountid"}
        log = (await dataverse.http.get(f"/_sandbox/requests?since={before}")).json()["entries"]
        assert [(entry["method"], entry["status"], entry["part"]) for entry in log] == [
            ("PATCH", 200, True),
            ("PATCH", 412, True),
            ("PATCH", 201, True),
            ("GET", 200, True),
            ("POST", 200, False),
        ]


async def test_d_115_change_sets_are_atomic() -> None:
    async with org() as dataverse:
        good = _part("POST", "accounts", {"name": "a"}, "1")
        failing = _change_set(good, _part("POST", "accounts", {"Nope": 1}, "2"), _part("POST", "accounts", {}, "3"))
        answer = await _send(dataverse, _batch(failing, _part("POST", "accounts", {"name": "b"})), keep_going=True)
        assert _statuses(answer) == [400, 204]
        assert await _names(dataverse) == ["b"]
        delta = (await dataverse.get("accounts", Prefer="odata.track-changes")).json()["@odata.deltaLink"]
        await _send(dataverse, _batch(failing))
        assert (await dataverse.get(delta)).json()["value"] == []
        with_get = await _send(dataverse, _batch(_change_set(good, _part("GET", "accounts", content_id="2"))))
        assert with_get.status_code == 400
        assert await _names(dataverse) == ["b"]


async def test_d_115_references_to_earlier_parts() -> None:
    async with org() as dataverse:
        contact = {"lastname": "C", "parentcustomerid_account@odata.bind": "$1"}
        good = _change_set(
            _part("POST", "accounts", {"name": "a"}, "1"),
            _part("POST", "contacts", contact, "2"),
            _part("PATCH", "$2", {"firstname": "F"}, "3"),
        )
        answer = await _send(dataverse, _batch(good))
        assert (answer.status_code, _statuses(answer)) == (200, [204, 204, 204])
        row = (await dataverse.get("contacts")).json()["value"][0]
        assert row["fullname"] == "F C"
        assert row["_parentcustomerid_value"] is not None
        for bad in (_part("POST", "contacts", contact, "2"), _part("PATCH", "$1", {"firstname": "F"}, "2")):
            answer = await _send(dataverse, _batch(_change_set(bad)))
            assert answer.status_code == 400
            assert "Content-ID Reference: '$1' does not exist in the batch context." in answer.text


async def test_d_115_at_most_a_thousand_parts() -> None:
    async with org() as dataverse:
        parts = [_part("GET", "WhoAmI")] * 1001
        assert (await _send(dataverse, _batch(*parts))).status_code == 400
        assert (await _send(dataverse, _batch(*parts[1:]))).status_code == 200


async def test_d_116_what_the_batch_reader_accepts() -> None:
    async with org() as dataverse:
        urls = ("accounts", f"{ROOT}accounts", f"{HOST}{ROOT}accounts", "/accounts")
        content = b"\r\n" + _batch(*(_part("POST", url, {"name": "x"}) for url in urls))
        answer = await _send(dataverse, content, quoted=True)
        assert _statuses(answer) == [204] * 4
        assert answer.text.endswith("--\r\n")
        assert "\n" not in answer.text.replace("\r\n", "")


@pytest.mark.parametrize("spoil", ["lf", "no last crlf", "no end", "no boundary"])
async def test_d_116_what_the_batch_reader_refuses(spoil: str) -> None:
    content = _batch(_part("POST", "accounts", {"name": "x"}))
    spoilt = {
        "lf": content.replace(b"\r\n", b"\n"),
        "no last crlf": content.removesuffix(b"\r\n"),
        "no end": content.removesuffix(b"--\r\n") + b"\r\n",
        "no boundary": content.replace(b"batch_x", b"batch_y"),
    }[spoil]
    async with org() as dataverse:
        answer = await _send(dataverse, spoilt)
        assert code(answer) == (400, "0x80048d19")
        assert "Stream was not readable." in answer.text
        assert await _names(dataverse) == []


@pytest.mark.parametrize(("needed", "status"), [(True, 400), (False, 200)])
async def test_content_ids_inside_change_sets(needed: bool, status: int) -> None:
    async with org(DataverseSettings(change_set_needs_content_id=needed)) as dataverse:
        answer = await _send(dataverse, _batch(_change_set(_part("POST", "accounts", {"name": "x"}))))
        assert answer.status_code == status


async def test_faults_hit_single_parts() -> None:
    async with org() as dataverse:
        await dataverse.http.post("/_sandbox/faults", json={"status": 503, "path": "contacts"})
        parts = [_part("POST", "accounts", {"name": "a"}), _part("POST", "contacts", {"lastname": "b"})]
        answer = await _send(dataverse, _batch(*parts), keep_going=True)
        assert _statuses(answer) == [204, 503]
        await dataverse.http.post(
            "/_sandbox/faults", json={"status": 504, "path": "contacts", "after_commit": True, "retry_after": 2}
        )
        answer = await _send(dataverse, _batch(parts[1]), keep_going=True)
        assert _statuses(answer) == [504]
        assert "Retry-After: 2" in answer.text
        assert len((await dataverse.get("contacts")).json()["value"]) == 1
