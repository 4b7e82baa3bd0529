"""What is deployed, against the code: linted by what is here, run where no container is needed."""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rpc.limits import MESSAGE_BYTES_MAX
from rpc.metrics import METRICS
from server import DRAIN_SECONDS
from tieout.configuration import read_configuration
from tieout.server_doors import check_doors

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TIEOUT = Path(sys.executable).parent / "tieout"


def load(name):
    spec = importlib.util.spec_from_file_location(f"deploy_{name}", DEPLOY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BOARD = load("dashboard")
SERIES = {
    f"{metric.name}{suffix}"
    for metric in METRICS
    for suffix in (("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",))
}
LABELS = {label for metric in METRICS for label in metric.labels} | {"le", "instance"}


def check_query(query):
    """Every series and label of a query is one of ours."""
    asked = set(re.findall(r"\b(?:tieout|grpc_server)_\w+", query))
    assert asked
    assert asked <= SERIES, asked - SERIES
    grouped = re.findall(r"by \(([^)]*)\)", query)
    matched = re.findall(r"[{,]\s*(\w+)\s*=", query)
    used = {one.strip() for group in grouped for one in group.split(",")} | set(matched)
    assert used <= LABELS, used - LABELS
    return asked


def test_the_dashboard_is_what_its_generator_writes():
    assert BOARD.DASHBOARD.read_text("utf-8") == BOARD.dashboard(), "run deploy/dashboard.py"


def test_every_panel_asks_for_metrics_there_are_and_every_metric_has_a_panel():
    board = json.loads(BOARD.dashboard())
    asked = set()
    for panel in board["panels"]:
        for target in panel["targets"]:
            asked |= check_query(target["expr"])
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert shown <= LABELS
    base = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        if name not in {metric.name for metric in METRICS}
        else name
        for name in asked
    }
    assert base == {metric.name for metric in METRICS}
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["title"] for panel in board["panels"]}) == len(places)


def test_alerts_ask_for_metrics_there_are():
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())
    entries = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len(entries) >= 6
    for rule in entries:
        check_query(rule["expr"])
        assert ("alert" in rule) is not ("record" in rule)
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("page", "ticket")
            for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
                assert label in LABELS
    scrape = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert scrape["rule_files"] == ["rules.yml"]


def test_the_compose_file_is_whole():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"postgresql", "tieout", "prometheus"}
    for service in services.values():
        assert "build" in service or re.search(r":v?\d", service["image"]), "a version, not latest"
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or source.startswith((".", "/"))
    server = services["tieout"]
    assert server["depends_on"]["postgresql"]["condition"] == "service_healthy"
    assert server["cap_drop"] == ["ALL"]
    assert server["read_only"] is True
    assert int(server["stop_grace_period"].rstrip("s")) > DRAIN_SECONDS
    published = [port.rpartition(":")[2] for port in server["ports"]]
    assert published == ["50051", "50080"], "metrics are not published"
    text = (DEPLOY / "compose.yaml").read_text()
    assert not re.search(r"(?i)password:\s*\S", text.replace("postgres_password: {file", ""))


def test_the_settings_of_the_container_are_accepted_and_open_no_door():
    told = read_configuration(DEPLOY / "tieout.toml", {})
    check_doors(told)
    assert told.authentication.is_configured
    assert told.tls is not None
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    named = re.findall(r"/run/secrets/([\w.]+)", (DEPLOY / "tieout.toml").read_text())
    assert set(named) <= set(compose["services"]["tieout"]["secrets"])


def container_lines():
    """Instructions of the container file, continuation lines joined."""
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [line.split(None, 1) for line in lines if line and not line.startswith("#")]


def test_the_container_file_copies_what_is_there_and_runs_as_nobody():
    lines = container_lines()
    copied = []
    for word, rest in lines:
        assert word in {
            "FROM",
            "WORKDIR",
            "COPY",
            "RUN",
            "ENV",
            "USER",
            "VOLUME",
            "EXPOSE",
            "STOPSIGNAL",
            "HEALTHCHECK",
            "ENTRYPOINT",
            "CMD",
        }
        if word == "COPY" and "--from" not in rest:
            copied += rest.split()[:-1]
    for source in copied:
        assert (ROOT / source).exists(), source
    packages = re.search(
        r"^only-include = (\[.*?\])",
        (ROOT / "pyproject.toml").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert set(json.loads(packages[1])) <= set(copied)
    words = [word for word, _ in lines]
    assert words.index("USER") < words.index("ENTRYPOINT")
    stages = [rest for word, rest in lines if word == "FROM"]
    assert all(re.search(r":\d+\.\d+", stage) for stage in stages)
    (health,) = (rest for word, rest in lines if word == "HEALTHCHECK")
    program = json.loads(health.partition("CMD ")[2])[2]
    compile(program, "healthcheck", "exec")
    assert "/livez" in program


@pytest.mark.long
def test_the_commands_of_the_container_file_install_a_tieout_that_runs(tmp_path):
    source, target = tmp_path / "src", tmp_path / "opt"
    source.mkdir()
    for word, rest in container_lines():
        if word == "COPY" and "--from" not in rest:
            *names, _ = rest.split()
            for name in names:
                place = source / Path(name).name
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, place)
                else:
                    shutil.copy(ROOT / name, place)
        if word == "RUN" and "useradd" not in rest:
            command = shlex.split(rest.replace("/opt/tieout", str(target)))
            if command[0] == "python":
                command[0] = sys.executable
            subprocess.run(command, cwd=source, check=True)
    shutil.rmtree(source)
    told = subprocess.run(
        [target / "bin" / "tieout", "version"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "tieout" in told.stdout
    subprocess.run(
        [target / "bin" / "python", "-c", "import psycopg, server"], cwd=tmp_path, check=True
    )


def test_the_unit_is_one_systemd_understands_and_hardens(tmp_path):
    text = (DEPLOY / "tieout.service").read_text()
    assert float(re.search(r"TimeoutStopSec=(\d+)", text)[1]) > DRAIN_SECONDS
    for command in re.findall(r"^Exec\w+=/opt/tieout/bin/(.*)$", text, re.MULTILINE):
        words = shlex.split(command)
        shown = subprocess.run(
            [TIEOUT, *words[1:3], "--help"]
            if words[1] == "config"
            else [TIEOUT, words[1], "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        for option in (word for word in words if word.startswith("--")):
            assert option in shown.stdout
    analyze = shutil.which("systemd-analyze")
    sections = re.findall(r"^\[(\w+)\]$", text, re.MULTILINE)
    assert sections == ["Unit", "Service", "Install"]
    lines = [line for line in text.splitlines() if line and line[0] not in "#["]
    assert all(re.fullmatch(r"[A-Z]\w+=.*", line) for line in lines)
    if analyze is None:  # a machine without systemd: its syntax is all that can be looked at
        return
    unit = tmp_path / "tieout.service"
    unit.write_text(text.replace("/opt/tieout/bin/tieout", str(TIEOUT)))
    verify = [analyze, "verify", "--man=no", unit]
    told = subprocess.run(verify, check=False, capture_output=True, text=True)
    ours = [line for line in told.stderr.splitlines() if "tieout" in line]
    assert ours == [], told.stderr
    exposure = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=25", unit],
        check=False,
        capture_output=True,
        text=True,
    )
    assert exposure.returncode == 0, exposure.stdout[-2_000:]


def test_a_container_may_be_given_messages_as_large_as_ours():
    assert MESSAGE_BYTES_MAX == 4 << 20, "the documented limit of every gRPC library"
