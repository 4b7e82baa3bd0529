"""`tieout doctor`: a machine that is fine, and everything that may be wrong with one."""

import json
import socket
from contextlib import closing

import pytest

from store import open_repository
from tests.server.running_server import RunningServer
from tieout import machine_checks
from tieout.commands import main
from tieout.machine_checks import CHECKS


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A file of settings for a fresh store and free ports; `add` more to it."""
    monkeypatch.delenv("TIEOUT_CONFIG", raising=False)
    tmp_path.chmod(0o700)
    path = tmp_path / "tieout.toml"

    def write(more="", server="grpc_address = '127.0.0.1:0'\nmetrics_address = '127.0.0.1:0'\n"):
        store = f"[store]\nurl = 'sqlite:///{tmp_path / 'store.db'}'\n"
        path.write_text(f"[server]\n{server}{store}{more}")
        return path

    return write


def verdicts(path, capsys, *, code):
    assert main(["doctor", "--config", str(path), "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is (code == 0)
    assert [one["check"] for one in told["verdicts"]] == list(CHECKS)
    return {one["check"]: (one["outcome"], one["message"]) for one in told["verdicts"]}


def test_a_machine_that_is_fine_and_nothing_is_changed(settings, tmp_path, capsys):
    told = verdicts(settings(), capsys, code=0)
    assert told["store"] == (
        "ok",
        f"sqlite:///{tmp_path / 'store.db'}; default: made at the first start",
    )
    assert told["versions"][1].startswith("Python 3.")
    assert told["sqlite"][0] == "ok"
    assert not (tmp_path / "store.db").exists()
    open_repository(f"sqlite:///{tmp_path / 'store.db'}").close()
    told = verdicts(settings(), capsys, code=0)
    outcome, message = told["store"]
    assert outcome == "ok"
    done, _, known = message.rpartition("default: ")[2].partition(" of ")
    assert int(done) == int(known.split()[0]) >= 2


def test_people_get_a_line_per_check(settings, capsys):
    assert main(["doctor", "--config", str(settings())]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == list(CHECKS)


@pytest.mark.parametrize(
    ("more", "check", "told"),
    [
        ("[tables]\nopen_items = 'absent.csv'\n", "settings", "absent.csv: not there"),
        ("[tables]\npolicy = 'absent.toml'\n", "settings", "absent.toml: no such file"),
        ("[tls]\ncertificate_file='a.pem'\nprivate_key_file='a.key'\n", "settings", "a.pem"),
        ("[authentication]\nkeys_file='k'\nkeys_secret_file='s'\n", "settings", "no such file"),
    ],
)
def test_what_the_settings_name_must_be_there(settings, capsys, more, check, told):
    outcome, message = verdicts(settings(more), capsys, code=78)[check]
    assert outcome == "failed"
    assert told in message


def test_a_port_that_is_taken_fails_unless_it_is_ours(settings, tmp_path, capsys):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        server = f"grpc_address = '127.0.0.1:{port}'\nmetrics_address = '127.0.0.1:1'\n"
        outcome, message = verdicts(settings(server=server), capsys, code=78)["ports"]
        assert (outcome, "in use" in message) == ("failed", True)
    folder = tmp_path / "running"
    folder.mkdir()
    with RunningServer(folder, TIEOUT_WORKERS="1") as running:
        metrics = running.metrics.removeprefix("http://").removesuffix("/metrics")
        server = f"grpc_address = '{running.address}'\nmetrics_address = '{metrics}'\n"
        told = verdicts(settings(server=server), capsys, code=0)
        assert told["ports"] == ("ok", "a tieout server is listening")


def test_a_store_that_cannot_be_reached_or_is_newer_fails(settings, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TIEOUT_STORE", "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    outcome, message = verdicts(settings(), capsys, code=78)["store"]
    assert outcome == "failed"
    assert message
    monkeypatch.delenv("TIEOUT_STORE")
    url = f"sqlite:///{tmp_path / 'store.db'}"
    repository = open_repository(url)
    repository.close()
    real = machine_checks.read_migrations
    monkeypatch.setattr(machine_checks, "read_migrations", lambda dialect: real(dialect)[:-1])
    outcome, message = verdicts(settings(), capsys, code=78)["store"]
    assert (outcome, "newer release" in message) == ("failed", True)


@pytest.mark.parametrize(
    ("free", "outcome"), [(500 << 20, "failed"), (5 << 30, "warning"), (50 << 30, "ok")]
)
def test_a_disk_that_is_full_fails(settings, capsys, monkeypatch, free, outcome):
    class Usage:
        def __init__(self, free):
            self.free = free

    monkeypatch.setattr(machine_checks.shutil, "disk_usage", lambda _: Usage(free))
    told = verdicts(settings(), capsys, code=78 if outcome == "failed" else 0)
    assert told["disk"][0] == outcome


def test_a_clock_in_the_past_fails_and_one_nobody_keeps_is_told(settings, capsys, monkeypatch):
    monkeypatch.setattr(machine_checks, "_clock_state", lambda: 5)
    assert verdicts(settings(), capsys, code=0)["clock"][0] == "warning"
    monkeypatch.setattr(machine_checks.time, "time", lambda: 1e9)
    assert verdicts(settings(), capsys, code=78)["clock"][0] == "failed"


def test_a_folder_that_everybody_may_write_fails(settings, tmp_path, capsys):
    path = settings()
    tmp_path.chmod(0o777)
    assert verdicts(path, capsys, code=78)["permissions"][0] == "failed"


def test_more_memory_than_there_is_and_too_few_files_are_told(settings, capsys, monkeypatch):
    more = "[limits]\nworker_memory_bytes = 1099511627776\n"
    assert "together may take" in verdicts(settings(more), capsys, code=0)["limits"][1]
    monkeypatch.setattr(machine_checks.resource, "getrlimit", lambda _: (256, 256))
    assert "4096 open files" in verdicts(settings(), capsys, code=0)["limits"][1]


def test_settings_that_are_none_end_it_before_anything_is_looked_at(settings, tmp_path, capsys):
    assert main(["doctor", "--config", str(settings("[sever]\n"))]) == 78
    assert "sever is no setting" in capsys.readouterr().err
    assert main(["doctor", "--config", str(tmp_path / "absent.toml")]) == 66
