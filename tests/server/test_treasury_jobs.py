"""A treasury's jobs against a real server: watch, status, results, ack, and kills in between."""

import csv
import io
import json
import signal
import subprocess
import sys
import time

import pytest

from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tieout import commands

pytestmark = pytest.mark.xdist_group("server")

TIEOUT = "import sys; from tieout.commands import main; sys.exit(main())"
WATCH = [sys.executable, "-c", TIEOUT, "watch", "--settle", "0", "--every", "0.05"]
WRONG = bai2_file((5_000, "WRONG"), account="WRONG").replace(b"49,5000,", b"49,5001,")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def tieout(monkeypatch, capfdbinary, server):
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run(*words, address=server.address):
        code = commands.main([*(str(one) for one in words), "--server", address])
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


def drop(folder, **files):
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)


def acknowledgements(folder):
    return {one.name: json.loads(one.read_text()) for one in folder.glob("*.ack.json")}


def test_every_dropped_file_is_acknowledged(tieout, tmp_path):
    good = bai2_file((10_000, "INV-20431"), account="DROP")
    drop(tmp_path, good_bai=good, wrong_bai=WRONG, notes_txt=b"buy milk\n", half_part=b"x")
    code, _, err = tieout("watch", tmp_path, "--once", "--settle", 0)
    assert code == 4, err
    done = acknowledgements(tmp_path / "done")
    told = done["good.bai.ack.json"]
    assert (told["outcome"], told["state"]) == ("accepted", "processed")
    assert told["counts"]["payments"] == 1
    assert told["sums"][0] | {"amount": "100.00", "applied": "100.00"} == told["sums"][0]
    assert all(one["ok"] for one in told["control_totals"])
    held = done["wrong.bai.ack.json"]
    assert held["state"] == "held"
    assert any(not one["ok"] for one in held["control_totals"])
    assert held["reasons"][0]["line"] > 0
    assert held["reasons"][0]["offset"] > 0
    (refused,) = acknowledgements(tmp_path / "error").values()
    assert refused["outcome"] == "rejected"
    assert refused["reasons"][0]["code"] == "NOT_A_BANK_FILE"
    assert (tmp_path / "half.part").exists()
    drop(tmp_path, again_bai=good)
    assert tieout("watch", tmp_path, "--once", "--settle", 0, "--format", "csv")[0] == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "done/again.bai.ack.csv").read_text())))
    assert {"topic": "file", "name": "outcome", "value": "duplicate"}.items() <= rows[2].items()


