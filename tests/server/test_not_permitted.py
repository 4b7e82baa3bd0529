"""Commands of somebody who may not: exit code 77, the reason in one sentence, nothing done."""

import json

import pytest

from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tieout.commands import main

pytestmark = pytest.mark.xdist_group("server")

SETTINGS = """
[store]
url = "sqlite:///{folder}/store.db"
[tables]
open_items = "open_items.csv"
[authentication]
keys_file = "keys.toml"
keys_secret_file = "keys.secret"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signal.signal", lambda *_: None)
        for role in ("viewer", "submitter"):
            new = ["keys", "new", "--keys", str(folder / "keys.toml")]
            new += ["--secret", str(folder / "keys.secret"), "--name", role, "--role", role]
            with (folder / role).open("w") as file, pytest.MonkeyPatch.context() as out:
                out.setattr("sys.stdout", file)
                assert main(new) == 0
    (folder / "wrong").write_text("tk_000000000000_nobodys")
    with RunningServer(folder, SETTINGS.format(folder=folder)) as running:
        yield running
        assert running.terminate() == 0


@pytest.fixture
def tieout(server, monkeypatch, capsys):
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run(key, *arguments):
        given = [*map(str, arguments), "--server", server.address]
        if key:
            given += ["--api-key-file", str(server.folder / key)]
        return main(given), *capsys.readouterr()

    return run


@pytest.fixture
def bank_file(tmp_path):
    path = tmp_path / "statement.bai"
    path.write_bytes(bai2_file((12_345, "NOT PERMITTED"), account="PERMIT"))
    return path


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "no credentials came"),
        ("wrong", "the API key is not known here"),
        ("viewer", "'viewer' may not call tieout.v1.BankFileService/SubmitBankFile"),
    ],
)
def test_a_bank_file_of_somebody_who_may_not_send_it_is_not_taken(tieout, bank_file, key, said):
    code, out, err = tieout(key, "submit", bank_file)
    assert (code, out) == (77, "")
    assert said in err
    code, _, err = tieout("viewer", "status", bank_file)
    assert code == 66, err


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("", ("runs", "list")),
        ("submitter", ("exceptions", "list")),
        ("viewer", ("webhooks", "list")),
        ("viewer", ("open-items", "import", "items.csv")),
        ("viewer", ("customers", "import", "customers.csv")),
    ],
)
def test_every_command_that_calls_ends_so(tieout, tmp_path, monkeypatch, key, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "items.csv").write_text(
        "open_item_id,customer_id,document_number,currency,original_amount,open_amount\n"
        "I,C,D,EUR,1.00,1.00\n"
    )
    (tmp_path / "customers.csv").write_text("customer_id,name\nC,Acme\n")
    code, out, err = tieout(key, *command)
    assert (code, out) == (77, "")
    assert len(err.splitlines()) == 1


def test_a_watched_file_waits_until_somebody_may_send_it(tieout, tmp_path):
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "late.bai").write_bytes(bai2_file((54_321, "WATCHED"), account="WATCHED"))
    code, _, err = tieout("viewer", "watch", drop, "--once", "--settle", "0")
    assert code == 77
    assert "may not call" in err
    assert list((drop / "done").iterdir()) == []
    assert list((drop / "error").iterdir()) == []
    code, _, _ = tieout("submitter", "watch", drop, "--once", "--settle", "0")
    assert code == 0
    told = json.loads((drop / "done" / "late.bai.ack.json").read_text())
    assert (told["outcome"], told["counts"]["payments"]) == ("accepted", 1)
