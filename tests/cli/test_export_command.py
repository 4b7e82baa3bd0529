"""`tieout export`: its directory, its exit codes, and what is sent again."""

import csv
import json

import pytest

from adapters.catalogue import template
from tieout.commands import main
from tieout.matching_job import MatchingJob, run_matching_job


@pytest.fixture
def run(ledger, tmp_path, matcher):
    """A run of the small ledger: two payments applied, one of nobody known."""
    out = tmp_path / "run"
    run_matching_job(
        MatchingJob(
            open_items=ledger / "open_items.csv",
            customers=ledger / "customers.csv",
            payments=ledger / "payments.csv",
            out=out,
        ),
        match=matcher,
    )
    return out


def accounts(tmp_path, name="journal", **changes):
    text = template(name)
    for old, new in changes.values():
        text = text.replace(old, new)
    path = tmp_path / "accounts.toml"
    path.write_text(text)
    return str(path)


def export(run, tmp_path, *more, name="journal"):
    out = tmp_path / "post"
    given = ["export", str(run), "--adapter", name, "--out", str(out), *more]
    return main(given), out


def test_an_export_writes_documents_held_payments_and_sums(run, tmp_path, capsys):
    code, out = export(run, tmp_path, "--accounts", accounts(tmp_path))
    assert code == 0
    assert "3 payments: 2 posted, 0 reversed, 1 held" in capsys.readouterr().out
    documents = [json.loads(line) for line in (out / "documents.jsonl").read_text().splitlines()]
    assert [one["payment_id"] for one in documents] == ["P-1", "P-3"]
    (held,) = csv.DictReader((out / "held.csv").read_text().splitlines())
    assert (held["payment_id"], held["amount"], held["reason"]) == ("P-2", "77.25", "undecided")
    summary = json.loads((out / "export.json").read_text())
    assert summary["posted_amount"] == {"JPY": "5000", "USD": "100.00"}
    assert summary["held_amount"] == {"USD": "77.25"}


def test_a_refused_payment_ends_with_four_and_says_what_to_add(run, tmp_path, capsys):
    path = accounts(
        tmp_path,
        bank=('bank = "1000"', ""),
        company=("[undecided]", '[companies.JP01.accounts]\nbank = "1"\n[undecided]'),
    )
    code, out = export(run, tmp_path, "--accounts", path)
    assert code == 4
    told = capsys.readouterr().err
    assert "payment P-1: no ledger account is named" in told
    assert "add accounts.bank" in told
    assert len((out / "documents.jsonl").read_text().splitlines()) == 1


def test_answers_leave_only_what_is_not_confirmed(run, tmp_path, capsys):
    path = accounts(tmp_path)
    _, out = export(run, tmp_path, "--accounts", path)
    first, second = [
        json.loads(line)["document_id"]
        for line in (out / "documents.jsonl").read_text().splitlines()
    ]
    answers = tmp_path / "answers.csv"
    answers.write_text(
        f"document_id,state,document,code,message\n{first},confirmed,JE-1,,\n"
        f"{second},post_failed,,X,the period is closed\n"
    )
    capsys.readouterr()
    code, _ = export(
        run, tmp_path, "--accounts", path, "--answers", str(answers), "--overwrite", "--json"
    )
    assert code == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["confirmed"], told["failed"], told["to_send"]) == (1, 1, 1)
    assert {one["payment_id"]: one["state"] for one in told["states"]} == {
        "P-1": "confirmed",
        "P-3": "post_failed",
    }
    assert [
        json.loads(line)["document_id"]
        for line in (out / "documents.jsonl").read_text().splitlines()
    ] == [second]
    assert [
        row["state"] for row in csv.DictReader((out / "answers.csv").read_text().splitlines())
    ] == [
        "confirmed",
        "post_failed",
    ]


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["--adapter", "sage"], 78, "no adapter is called 'sage'"),
        (
            ["--adapter", "journal", "--accounts", "{tmp}/bad.toml"],
            78,
            "bad.toml: Expected `object`",
        ),
        (["--adapter", "journal", "--accounts", "{tmp}/none.toml"], 66, "no such file"),
        (
            ["--adapter", "journal", "--answers", "{tmp}/bad.jsonl"],
            65,
            "bad.jsonl: line 1 is no answer",
        ),
        ([], 2, "give RUN_DIR and --adapter"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(run, tmp_path, capsys, given, code, said):
    (tmp_path / "bad.toml").write_text("accounts = 1")
    (tmp_path / "bad.jsonl").write_text("{")
    words = [one.replace("{tmp}", str(tmp_path)) for one in given]
    assert main(["export", str(run), *words]) == code
    assert said in capsys.readouterr().err


def test_an_export_replaces_an_export_and_nothing_else(run, tmp_path, capsys):
    path = accounts(tmp_path)
    code, out = export(run, tmp_path, "--accounts", path)
    assert code == 0
    assert export(run, tmp_path, "--accounts", path)[0] == 2
    assert export(run, tmp_path, "--accounts", path, "--overwrite")[0] == 0
    (out / "export.json").unlink()
    assert export(run, tmp_path, "--accounts", path, "--overwrite")[0] == 2
    assert "holds no export.json" in capsys.readouterr().err


def test_the_adapters_are_listed(capsys):
    assert main(["export", "--list"]) == 0
    told = capsys.readouterr().out
    assert "netsuite" in told
    assert main(["export", "--list", "--json"]) == 0
    assert {"name", "title", "posts"} == set(json.loads(capsys.readouterr().out)[0])
