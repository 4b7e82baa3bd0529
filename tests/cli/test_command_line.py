"""The command line: exit codes, one clear sentence on stderr, data on stdout, lazy imports."""

import errno
import io
import json
import signal
import subprocess
import sys
from unittest.mock import Mock

import pytest

from tieout.commands import COMMANDS, main
from tieout.exit_codes import ExitCode, exit_code_of

HEADER = ["file", "format", "payments", "sum", "totals", "diagnostics"]


@pytest.fixture
def match(ledger, tmp_path, capsys, monkeypatch, matcher):
    """Run `tieout match` on the ledger; gives exit code, stdout, stderr."""
    monkeypatch.setattr("tieout.matching_job.match_payments", matcher)

    def run(*arguments, payments=True):
        given = ["match", "--open-items", str(ledger / "open_items.csv")]
        given += ["--payments", str(ledger / "payments.csv")] if payments else []
        given += ["--out", str(tmp_path / "run"), *map(str, arguments)]
        code = main(given)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_matching_prints_a_summary_and_exits_0(match, tmp_path):
    code, out, err = match()
    assert code == ExitCode.DONE
    assert "3 payments against 4 open items, as of 2026-09-30" in out
    assert "USD 177.25 = 100.00 applied + 0.00 on account + 77.25 unidentified" in out
    assert err == ""
    assert (tmp_path / "run/summary.json").is_file()


def test_matching_with_json_prints_one_object(match):
    code, out, _ = match("--json")
    report = json.loads(out)
    assert (code, report["exit_code"]) == (0, 0)
    assert report["summary"]["counts"]["payments"] == 3
    assert report["out"].endswith("run")


def test_plain_progress_is_lines_on_stderr(match):
    _, out, err = match("--progress", "plain")
    assert err.splitlines()[0] == "tieout: read tables"
    assert "tieout: settle, 3 rows" in err
    assert "tieout:" not in out


def test_a_failed_gate_exits_3_and_keeps_the_result(match, tmp_path):
    code, _, err = match("--max-exceptions", "0")
    assert code == ExitCode.GATE
    assert err == "tieout: gate failed: 1 primary exceptions, at most 0 allowed\n"
    assert (tmp_path / "run/summary.json").is_file()


