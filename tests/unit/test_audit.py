"""`make audit`: a finding is told as one, and an answer that says nothing is never taken for an all-clear."""

from __future__ import annotations

import json

from tests.support.audit import LOCKS, NODE, of_npm_audit, of_pip_audit, of_uv, unhashed, without_integrity

HOLE = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}


def packages(*many: object) -> str:
    return json.dumps({"dependencies": many, "fixes": []})


def test_a_hole_is_found() -> None:
    told = of_pip_audit(packages({"name": "a", "version": "1.0", "vulns": [HOLE]}), "lock")
    assert told.found == ["lock: a 1.0 has PYSEC-1; mended in 2.0"]
    assert not told.well


def test_a_package_that_the_registry_says_nothing_of_is_not_well() -> None:
    told = of_pip_audit(packages({"name": "a", "skip_reason": "not found"}, {"name": "b", "version": "1"}), "lock")
    assert (told.found, told.well) == ([], [])
    assert "1 of 2 packages (a, …)" in told.unknown[0]


def test_packages_without_holes_are_well() -> None:
    told = of_pip_audit(packages({"name": "a", "version": "1.0", "vulns": []}), "lock")
    assert (told.found, told.unknown, told.well) == ([], [], ["lock: no hole is known in 1 packages"])


def test_no_answer_is_not_well() -> None:
    for answer in ("", "Traceback", "[]", "null"):
        for told in (of_pip_audit(answer, "lock"), of_npm_audit(answer, "lock")):
            assert (told.found, told.well, len(told.unknown)) == ([], [], 1), answer


def test_what_npm_says() -> None:
    assert of_npm_audit(json.dumps({"vulnerabilities": {"a": {"severity": "high"}}}), "node").found
    assert of_npm_audit(json.dumps({"vulnerabilities": {}}), "node").well
    refused = of_npm_audit(json.dumps({"statusCode": 405, "uri": "https://somewhere"}), "node")
    assert refused.unknown == ["node: holes could not be looked up: the registry does not answer that (405)"]
    assert not refused.well


def test_a_version_that_was_withdrawn_is_found() -> None:
    said = 'Resolved 1 package in 3ms\nwarning: `requests==2.32.0` is yanked (reason: "conflicts")\n'
    assert of_uv(said, "lock", done=True).found == ['lock: `requests==2.32.0` is yanked (reason: "conflicts")']
    assert of_uv("Resolved 1 package in 3ms\n", "lock", done=True).well
    assert of_uv("error: no network", "lock", done=False).unknown


def test_a_pin_without_a_hash_is_found() -> None:
    lock = "a==1 \\\n    --hash=sha256:00\n    # via b\nb[x]==2 ; python_version < '3.12'\n    # via c\n"
    assert unhashed(lock) == ["b[x]==2"]
    assert without_integrity({"packages": {"": {}, "n/a": {"integrity": "sha512-x"}, "n/b": {}}}) == ["n/b"]


def test_everything_locked_has_hashes() -> None:
    for lock in LOCKS:
        assert not unhashed(lock.read_text(encoding="utf-8")), lock
    for folder in NODE:
        assert not without_integrity(json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))), folder