def test_without_a_server_files_wait_and_are_sent_later_once(tieout, tmp_path):
    drop(tmp_path, a_bai=bai2_file((77, "LATER"), account="LATER"))
    code, _, err = tieout("watch", tmp_path, "--once", "--settle", 0, address="127.0.0.1:1")
    assert (code, "no server answers" in err) == (69, True)
    assert not (tmp_path / "a.bai").exists()
    assert tieout("watch", tmp_path, "--once", "--settle", 0)[0] == 0
    (told,) = acknowledgements(tmp_path / "done").values()
    assert told["outcome"] == "accepted"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_killed_at_any_moment_every_file_is_acknowledged_once(server, tmp_path, end, tieout):
    names = [f"{number:02}.bai" for number in range(12)]
    for name in names:
        content = bai2_file((1_000, name), account=f"KILL{end.name}{name}")
        (tmp_path / name).write_bytes(content)
    for seconds in (0.0, 0.15, 0.4):
        watching = subprocess.Popen(
            [*WATCH, tmp_path, "--server", server.address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        begun = time.monotonic()
        before = len(list(tmp_path.glob("done/*.ack.json")))
        while (
            time.monotonic() < begun + 20 and len(list(tmp_path.glob("done/*.ack.json"))) == before
        ):
            time.sleep(0.01)
        time.sleep(seconds)
        watching.send_signal(end)
        watching.wait(30)
    assert tieout("watch", tmp_path, "--once", "--settle", 0)[0] == 0
    told = acknowledgements(tmp_path / "done")
    assert sorted(told) == [f"{name}.ack.json" for name in names]
    assert {one["outcome"] for one in told.values()} == {"accepted"}
    assert sorted(one.name for one in (tmp_path / "done").glob("*.bai")) == names
    assert [one.name for one in (tmp_path / ".claimed").iterdir()] == ["lock"]


def test_status_results_and_acknowledgement_of_a_file(tieout, tmp_path):
    path = tmp_path / "file.bai"
    path.write_bytes(bai2_file((25_050, "INV-20544"), (7, "NOBODY"), account="RESULT"))
    assert tieout("status", path)[0] == 66
    assert tieout("submit", tmp_path / "*.bai")[0] == 0
    code, out, _ = tieout("status", path)
    assert code == 0
    assert "file.bai: processed" in out
    assert "2 payments, 1 applications" in out
    assert out in tieout("status")[1]
    (listed,) = json.loads(tieout("status", path, "--json")[1])
    assert listed["counts"]["payments"] == 2
    told = json.loads(tieout("ack", listed["id"])[1])
    assert (told["file_name"], told["counts"]["applications"]) == ("file.bai", 1)
    rows = [
        json.loads(one)
        for one in tieout("results", path, "--table", "applications")[1].splitlines()
    ]
    assert [(one["open_item_id"], one["amount_applied"]) for one in rows] == [("I-2", "250.50")]
    assert tieout("results", path)[0] == 2
    assert tieout("results", path, "--out", tmp_path / "out", "--format", "csv")[0] == 0
    payments = list(csv.DictReader(io.StringIO((tmp_path / "out/payments.csv").read_text())))
    assert sorted(one["status"] for one in payments) == ["applied", "unidentified"]
    checks = list(csv.DictReader(io.StringIO((tmp_path / "out/control_checks.csv").read_text())))
    assert {one["ok"] for one in checks} == {"true"}
    assert tieout("results", path, "--out", tmp_path / "out")[0] == 2
    assert tieout("results", path, "--out", tmp_path / "p", "--format", "parquet")[0] == 0


def test_the_tables_of_a_server_are_those_of_a_run(tieout, tmp_path, server):
    path = tmp_path / "same.bai"
    path.write_bytes(bai2_file((7_525, "INV-30777"), (9, "WHO"), account="SAME"))
    assert tieout("submit", path)[0] == 0
    assert tieout("results", path, "--out", tmp_path / "served", "--format", "csv")[0] == 0
    words = ["match", path, "--open-items", server.folder / "open_items.csv", "--format", "csv"]
    run = tmp_path / "run"
    assert commands.main([str(one) for one in [*words, "--out", run]]) == 0
    for table in ("payments", "remittance_lines", "control_checks", "applications"):
        assert (tmp_path / f"served/{table}.csv").read_text() == (run / f"{table}.csv").read_text()


def test_a_file_can_be_left_with_the_server(tieout, tmp_path):
    path = tmp_path / "later.bai"
    path.write_bytes(bai2_file((31, "BACKGROUND"), account="BACK"))
    code, out, _ = tieout("submit", path, "--no-wait", "--json")
    run_id = json.loads(out)["files"][0]["run_id"]
    assert code == 0
    end = time.monotonic() + 30
    while "done" not in tieout("status", run_id)[1]:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_run_is_followed_from_the_command_line(tieout, tmp_path):
    path = tmp_path / "followed.bai"
    path.write_bytes(bai2_file((700, "FOLLOWED"), account="FOLLOWED"))
    code, out, err = tieout("submit", path, "--no-wait", "--json")
    run = json.loads(out)["files"][0]["run_id"]
    assert code == 0, err
    code, out, err = tieout("runs", "wait", run, "--json")
    told = json.loads(out)
    assert (code, told["state"], told["file_name"]) == (0, "done", "followed.bai"), err
    assert int(told["result"]["bank_file"]["payment_count"]) == 1
    code, out, _ = tieout("runs", "watch", run, "--json")
    assert (code, [json.loads(line)["state"] for line in out.splitlines()]) == (0, ["done"])
    code, out, _ = tieout("runs", "cancel", run)
    assert code == 3
    assert "state: done" in out
    code, out, _ = tieout("runs", "list", "--kind", "bank_file", "--state", "done", "--limit", 1)
    assert code == 0
    assert out.startswith(f"{run}  done  bank_file  ")
    assert f"id: {run}" in tieout("runs", "show", run)[1]
    assert tieout("runs", "show", "0" * 32)[0] == 66
    assert tieout("status", run)[1].startswith("followed.bai: done, ")
