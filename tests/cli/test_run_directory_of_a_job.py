"""What a matching job writes: contract columns, same bytes for the same input, all or nothing."""

import json
from decimal import Decimal
from unittest.mock import Mock

import pytest

from engine.errors import ConservationError
from parsers.errors import TableError
from tieout.exit_codes import ExitCode, NoUsableFileError, OutputDirectoryError, RunDirectoryError
from tieout.gates import Gates
from tieout.matching_job import MatchingJob, run_matching_job
from tieout.run_directory import TABLE_NAMES, RunDirectory
from tieout.summary_text import summary_text

PAYMENT_COLUMNS = [
    "payment_id",
    "file_id",
    "source_file",
    "source_format",
    "source_line",
    "source_offset",
    "source_length",
    "company_id",
    "bank_account",
    "booking_date",
    "value_date",
    "amount",
    "currency",
    "method",
    "type_code",
    "payer_name",
    "payer_account",
    "bank_reference",
    "customer_reference",
    "end_to_end_id",
    "check_number",
    "remittance_text",
    "customer_id",
    "payer_customer_id",
    "identified_by",
    "identification_confidence",
    "status",
    "applied_amount",
    "on_account_amount",
    "unapplied_amount",
    "unidentified_amount",
    "suspense_amount",
    "non_ar_amount",
    "refund_amount",
    "returned_amount",
    "trace_number",
    "uetr",
    "ultimate_payer_name",
    "remittance_id",
    "instructed_amount",
    "instructed_currency",
    "exchange_rate",
    "charges_amount",
]
APPLICATION_COLUMNS = [
    "payment_id",
    "open_item_id",
    "customer_id",
    "decision",
    "proposal_rank",
    "amount_applied",
    "discount_taken",
    "deduction_amount",
    "deduction_reason",
    "write_off_amount",
    "write_off_reason",
    "strategy",
    "confidence",
    "uniqueness",
    "explanation",
    "evidence",
    "cash_amount",
    "cash_currency",
]
EXCEPTION_COLUMNS = [
    "exception_id",
    "payment_id",
    "source_file",
    "remittance_id",
    "code",
    "is_primary",
    "amount",
    "message",
    "missing_fact",
    "suggested_action",
    "proposal_ranks",
]


@pytest.fixture
def job(ledger, tmp_path):
    def build(**changes):
        given = {
            "open_items": ledger / "open_items.csv",
            "customers": ledger / "customers.csv",
            "payments": ledger / "payments.csv",
            "out": tmp_path / "run",
        }
        return MatchingJob(**(given | changes))

    return build


def content_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "timings.json"
    }


def test_a_run_directory_holds_the_tables_of_the_contract(job, matcher):
    report = run_matching_job(job(), match=matcher)
    run = RunDirectory.open(report.out)
    assert {path.name for path in report.out.iterdir()} == {
        *(f"{name}.parquet" for name in TABLE_NAMES),
        "summary.json",
        "timings.json",
        "explain",
    }
    assert run.table("payments").column_names == PAYMENT_COLUMNS
    assert run.table("applications").column_names == APPLICATION_COLUMNS
    assert run.table("exceptions").column_names == EXCEPTION_COLUMNS
    assert str(run.table("payments").schema.field("amount").type) == "decimal128(18, 4)"
    assert run.table("payments")["amount"].to_pylist() == [100, Decimal("77.25"), 5000]
    assert run.table("payments")["source_line"].null_count == 3


def test_every_format_reads_back_as_the_same_rows(job, matcher, tmp_path):
    runs = []
    for file_format in ("parquet", "csv", "jsonl"):
        out = tmp_path / file_format
        run_matching_job(job(out=out, format=file_format), match=matcher)
        runs.append(RunDirectory.open(out))
    for name in TABLE_NAMES:
        first, *others = [run.table(name) for run in runs]
        assert all(first.equals(other) for other in others), name


def test_text_formats_write_amounts_with_the_places_of_their_currency(job, matcher, tmp_path):
    run_matching_job(job(format="jsonl"), match=matcher)
    rows = [json.loads(line) for line in (tmp_path / "run/payments.jsonl").read_text().splitlines()]
    amounts = {row["payment_id"]: (row["amount"], row["applied_amount"]) for row in rows}
    assert amounts == {
        "P-1": ("100.00", "100.00"),
        "P-2": ("77.25", "0.00"),
        "P-3": ("5000", "5000"),
    }


@pytest.mark.parametrize("file_format", ["parquet", "csv", "jsonl"])
def test_the_order_of_rows_and_files_does_not_change_a_byte(
    job, matcher, ledger, tmp_path, file_format
):
    (ledger / "second.bai").write_text((ledger / "bank.bai").read_text().replace("9001", "9002"))
    files = (ledger / "bank.bai", ledger / "second.bai")
    first = job(out=tmp_path / "first", bank_files=files, format=file_format)
    run_matching_job(first, match=matcher)
    for name in ("open_items.csv", "customers.csv", "payments.csv"):
        header, *rows = (ledger / name).read_text().splitlines()
        (ledger / name).write_text("\n".join([header, *reversed(rows), ""]))
    again = job(out=tmp_path / "again", bank_files=files[::-1], format=file_format)
    run_matching_job(again, match=matcher)
    assert content_of(tmp_path / "first") == content_of(tmp_path / "again")


def test_the_summary_counts_money_per_currency_and_the_share_decided(job, matcher):
    summary = run_matching_job(job(), match=matcher).summary
    assert summary.money_in["USD"]["payments"] == "177.25"
    assert summary.money_out["USD"]["applied"] == "100.00"
    assert summary.money_out["USD"]["unidentified"] == "77.25"
    assert summary.money_out["JPY"]["applied"] == "5000"
    assert summary.straight_through.by_payment.rate == "0.666667"
    assert summary.straight_through.by_line.rate == "0.666667"
    assert summary.straight_through.by_value["USD"].rate == "0.564175"
    assert summary.straight_through.by_value["JPY"].rate == "1.000000"
    assert summary.exceptions_by_code == {"PAY-UNKNOWN": 1}
    assert summary.as_of == "2026-09-30"


