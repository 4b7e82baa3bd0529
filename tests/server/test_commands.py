"""`tieout serve` and `tieout submit` as a treasury job runs them: output and exit codes."""

import io
import json

import click.testing
import pytest

from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tieout import commands

pytestmark = pytest.mark.xdist_group("server")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running
        assert running.terminate() == 0


@pytest.fixture
def tieout(monkeypatch, capsys):
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run(*arguments, stdin=b""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = commands.main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def bank_file(tmp_path):
    def write(*rows, account, name="file.bai"):
        path = tmp_path / name
        path.write_bytes(bai2_file(*rows, account=account))
        return path

    return write


def test_a_file_sent_again_is_done_and_says_so(tieout, server, bank_file):
    path = bank_file((10_000, "INV-20431"), account="SUBMIT")
    code, out, _ = tieout("submit", path, "--server", server.address)
    assert code == 0
    assert "file.bai: processed as" in out
    assert "USD 100.00 received, 100.00 applied" in out
    code, out, _ = tieout("submit", path, "--server", server.address)
    assert code == 0
    assert "file.bai: already processed" in out


def test_receipts_as_json(tieout, server, bank_file):
    path = bank_file((123, "JSON"), account="JSON")
    code, out, _ = tieout("submit", path, "--server", server.address, "--json")
    (entry,) = json.loads(out)["files"]
    assert code == 0
    assert entry["already_processed"] is False
    assert entry["receipt"]["payment_count"] == "1"
    assert entry["receipt"]["currency_totals"][0]["amount_minor"] == "123"


def test_standard_input_is_a_file_too(tieout, server):
    content = bai2_file((321, "STDIN"), account="STDIN")
    code, out, _ = tieout("submit", "-", "--server", server.address, stdin=content)
    assert (code, out.split(":")[0]) == (0, "standard input")


def test_some_refused_is_4_and_all_refused_is_65(tieout, server, bank_file, tmp_path):
    good = bank_file((5, "GOOD"), account="GOOD")
    bad = tmp_path / "notes.txt"
    bad.write_text("buy milk\n", "utf-8")
    code, out, err = tieout("submit", bad, good, "--server", server.address)
    assert code == 4
    assert "file.bai: processed" in out
    assert err.startswith("tieout: notes.txt is no bank file")
    code, out, _ = tieout("submit", bad, "--server", server.address, "--json")
    assert code == 65
    assert json.loads(out)["files"][0]["error"]["reason"] == "NOT_A_BANK_FILE"


def test_one_key_with_two_contents_is_5(tieout, server, bank_file):
    first = bank_file((6, "FIRST"), account="KEY")
    second = bank_file((7, "SECOND"), account="KEY", name="second.bai")
    key = ("--request-id", "KEY-1", "--server", server.address)
    assert tieout("submit", first, *key)[0] == 0
    code, _, err = tieout("submit", second, *key)
    assert code == 5
    assert "request_id 'KEY-1' was used for BankFileService/SubmitBankFile" in err


def test_a_key_names_one_file_only(tieout, bank_file):
    path = bank_file((8, "TWO"), account="TWO")
    code, _, err = tieout("submit", path, path, "--request-id", "K")
    assert code == 2
    assert "--request-id is the key of one file" in err


def test_a_missing_file_is_66_and_nothing_is_sent(tieout, server, bank_file, tmp_path):
    good = bank_file((9, "UNSENT"), account="UNSENT")
    missing = tmp_path / "missing.bai"
    assert tieout("submit", good, missing, "--server", server.address)[0] == 66
    assert "already" not in tieout("submit", good, "--server", server.address)[1]


def test_no_server_is_69(tieout, bank_file):
    path = bank_file((10, "NOBODY"), account="NOBODY")
    code, _, err = tieout("submit", path, "--server", "127.0.0.1:1", "--patience", 0)
    assert code == 69
    assert "no server answers at 127.0.0.1:1" in err


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (["--grpc-address", "nowhere"], 78, "address 'nowhere' is no host:port"),
        (["--store", "mongodb://x"], 78, "expected sqlite:///file.db"),
        (["--open-items", "missing.csv"], 66, "missing.csv"),
        (["--policy", "wrong.toml"], 78, "grace_days = 999"),
        (["--open-items", "wrong.csv"], 65, "wrong.csv"),
    ],
)
def test_a_server_that_cannot_start_says_why(
    tieout, tmp_path, monkeypatch, options, code, complaint
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.toml").write_text("[discount]\ngrace_days = 999\n", "utf-8")
    (tmp_path / "wrong.csv").write_text("open_item_id\nI-1\n", "utf-8")
    found, _, err = tieout("serve", "--workers", "1", *options)
    assert found == code, err
    assert complaint in err


def test_help_names_every_exit_code():
    runner = click.testing.CliRunner()
    for name, codes in (("serve", ("0", "65", "66", "78")), ("submit", ("4", "5", "69", "75"))):
        text = runner.invoke(commands.cli, [name, "--help"]).output
        assert all(f"\n    {code} " in text for code in codes), text