def test_a_refused_bank_file_beside_a_good_one_exits_4(match, ledger):
    code, _, err = match(ledger / "bank.bai", ledger / "holiday.bai", payments=False)
    assert code == ExitCode.PARTIAL
    assert len(err.splitlines()) == 1
    assert "holiday.bai" in err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.bai", b""),
        ("blank.bai", b" \n\n"),
        ("picture.bai", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
        ("letter.xml", b"<letter>Dear treasurer</letter>"),
        ("items.xml", b"open_item_id,customer_id\n1,2\n"),
        ("broken.xml", b"<?xml version='1.0'?><Document"),
    ],
)
def test_a_file_that_is_no_bank_file_exits_65_with_one_sentence(
    match, ledger, tmp_path, name, content
):
    (ledger / name).write_bytes(content)
    code, out, err = match(ledger / name, payments=False)
    assert (code, out) == (ExitCode.MALFORMED, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("tieout: ")
    assert name in err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_wrongly_named_bank_file_is_read_for_what_it_is(match, ledger):
    (ledger / "bank.bai").rename(ledger / "statement.xml")
    code, out, _ = match(ledger / "statement.xml", payments=False)
    assert code == ExitCode.DONE
    assert "1 payments against 4 open items" in out


def test_a_truncated_bank_file_is_kept_and_held(match, ledger):
    text = (ledger / "bank.bai").read_text()
    (ledger / "bank.bai").write_text(text[: text.index("49,")])
    code, out, _ = match(ledger / "bank.bai", "--json", payments=False)
    counts = json.loads(out)["summary"]["counts"]
    assert code == ExitCode.DONE
    assert counts["payments"] == 1
    assert counts["diagnostics"] > 0


def test_a_malformed_table_exits_65(match, ledger, tmp_path):
    (ledger / "payments.csv").write_text("payment_id,amount,currency,value_date\nP,x,USD,\n")
    code, out, err = match()
    assert (code, out) == (ExitCode.MALFORMED, "")
    assert err == (
        "tieout: payments.csv: row 1 (line 2), column value_date: '' is empty; "
        "an ISO date is required\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_absent_file_exits_66(match, ledger):
    code, _, err = match(ledger / "absent.bai", payments=False)
    assert code == ExitCode.MISSING
    assert err.endswith("absent.bai: no such file or directory\n")


def test_a_full_output_directory_exits_2(match):
    match()
    code, _, err = match()
    assert code == ExitCode.USAGE
    assert "is not empty; give --out a new directory, or --overwrite" in err


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("[tolerence]\n", "unknown field `tolerence`"),
        ('[tolerance.under]\namount = "-1"\n', "is no decimal number"),
        ("= 1", "policy.toml"),
    ],
)
def test_a_policy_that_is_not_understood_exits_78_naming_file_and_key(match, ledger, policy, said):
    (ledger / "policy.toml").write_text(policy)
    code, _, err = match("--policy", ledger / "policy.toml")
    assert code == ExitCode.CONFIG
    assert len(err.splitlines()) == 1
    assert "policy.toml" in err
    assert said in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["match", "--open-items", "x.csv", "--out", "y"], "give at least one BANKFILE"),
        (["match", "--open-items", "x.csv", "--payments", "p.csv"], "give --out DIR"),
        (["match", "--out", "y"], "Missing option '--open-items'"),
        (["match", "--min-value-rate", "85"], "'85' is no share between 0 and 1"),
        (["mtch"], "No such command 'mtch'"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_missing(arguments, said, capsys):
    assert main(arguments) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_ctrl_c_exits_130_and_leaves_nothing(match, tmp_path, monkeypatch):
    interrupt = Mock(side_effect=KeyboardInterrupt)
    monkeypatch.setattr("tieout.matching_job.match_payments", interrupt)
    code, out, err = match()
    assert (code, out) == (ExitCode.INTERRUPTED, "")
    assert "interrupted; nothing was written" in err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_sigterm_exits_143_and_leaves_nothing(match, tmp_path, monkeypatch):
    terminate = Mock(side_effect=lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    monkeypatch.setattr("tieout.matching_job.match_payments", terminate)
    before = signal.getsignal(signal.SIGTERM)
    try:
        code, out, err = match()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (code, out) == (ExitCode.TERMINATED, "")
    assert "terminated; nothing was written" in err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, ExitCode.RETRY),
        (errno.EIO, ExitCode.RETRY),
        (errno.ENOENT, ExitCode.MISSING),
        (errno.EACCES, ExitCode.FORBIDDEN),
        (errno.EEXIST, ExitCode.USAGE),
        (errno.EINVAL, None),
    ],
)
def test_a_full_disk_may_be_tried_again_and_a_mistake_may_not(number, code):
    assert exit_code_of(OSError(number, "what is wrong", "file")) == code


def test_an_output_directory_below_a_file_exits_2_with_one_sentence(ledger, capsys):
    code = main(["parse", str(ledger / "bank.bai"), "--out", str(ledger / "bank.bai" / "x")])
    said = capsys.readouterr()
    assert (code, said.out) == (ExitCode.USAGE, "")
    assert said.err.splitlines() == [f"tieout: {ledger / 'bank.bai'}: file exists"]


def test_a_folder_that_is_not_there_exits_66(tmp_path, capsys):
    assert main(["watch", str(tmp_path / "in"), "--once"]) == ExitCode.MISSING
    assert "in: no such folder" in capsys.readouterr().err
    assert main(["submit", str(tmp_path)]) == ExitCode.MISSING
    assert "is a directory; name its files" in capsys.readouterr().err


def test_a_dash_reads_standard_input(match, ledger, monkeypatch):
    content = io.TextIOWrapper(io.BytesIO((ledger / "bank.bai").read_bytes()))
    monkeypatch.setattr("sys.stdin", content)
    code, out, _ = match("-", "--json", payments=False)
    inputs = json.loads(out)["summary"]["inputs"]
    assert code == ExitCode.DONE
    assert [file["source_file"] for file in inputs if file["role"] == "bank_file"] == ["stdin"]