def test_the_summary_is_read_back_as_it_was_written(job, matcher):
    report = run_matching_job(job(), match=matcher)
    assert RunDirectory.open(report.out).summary() == report.summary
    assert "3 payments against 4 open items" in summary_text(report.summary, report.out)


def test_timings_name_every_stage_with_its_rows(job, matcher):
    timings = run_matching_job(job(), match=matcher).timings
    rows = {stage.stage: stage.rows for stage in timings.stages}
    assert rows == {"read_tables": 10, "parse": 3, "settle": 3, "write": 3}
    assert timings.peak_memory_bytes > 1_000_000


def test_a_dry_run_decides_and_writes_nothing(job, matcher, tmp_path):
    report = run_matching_job(job(out=None), match=matcher)
    assert report.summary.counts["automatic_applications"] == 2
    assert not (tmp_path / "run").exists()


def test_gates_fail_after_the_result_is_written(job, matcher):
    gates = Gates(exceptions_max=0, value_rate_min=Decimal("0.9"))
    report = run_matching_job(job(gates=gates), match=matcher)
    assert report.exit_code == ExitCode.GATE
    assert report.failed_gates == (
        "1 primary exceptions, at most 0 allowed",
        "USD: 0.564175 decided by value, at least 0.9 demanded",
    )
    assert (report.out / "summary.json").is_file()


def test_the_same_content_under_two_names_is_read_once_and_said(job, matcher, ledger):
    (ledger / "copy.bai").write_bytes((ledger / "bank.bai").read_bytes())
    files = (ledger / "bank.bai", ledger / "copy.bai")
    report = run_matching_job(job(payments=None, bank_files=files), match=matcher)
    assert report.exit_code == ExitCode.DONE
    assert report.summary.counts["payments"] == 1
    run = RunDirectory.open(report.out)
    (row,) = run.table("exceptions").to_pylist()
    assert (row["code"], row["payment_id"]) == ("IN-DUPFILE", None)
    assert row["message"] == "copy.bai has the same content as bank.bai; it was read once."


def test_a_payment_in_the_file_and_in_the_table_is_counted_once_and_said(job, matcher, ledger):
    once = run_matching_job(job(payments=None, bank_files=(ledger / "bank.bai",)), match=matcher)
    row = RunDirectory.open(once.out).table("payments").to_pylist()[0]
    (ledger / "payments.csv").write_text(
        "payment_id,amount,currency,value_date\n" + f"{row['payment_id']},100.00,USD,2026-09-30\n"
    )
    both = run_matching_job(job(bank_files=(ledger / "bank.bai",), overwrite=True), match=matcher)
    assert both.summary.counts["payments"] == 1
    assert both.summary.exceptions_by_code == {"IN-DUPPAY": 1}


def test_a_file_that_is_no_bank_file_is_refused_and_the_others_are_done(job, matcher, ledger):
    files = (ledger / "holiday.bai", ledger / "bank.bai")
    report = run_matching_job(job(payments=None, bank_files=files), match=matcher)
    assert report.exit_code == ExitCode.PARTIAL
    assert [file.source_file for file in report.refused] == ["holiday.bai"]
    assert report.summary.exceptions_by_code == {"IN-FORMAT": 1}
    assert report.summary.counts["payments"] == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"payments": None, "bank_files": ("holiday.bai",)}, NoUsableFileError),
        ({"payments": "absent.csv"}, FileNotFoundError),
        ({"open_items": "customers.csv"}, TableError),
    ],
)
def test_a_failed_job_leaves_nothing_behind(job, tmp_path, monkeypatch, change, error):
    monkeypatch.chdir(tmp_path / "in")
    with pytest.raises(error):
        run_matching_job(job(**change))
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_result_the_audit_refuses_is_not_written(job, tmp_path):
    refuse = Mock(side_effect=ConservationError("a cent is missing"))
    with pytest.raises(ConservationError):
        run_matching_job(job(), match=refuse)
    refuse.assert_called_once()
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_interruption_while_writing_keeps_the_earlier_run(job, matcher, tmp_path, monkeypatch):
    run_matching_job(job(), match=matcher)
    before = content_of(tmp_path / "run")
    interrupt = Mock(side_effect=KeyboardInterrupt)
    monkeypatch.setattr("tieout.run_directory.table_bytes", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_matching_job(job(overwrite=True), match=matcher)
    assert content_of(tmp_path / "run") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "run"]


def test_an_earlier_run_is_replaced_only_on_demand(job, matcher, tmp_path):
    run_matching_job(job(), match=matcher)
    with pytest.raises(OutputDirectoryError, match="--overwrite"):
        run_matching_job(job(), match=matcher)
    run_matching_job(job(overwrite=True, format="csv"), match=matcher)
    assert not (tmp_path / "run/payments.parquet").exists()
    assert (tmp_path / "run/payments.csv").exists()


def test_a_directory_that_is_no_run_is_never_replaced(job, matcher, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/thesis.txt").write_text("years of work")
    with pytest.raises(OutputDirectoryError, match="it is no run directory"):
        run_matching_job(job(overwrite=True), match=matcher)
    assert (tmp_path / "run/thesis.txt").read_text() == "years of work"


def test_a_directory_without_tables_is_no_run(tmp_path):
    with pytest.raises(RunDirectoryError):
        RunDirectory.open(tmp_path)
