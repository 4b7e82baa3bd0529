"""The record of a payment on the screen: carets under its facts, hash-checked against the run."""

import json

import pytest

from tieout.commands import main
from tieout.exit_codes import ExitCode


def test_a_payment_is_shown_in_its_file_by_line_and_by_id(ledger, capsys):
    file = str(ledger / "bank.bai")
    assert main(["parse", file, "--show", "4"]) == ExitCode.DONE
    by_line = capsys.readouterr().out
    identity = by_line.split()[1].rstrip(":")
    assert main(["parse", file, "--show", identity[:8]]) == ExitCode.DONE
    assert capsys.readouterr().out == by_line
    assert by_line.splitlines()[1:] == [
        "4 | 16,175,10000,Z,BK9001,C9001,INV-1001/",
        "  |    ^^^ ^^^^^   ^^^^^^ ^^^^^ ^^^^^^^^",
        "  |    type_code, amount, bank_reference, customer_reference, remittance_text",
    ]
    assert main(["parse", file, "--show", "4", "--json"]) == ExitCode.DONE
    (shown,) = json.loads(capsys.readouterr().out)["payments"]
    assert shown["payment"]["amount"] == "100.00"
    assert [fact["name"] for fact in shown["record"]["facts"]][:2] == ["type_code", "amount"]


@pytest.mark.parametrize("wanted", ["1", "999", "ffffffff", "ab"])
def test_what_answers_to_no_payment_is_a_usage_error(ledger, capsys, wanted):
    assert main(["parse", str(ledger / "bank.bai"), "--show", wanted]) == ExitCode.USAGE
    assert "no payment answers to" in capsys.readouterr().err


def test_a_run_is_explained_beside_the_file_it_read(ledger, tmp_path, capsys, monkeypatch, matcher):
    monkeypatch.setattr("tieout.matching_job.match_payments", matcher)
    run = tmp_path / "run"
    given = ["match", str(ledger / "bank.bai"), "--open-items", str(ledger / "open_items.csv")]
    assert main([*given, "--out", str(run)]) == ExitCode.DONE
    capsys.readouterr()
    file = ledger / "bank.bai"
    assert main(["explain", str(run), "BK9001", "--bank-file", str(file)]) == ExitCode.DONE
    assert "  |    type_code, amount, bank_reference" in capsys.readouterr().out
    other = ledger / "other.bai"
    other.write_bytes(file.read_bytes() + b"\n")
    assert main(["explain", str(run), "BK9001", "--bank-file", str(other)]) == ExitCode.USAGE
    assert "is not the file this payment was read from" in capsys.readouterr().err
