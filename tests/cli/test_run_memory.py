"""Tomorrow's run does not apply yesterday's cash again."""

import fcntl

import pytest

from engine.matcher import match_payments
from tieout.exit_codes import MemoryBusyError, MemoryFileError
from tieout.matching_job import MatchingJob, run_matching_job
from tieout.run_directory import RunDirectory

ITEMS = (
    "open_item_id,company_id,customer_id,document_number,currency,open_amount\n"
    "I1,US01,C1,INV-1001,USD,{}\n"
    "I2,US01,C1,INV-1002,USD,50.00\n"
)
PAYMENTS = "payment_id,company_id,amount,currency,value_date,remittance_text\n"
MONDAY = "P-1,US01,100.00,USD,2026-09-28,1001\n"


@pytest.fixture
def day(tmp_path, matcher):
    """Run one day: payments against items with so much open; gives the report and its tables."""

    def run(payments, open_amount="100.00", policy="", *, engine=False, **changes):
        (tmp_path / "items.csv").write_text(ITEMS.format(open_amount))
        (tmp_path / "payments.csv").write_text(
            payments if payments.startswith("p") else PAYMENTS + payments
        )
        (tmp_path / "policy.toml").write_text(policy)
        given = {
            "open_items": tmp_path / "items.csv",
            "payments": tmp_path / "payments.csv",
            "policy": tmp_path / "policy.toml",
            "memory": tmp_path / "memory",
            "out": tmp_path / "run",
            "overwrite": True,
        }
        match = match_payments if engine else matcher
        report = run_matching_job(MatchingJob(**(given | changes)), match=match)
        return report.summary, RunDirectory.open(tmp_path / "run")

    return run


def left_of_item_1(run):
    return run.explain_table("open_items").to_pylist()[0]["open_minor"]


def test_a_payment_seen_yesterday_is_left_out_and_counted(day):
    first, _ = day(MONDAY)
    again, run = day(MONDAY + "P-2,US01,50.00,USD,2026-09-29,1002\n")
    assert first.counts["payments"] == 1
    assert again.counts["payments"] == 1
    assert again.counted_rows == {"already_processed": 1}
    assert run.table("payments")["payment_id"].to_pylist() == ["P-2"]


def test_an_item_paid_yesterday_is_closed_where_the_export_is_older(day):
    day(MONDAY)
    summary, run = day("P-9,US01,100.00,USD,2026-09-29,1001\n")
    assert left_of_item_1(run) == 0
    assert run.explain_table("open_items")["status"].to_pylist() == ["paid", "open"]
    assert summary.counts["automatic_applications"] == 0


def test_an_old_export_is_recognised_on_the_third_day_too(day):
    day(MONDAY)
    day("P-2,US01,50.00,USD,2026-09-29,1002\n")
    _, run = day("P-3,US01,1.00,USD,2026-09-30,\n")
    assert [row["open_minor"] for row in run.explain_table("open_items").to_pylist()] == [0, 0]


def test_the_ledger_is_believed_again_once_it_has_caught_up(day):
    day(MONDAY)
    _, posted = day("P-2,US01,1.00,USD,2026-09-29,\n", open_amount="0.00")
    assert left_of_item_1(posted) == 0
    _, reopened = day("P-3,US01,1.00,USD,2026-09-30,\n", open_amount="100.00")
    assert left_of_item_1(reopened) == 10_000


def test_the_same_id_with_another_amount_is_left_out_and_raised(day):
    day(MONDAY)
    summary, run = day("P-1,US01,70.00,USD,2026-09-28,1001\n")
    (row,) = run.table("exceptions").to_pylist()
    assert summary.counts["payments"] == 0
    assert row["code"] == "IN-DUPPAY"
    assert (
        "is 70.00 USD of 2026-09-28 in payments.csv; an earlier run saw it as 100.00 USD"
        in (row["message"])
    )


def test_a_dry_run_and_a_shadow_run_remember_nothing(day, tmp_path):
    day(MONDAY, policy='[automation]\nmode = "shadow"\n')
    assert not (tmp_path / "memory/memory.parquet").exists()
    summary, _ = day(MONDAY)
    assert summary.counted_rows == {}
    before = (tmp_path / "memory/memory.parquet").read_bytes()
    day("P-2,US01,50.00,USD,2026-09-29,1002\n", out=None)
    assert (tmp_path / "memory/memory.parquet").read_bytes() == before


def test_two_runs_do_not_share_a_memory_at_once(day, tmp_path):
    day(MONDAY)
    with (tmp_path / "memory/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(MemoryBusyError, match="in use by another run"):
            day(MONDAY)


def test_a_broken_memory_is_refused(day, tmp_path):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.parquet").write_text("not Parquet")
    with pytest.raises(MemoryFileError, match=r"memory\.parquet is no memory"):
        day(MONDAY)


NAMED = "P-1,US01,100.00,USD,2026-09-28,INV-1001\n"
RETURNED = "payment_id,company_id,amount,currency,value_date,original_reference\n"


def test_a_payment_of_yesterday_that_comes_back_re_opens_what_it_settled(day):
    day(NAMED, engine=True)
    _, run = day(RETURNED + "R-1,US01,-100.00,USD,2026-09-30,P-1\n", engine=True)
    reversals = run.table("reversals").to_pylist()
    assert [(row["original_payment_id"], row["open_item_id"]) for row in reversals] == [
        ("P-1", "I1")
    ]
    assert [str(row["amount"]) for row in reversals] == ["100.0000"]
    assert run.table("exceptions")["code"].to_pylist() == ["RET-POSTED"]


def test_an_item_that_was_re_opened_can_be_paid_again(day):
    day(NAMED, engine=True)
    day(RETURNED + "R-1,US01,-100.00,USD,2026-09-30,P-1\n", engine=True)
    summary, run = day("P-9,US01,100.00,USD,2026-10-02,INV-1001\n", engine=True)
    assert left_of_item_1(run) == 100_00
    assert summary.counts["automatic_applications"] == 1


def test_a_payment_comes_back_once_only(day):
    day(NAMED, engine=True)
    for number, code in ((1, "RET-POSTED"), (2, "RET-NOPAYMENT")):
        row = f"R-{number},US01,-100.00,USD,2026-09-30,P-1\n"
        _, run = day(RETURNED + row, engine=True)
        assert run.table("exceptions")["code"].to_pylist() == [code]
        assert run.table("reversals").num_rows == (1 if number == 1 else 0)


def test_a_payment_older_than_any_return_is_forgotten(day):
    day(NAMED, engine=True)
    day("P-2,US01,50.00,USD,2027-12-20,INV-1002\n", engine=True)
    _, run = day(RETURNED + "R-1,US01,-100.00,USD,2027-12-30,P-1\n", engine=True)
    assert run.table("exceptions")["code"].to_pylist() == ["RET-NOPAYMENT"]


def test_settlements_that_cannot_be_read_stop_the_run(day, tmp_path):
    day(NAMED, engine=True)
    (tmp_path / "memory" / "settled.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(MemoryFileError, match="no memory of settlements"):
        day(NAMED, engine=True)
