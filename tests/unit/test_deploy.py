"""What is shipped to operators fits the daemon: metrics, configuration, and no address of a package registry."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from daemon.config import load
from daemon.metrics import Metrics

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
WORKERS = ("worker-1", "worker-2", "worker-3", "worker-4")
ENVIRONMENT = dict(
    line.split("=", 1) for line in (DEPLOY / "example.env").read_text().splitlines() if line[:1].isupper()
)


def yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def names_of(node: Any) -> set[str]:
    """The metric names in every expression of a dashboard or of alert rules."""
    if isinstance(node, dict):
        here = re.findall(r"(?:coupled|process)_[a-z_]+", node["expr"]) if isinstance(node.get("expr"), str) else []
        return set(here).union(*map(names_of, node.values()))
    return set().union(*map(names_of, node)) if isinstance(node, list) else set()


@pytest.mark.parametrize("path", [DEPLOY / "prometheus" / "alerts.yml", *DASHBOARDS], ids=lambda path: path.stem)
def test_only_metrics_that_the_daemon_has_are_used(path: Path) -> None:
    used = names_of(json.loads(path.read_text()) if path.suffix == ".json" else yaml(path))
    families = text_string_to_metric_families(Metrics().render().decode())
    known = {name for family in families for name in (family.name, f"{family.name}_total", f"{family.name}_bucket")}
    assert used
    assert used <= known


def test_the_configuration_of_the_workers_is_accepted() -> None:
    filled = {name: value or "secret" for name, value in ENVIRONMENT.items()}
    settings = load(DEPLOY / "coupled.yaml", {**filled, "COUPLED_WORKERS": "4"})
    assert settings.workers == 4
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.store.url.get_secret_value() == "postgresql://coupled:secret@postgres/coupled"
    assert settings.web.login


def test_every_variable_of_the_compose_file_is_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    wanted = set(re.findall(r"\$\{([A-Z_]+)", text + (DEPLOY / "coupled.yaml").read_text()))
    assert wanted | {"COMPOSE_PROFILES"} == set(ENVIRONMENT)


def test_all_workers_wait_for_what_they_share() -> None:
    services = yaml(ROOT / "docker-compose.yml")["services"]
    for worker in WORKERS:
        assert set(services[worker]["depends_on"]) == {"kafka", "postgres"}
    assert all("healthcheck" in service for service in services.values())


def test_what_services_refer_to_is_there() -> None:
    """No schema tells that: a service that is waited for, a volume by its name, a file by its path."""
    file = yaml(ROOT / "docker-compose.yml")
    services = file["services"]
    waited = {name for service in services.values() for name in service.get("depends_on", ())}
    assert waited
    assert waited <= set(services)
    text = (ROOT / "docker-compose.yml").read_text().replace("${WORKERS:-1}", "1")
    mounted = {volume for service in YAML(typ="safe").load(text)["services"].values() for volume in service["volumes"]}
    sources = {volume.split(":")[0] for volume in mounted}
    assert {name for name in sources if not name.startswith(".")} == set(file["volumes"])
    assert [name for name in sources if name.startswith(".") and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("number", [1, 2, 4])
def test_as_many_workers_start_as_are_asked_for_and_are_watched(number: int) -> None:
    """Each has a port of its own on the host; a service without a profile always starts."""
    services = yaml(ROOT / "docker-compose.yml")["services"]
    started = [name for name in WORKERS if f"workers-{number}" in services[name].get("profiles", [f"workers-{number}"])]
    assert started == list(WORKERS[:number])
    assert len({str(services[name]["ports"]) for name in started}) == number
    [watched] = yaml(DEPLOY / "prometheus" / "workers" / f"{number}.yml")
    assert watched["targets"] == [f"{name}:8086" for name in started]
    assert all(services[name]["environment"]["COUPLED_WORKERS"] == "${WORKERS:-1}" for name in started)


def test_the_example_says_how_many_workers_once() -> None:
    """Compose knows of the profile, the workers of the number."""
    assert ENVIRONMENT["COMPOSE_PROFILES"] == f"workers-{ENVIRONMENT['WORKERS']}"


def test_each_worker_can_have_a_partition_of_every_table() -> None:
    settings = load(DEPLOY / "coupled.yaml", {name: value or "secret" for name, value in ENVIRONMENT.items()})
    assert settings.kafka.partitions >= len(WORKERS)


def test_workers_can_do_no_more_than_they_need() -> None:
    services = yaml(ROOT / "docker-compose.yml")["services"]
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    [user] = re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert dockerfile.index("USER") > dockerfile.rindex("RUN "), "what runs as root belongs before it"
    assert re.findall(r"^VOLUME (.+)$", dockerfile, re.MULTILINE) == ["/var/lib/coupled"]
    for worker in WORKERS:
        service = services[worker]
        assert (service["user"], service["read_only"], service["cap_drop"]) == (user, True, ["ALL"])
        assert service["tmpfs"] == ["/tmp"]
        assert all(volume.endswith(":ro") for volume in service["volumes"])


def test_no_container_gains_privileges_or_is_reached_from_other_machines() -> None:
    services = yaml(ROOT / "docker-compose.yml")["services"]
    for name, service in services.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service), name
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ())), name


def test_no_file_names_a_package_registry() -> None:
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "maven" + ".org", "apache.org/" + "maven2")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    texts = {path: path.read_text(encoding="utf-8", errors="ignore") for path in files if path.is_file()}
    assert [(str(path), host) for path, text in texts.items() for host in hosts if host in text] == []


ALERTS = {
    rule["alert"]: rule for group in yaml(DEPLOY / "prometheus" / "alerts.yml")["groups"] for rule in group["rules"]
}
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    entries = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOKS, re.MULTILINE | re.DOTALL))
    assert list(entries) == list(ALERTS), "in the same order"
    for name, text in entries.items():
        assert re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE) == [
            "Means.", "See more.", "Do.", "Call somebody",
        ], name  # fmt: skip


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_is_wrong_how_bad_and_where_its_runbook_is(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{name.lower()}"
    told = "{{ with $externalLabels.runbooks }}{{ . }}#" + name.lower() + "{{ end }}"
    assert rule["annotations"]["runbook_url"] == told


def test_where_the_runbooks_are_is_said_in_one_place() -> None:
    known = yaml(DEPLOY / "prometheus" / "prometheus.yml")["global"]["external_labels"]
    given = yaml(ROOT / "docker-compose.yml")["services"]["prometheus"]["environment"]
    assert (known, given) == ({"runbooks": "${RUNBOOKS}"}, {"RUNBOOKS": "${RUNBOOKS:-}"})
    assert re.search(r"^RUNBOOKS=$", (DEPLOY / "example.env").read_text(encoding="utf-8"), re.MULTILINE)


def test_runbooks_name_commands_and_options_that_exist() -> None:
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### `coupled ([\w -]+)`\n(.*?)(?=^##|\Z)", reference, re.MULTILINE | re.DOTALL))
    named = re.findall(r"`coupled ((?:[a-z-]+ ?)+)([^`]*)`", RUNBOOKS)
    assert len(named) > 10
    for words, rest in named:
        command = words.strip()
        assert command in sections or command.split()[0] in sections, command
        text = sections.get(command) or sections[command.split()[0]]
        for option in re.findall(r"--[a-z-]+", words + rest):
            assert option in text, f"coupled {command} has no {option}"


def boards() -> dict[str, Any]:
    """Every dashboard by its uid."""
    return {(board := json.loads(path.read_text(encoding="utf-8")))["uid"]: board for path in DASHBOARDS}


def test_the_dashboards_are_provisioned_and_lead_to_each_other() -> None:
    made = boards()
    assert set(made) == {"coupled-overview", "coupled-mapping", "coupled-sides", "coupled-workers"}
    [provider] = yaml(DEPLOY / "grafana" / "provisioning" / "dashboards" / "coupled.yml")["providers"]
    mounted = yaml(ROOT / "docker-compose.yml")["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounted
    assert len({board["title"] for board in made.values()}) == len(made)
    for board in made.values():
        [link] = board["links"]
        assert (link["type"], link["tags"]) == ("dashboards", board["tags"])


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_says_what_it_shows_and_how_it_is_measured(path: Path) -> None:
    board = json.loads(path.read_text(encoding="utf-8"))
    [source] = yaml(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    titles = [panel["title"] for panel in board["panels"]]
    assert len(titles) == len(set(titles))
    taken: set[tuple[int, int]] = set()
    for number, panel in enumerate(board["panels"], 1):
        assert panel["id"] == number
        assert len(panel["description"]) > 10, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert {panel["datasource"]["uid"], *(one["datasource"]["uid"] for one in panel["targets"])} == {source["uid"]}
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, f"{panel['title']} lies over another"
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_variables_and_links_lead_to_something(path: Path) -> None:
    board, others = json.loads(path.read_text(encoding="utf-8")), boards()
    own = {one["name"] for one in board["templating"]["list"]}
    asked = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    assert set(re.findall(r"\$(?!__)(\w+)", asked)) == own
    links = [link["url"] for panel in board["panels"] for link in panel["fieldConfig"]["defaults"].get("links", ())]
    for uid, query in (re.fullmatch(r"/d/([\w-]+)\?(.*)", link).groups() for link in links):  # type: ignore[union-attr]
        wanted = set(re.findall(r"var-(\w+)=", query))
        assert wanted <= {one["name"] for one in others[uid]["templating"]["list"]}