def test_parsing_prints_each_file_and_its_diagnostics(ledger, capsys):
    text = (ledger / "bank.bai").read_text()
    (ledger / "cut.bai").write_text(text[: text.index("49,")].replace("9001", "9002"))
    code = main(["parse", str(ledger / "bank.bai"), str(ledger / "cut.bai")])
    said = capsys.readouterr()
    assert code == ExitCode.DONE
    assert said.out.splitlines()[0].split() == HEADER
    assert "100.00 USD" in said.out
    assert "cut.bai" in said.err
    assert "FILE-TRUNCATED" in said.err


def test_parsing_writes_the_parsers_tables(ledger, tmp_path):
    out = tmp_path / "parsed"
    code = main(["parse", str(ledger / "bank.bai"), "--out", str(out), "--format", "csv"])
    assert code == ExitCode.DONE
    assert {path.name for path in out.iterdir()} == {
        "payments.csv",
        "remittance_lines.csv",
        "advice_lines.csv",
        "control_checks.csv",
        "diagnostics.csv",
        "summary.json",
    }
    assert json.loads((out / "summary.json").read_bytes())["files"][0]["sums"] == {"USD": "100.00"}


def test_parsing_nothing_usable_exits_65(ledger, capsys):
    assert main(["parse", str(ledger / "holiday.bai")]) == ExitCode.MALFORMED
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["P-1", "BK1"])
def test_explaining_an_applied_payment(match, tmp_path, capsys, name):
    match()
    assert main(["explain", str(tmp_path / "run"), name]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert out.startswith("Payment P-1: 100.00 USD from an unnamed payer, applied\n")
    assert "Applied: 100.00 on I1  (reference, not_searched" in out
    assert "The payment names the item." in out


def test_explaining_an_exception_by_check_number(match, tmp_path, capsys):
    match("--format", "csv")
    assert main(["explain", str(tmp_path / "run"), "00042"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert "Exception PAY-UNKNOWN: Nobody is known under this name." in out
    assert "missing: the payer" in out


def test_explaining_why_an_item_was_not_chosen(match, tmp_path, capsys):
    match()
    assert main(["explain", str(tmp_path / "run"), "P-2", "--item", "INV-1001"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert "not chosen" in out
    assert "- amount: the payment is 22.75 less than its open amount 100.00" in out
    assert "- reserved: payment P-1 took 100.00 of it" in out
    assert main(["explain", str(tmp_path / "run"), "P-1", "--item", "I4", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["item"]["facts"]
    assert {"company", "currency", "customer"} <= {f["topic"] for f in facts if f["against"]}


@pytest.mark.parametrize(
    ("name", "said"), [("P-", "3 payments answer to 'P-'"), ("Q", "no payment answers to 'Q'")]
)
def test_explaining_nothing_or_too_much_exits_2(match, tmp_path, capsys, name, said):
    match()
    assert main(["explain", str(tmp_path / "run"), name]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_version_as_json_names_engine_policy_and_libraries(capsys):
    assert main(["version", "--json"]) == ExitCode.DONE
    versions = json.loads(capsys.readouterr().out)
    assert {"tieout", "engine", "policy", "python", "libraries"} <= set(versions)
    assert "pyarrow" in versions["libraries"]


def test_help_imports_neither_numpy_nor_arrow_nor_grpc():
    script = (
        "import sys\n"
        "from tieout.commands import main\n"
        "codes = [main(['--help']), main(['match', '--help']), main(['parse', '--help']),\n"
        "         main(['explain', '--help']), main(['version'])]\n"
        "heavy = sorted({'numpy', 'pyarrow', 'grpc', 'msgspec', 'rich'} & set(sys.modules))\n"
        "print(codes, heavy, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[0, 0, 0, 0, 0] []\n"
    assert "Match bank files or payments against open items." in done.stdout
    assert "65  no bank file could be used" in done.stdout


def test_every_installed_command_is_in_the_table_with_a_sentence():
    assert {"match", "parse", "explain", "version"} <= set(COMMANDS)
    assert all(short.endswith(".") for _, short in COMMANDS.values())
