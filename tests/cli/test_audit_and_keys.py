"""What an operator and an auditor do from a terminal: prove, rotate, erase, purge, resume."""

import contextlib
import io
import json

import pytest

from store.key_ring import add_master_key
from tests.server.requests import bai2_file
from tests.server.test_repeated_files import NOW, Store
from tests.store.test_audit_log import tamper
from tieout.commands import main

CONTENT = bai2_file((10_000, "INV-20431"), (33_300, "THANK YOU"))


def tieout(*arguments):
    """Exit code, standard output and standard error of a command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def keys(tmp_path):
    add_master_key(tmp_path / "keys", "k1")
    return str(tmp_path / "keys")


@pytest.fixture
def store(tmp_path, keys):
    """A sealed store with one file, its audit sealed and signed."""
    private, public = tmp_path / "audit.key", tmp_path / "audit.pub"
    assert tieout("audit", "new-key", str(private), str(public))[0] == 0
    found = Store(tmp_path, f"sqlite:///{tmp_path / 'store.db'}", keys)
    found.send(CONTENT)
    seal(found, private)
    yield found
    found.close()


def seal(store, private):
    from store.audit_keys import read_signer  # noqa: PLC0415 - few tests need it

    repository = store.open()
    repository.audit.seal(NOW, read_signer(private))
    repository.close()


def run(store, *arguments):
    return tieout(*arguments, "--store", store.settings.store_url)


def test_a_sound_audit_says_what_it_is_about(store, tmp_path):
    code, out, _ = run(store, "audit", "verify", "--public-key", str(tmp_path / "audit.pub"))
    assert code == 0
    assert "2 leaves in 1 blocks (1 signed, 0 leaves not sealed yet)" in out


def test_a_bundle_is_verified_without_the_store(store, tmp_path):
    folder = tmp_path / "bundle"
    assert run(store, "audit", "export", str(folder))[0] == 0
    arguments = ("audit", "verify", "--bundle", str(folder), "--json")
    code, out, _ = tieout(*arguments)
    assert (code, json.loads(out)["findings"]) == (0, [])
    rows = folder / "rows.jsonl"
    rows.write_text(rows.read_text("utf-8").replace("33300", "33301", 1), "utf-8")
    code, out, _ = tieout(*arguments)
    first = json.loads(out)["findings"][0]
    assert (code, first["kind"], first["table"]) == (3, "row_changed", "payment")


def test_a_tampered_row_is_named_and_fails_the_gate(store):
    tamper(store.settings.store_url, "UPDATE payment SET amount_minor = 1 WHERE row_number = 2")
    code, out, _ = run(store, "audit", "verify")
    assert code == 3
    assert out.startswith("row_changed: payment: row 2 of file_id")


def test_a_head_kept_elsewhere_finds_a_chain_that_was_cut(store, tmp_path):
    code, out, _ = run(store, "audit", "head")
    assert code == 0
    (tmp_path / "head.json").write_text(out, "utf-8")
    arguments = ("audit", "verify", "--head", str(tmp_path / "head.json"))
    assert run(store, *arguments)[0] == 0
    tamper(store.settings.store_url, "DELETE FROM audit_block")
    code, out, _ = run(store, *arguments)
    assert (code, out.split(":")[0]) == (3, "block_deleted")


def test_every_files_money_is_proven_or_posting_halts(store, keys):
    arguments = ("store", "verify", "--encryption-key-file", keys)
    assert run(store, *arguments)[:2] == (0, "proven: 1 files\n")
    tamper(store.settings.store_url, "UPDATE currency_total SET amount_minor = 1")
    code, out, _ = run(store, *arguments, "--json")
    assert code == 3
    assert "the receipt's total 1 minor units" in json.loads(out)["findings"][0]["why"]
    resume = ("store", "resume", "--encryption-key-file", keys, "--by", "m.weber")
    code, out, _ = run(store, *resume, "--reason", "restored from backup")
    assert (code, out) == (0, "posting goes on\n")
    assert run(store, *resume, "--reason", "again")[1] == "posting is not halted\n"


def test_keys_rotate_and_a_customer_is_erased(store, keys):
    assert tieout("store", "new-key", keys, "--name", "k2")[0] == 0
    given = ("--encryption-key-file", keys)
    assert run(store, "store", "rotate-keys", *given)[1] == "3 data keys wrapped anew\n"
    erase = ("store", "erase-customer", "C-1", "--company", "K", *given, "--by", "m.weber")
    assert run(store, *erase)[1] == "1 keys destroyed\n"
    assert run(store, *erase)[1] == "0 keys destroyed\n"
    assert run(store, "audit", "verify")[0] == 0
    code, _, err = run(store, "store", "rotate-keys")
    assert code == 78
    assert "no key file is configured" in err


def test_what_is_past_its_retention_is_purged(store, keys):
    given = ("--encryption-key-file", keys, "--by", "m.weber")
    code, out, _ = run(store, "store", "purge", *given, "--contents", "1", "--events", "1")
    assert (code, out) == (0, "contents: 1\nevents: 1\n")
    assert run(store, "store", "verify", *given[:2])[1] == "partly: 1 files\n"


def test_what_is_not_there_is_said(tmp_path):
    url = f"sqlite:///{tmp_path / 'none.db'}"
    code, _, err = tieout("audit", "verify", "--store", url)
    assert (code, "no tenant 'default'" in err) == (78, True)
    assert tieout("store", "new-key", str(tmp_path / "k"), "--name", "a b")[0] == 78
