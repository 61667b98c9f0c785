"""Whether what is locked may still be used, asked of the package registries and of nobody else.

    python -m tests.support.audit      # what `make audit` does

Each locked package has hashes; its version was not withdrawn (yanked); no hole is known in it. Exit 1: one of that is
not so. What a registry does not tell is told to be unknown, and fails nothing: silence is no finding, and no all-clear.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
STRANGERS, SITE = ROOT / "tests" / "contract" / "strangers", ROOT / "deploy" / "site"
TOOL_LOCK = ROOT / ".ci" / "audit.lock"
LOCKS = (*(folder / "requirements.lock" for folder in (ROOT, STRANGERS / "python", SITE)), TOOL_LOCK)
NODE = (STRANGERS / "node", SITE)
TOOL = ROOT / ".coupled" / "audit"
# Holes that are known and do not concern us, by id, and why not.
ACCEPTED: Mapping[str, str] = {}
_SECONDS = 180
# So many packages are asked about first: a registry that says nothing of them says nothing of the rest.
_FIRST = 3
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[\w,-]+\])?==([^\s;\\]+)")
_YANKED = re.compile(r"^warning: (.* is yanked.*)$", re.MULTILINE)


@dataclass
class Told:
    """What was found, what could not be asked, and what is well."""

    found: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    well: list[str] = field(default_factory=list)

    def __iadd__(self, other: Told) -> Told:
        return Told(self.found + other.found, self.unknown + other.unknown, self.well + other.well)


def unhashed(lock: str) -> list[str]:
    """Pins of a requirements file that no hash follows."""
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", lock)
    return [entry.split()[0] for entry in entries if _PIN.match(entry) and "--hash=sha256:" not in entry]


def without_integrity(lock: Mapping[str, Any]) -> list[str]:
    """Packages of a package-lock.json that no hash is known of."""
    packages = lock["packages"].items()
    return [name for name, one in packages if name and not one.get("link") and not one.get("integrity")]


def of_pip_audit(output: str, what: str) -> Told:
    """What its JSON says; a package that it has nothing on is none that is well."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Told(unknown=[f"{what}: holes could not be looked up: no answer"])
    holes = [(one, hole) for one in packages for hole in one.get("vulns", ()) if hole["id"] not in ACCEPTED]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    told = Told(found=[f"{what}: {one['name']} {one['version']} has {_hole(hole)}" for one, hole in holes])
    if skipped:
        shown = ", ".join(skipped[:3])
        told.unknown.append(
            f"{what}: holes could not be looked up for {len(skipped)} of {len(packages)} packages ({shown}, …): "
            "the registry tells none here"
        )
    elif not holes:
        told.well.append(f"{what}: no hole is known in {len(packages)} packages")
    return told


def _hole(hole: Mapping[str, Any]) -> str:
    return f"{hole['id']}; mended in {', '.join(hole['fix_versions']) or 'no version yet'}"


def of_npm_audit(output: str, what: str) -> Told:
    try:
        report = json.loads(output)
        vulnerable = report["vulnerabilities"]
    except (ValueError, TypeError):
        return Told(unknown=[f"{what}: holes could not be looked up: no answer"])
    except KeyError:  # an error of the client, in JSON
        status = report.get("statusCode", "no answer")
        return Told(unknown=[f"{what}: holes could not be looked up: the registry does not answer that ({status})"])
    found = [f"{what}: {name} has a hole, {one['severity']}" for name, one in vulnerable.items()]
    return Told(found=found, well=[] if found else [f"{what}: no hole is known"])


def of_uv(said: str, what: str, done: bool) -> Told:
    """Which versions were withdrawn."""
    found = [f"{what}: {one}" for one in _YANKED.findall(said)]
    if not done:
        return Told(found=found, unknown=[f"{what}: whether versions were withdrawn could not be asked"])
    return Told(found=found, well=[] if found else [f"{what}: every version has hashes, and none was withdrawn"])


def _run(command: Sequence[str | Path], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    try:
        return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return subprocess.CompletedProcess(words, 1, "", "")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _withdrawn(lock: Path) -> Told:
    bare = [f"{name}: no hash" for name in unhashed(lock.read_text(encoding="utf-8"))]
    TOOL.mkdir(parents=True, exist_ok=True)
    pins = TOOL / "pins.in"
    shutil.copy(lock, pins)
    words = ["--no-config", "pip", "compile", "--no-deps", "--universal", "--python-version", "3.11"]
    done = _run([UV, *words, "--no-header", "--no-annotate", pins])
    told = of_uv(done.stderr, _name(lock), done.returncode == 0)
    return Told(found=[f"{_name(lock)}: {one}" for one in bare] + told.found, unknown=told.unknown, well=told.well)


def _tool() -> Path | None:
    """The program that looks holes up, in an environment of its own; None if it cannot be had."""
    made, program = TOOL / "environment", TOOL / "environment" / "bin" / "pip-audit"
    marker = TOOL / "complete"  # holds the lock file that the environment was made from; written last
    if program.exists() and marker.is_file() and marker.read_bytes() == TOOL_LOCK.read_bytes():
        return program
    if _run([UV, "--no-config", "venv", "--quiet", "--clear", "--python", sys.executable, made]).returncode:
        return None
    install = [UV, "--no-config", "pip", "install", "--quiet", "--require-hashes", "--python", made / "bin" / "python"]
    if _run([*install, "-r", TOOL_LOCK]).returncode:
        return None
    marker.write_bytes(TOOL_LOCK.read_bytes())
    return program


def _pins(lock: Path) -> list[str]:
    return [match[0] for line in lock.read_text(encoding="utf-8").splitlines() if (match := _PIN.match(line))]


def _holes(program: Path, pins: Sequence[str], what: str) -> Told:
    asked = TOOL / "asked.txt"
    asked.write_text("\n".join(pins) + "\n", encoding="utf-8")
    # Its own default is to ask the registry that the packages come from.
    words = ["--no-deps", "--disable-pip", "--progress-spinner", "off"]
    return of_pip_audit(_run([program, *words, "--format", "json", "-r", asked]).stdout, what)


def _python() -> Told:
    program = _tool()
    if program is None:
        return Told(unknown=["Python packages: holes could not be looked up: the program that does cannot be had"])
    first = _holes(program, _pins(LOCKS[0])[:_FIRST], "Python packages, the first")
    told = Told(unknown=first.unknown)
    for lock in () if first.unknown else LOCKS:
        told += _holes(program, _pins(lock), _name(lock))
    return told


def audit() -> Told:
    told = Told()
    for lock in LOCKS:
        told += _withdrawn(lock)
    told += _python()
    for folder in NODE:
        locked = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
        told.found += [f"{_name(folder)}: {name}: no hash" for name in without_integrity(locked)]
        told += of_npm_audit(_run(["npm", "audit", "--json", "--package-lock-only"], folder).stdout, _name(folder))
    return told


if __name__ == "__main__":
    said = audit()
    for title, lines in (("ok", said.well), ("NOT DONE", said.unknown), ("FOUND", said.found)):
        for line in lines:
            print(f"{title:<8} {line}")
    sys.exit(1 if said.found else 0)
