"""EDI 823: deposits, batches and checks of a lockbox; golden files of both forms."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from golden_summary import summary_of
from oracles import x12_oracle
from x12_reading import advice, codes, everything, failed, in_windows, lines, parsed
from x12_writing import interchange, text, transaction

from engine.batches import BankAccountBatch

GOLDEN = Path(__file__).parents[1] / "golden" / "x12"
FILES = sorted(path for path in GOLDEN.glob("*") if path.suffix != ".json")


def check(number, amount, *details, payer="ACME CORP"):
    """A check of a batch."""
    return [
        f"BPR*C*{amount}*C*CHK*PBC*01*121000248*DA*4402207781",
        f"REF*CK*{number}",
        "DTM*020*20260909",
        *details,
        f"N1*PR*{payer}",
    ]


def deposit(*checks, total="100.00", count=None, batch_total=None):
    """One deposit with one batch."""
    return [
        "DEP*0077123*20260911*0615*D-1*01*021000021*DA*7788990011",
        f"AMT*3*{total}",
        f"QTY*42*{len(checks) if count is None else count}",
        "BAT*20260911*0615*B-1",
        f"AMT*2*{total if batch_total is None else batch_total}",
        "QTY*42*" + str(len(checks)),
        *[segment for one in checks for segment in one],
    ]


def lockbox(*deposits):
    """The bytes of a file of deposits."""
    segments = ["N1*DB*FIRST BANK", *[one for each in deposits for one in each]]
    return text(interchange(transaction(segments, form="823"), group="LB"))


TWO = (
    check("0815", "60.00", "RMR*IV*INV-1**60.00"),
    check("0816", "40.00", "RMR*IV*INV-2**45.00*45", "ADX*-5*06", payer="BETA LLC"),
)


def test_every_check_is_a_payment_with_its_lines():
    file = parsed(lockbox(deposit(*TWO)))
    rows = file.payments.record_batch.to_pylist()
    names = (
        "amount_minor",
        "check_number",
        "payer_name",
        "payer_account",
        "bank_account",
        "method",
    )
    assert [tuple(row[name] for name in names) for row in rows] == [
        (6_000, "0815", "ACME CORP", "121000248/4402207781", "0077123", "check"),
        (4_000, "0816", "BETA LLC", "121000248/4402207781", "0077123", "check"),
    ]
    assert {row["booking_date"] for row in rows} == {dt.date(2026, 9, 11)}
    assert lines(file) == [
        ("INV-1", "document", 6_000, 0, 0, ""),
        ("INV-2", "document", 4_000, 0, 500, "06"),
    ]
    assert codes(file) == failed(file) == []
    kinds = [(row["scope"], row["kind"], row["rule"]) for row in checks_of(file)]
    assert kinds[2:6] == [
        ("batch B-1 of deposit D-1 of lockbox 0077123", "sum", ""),
        ("batch B-1 of deposit D-1 of lockbox 0077123", "quantity", "checks"),
        ("deposit D-1 of lockbox 0077123", "sum", ""),
        ("deposit D-1 of lockbox 0077123", "quantity", "checks"),
    ]


def checks_of(file):
    """Control checks but those of the envelope."""
    rows = file.control_checks.record_batch.to_pylist()
    return [row for row in rows if not row["scope"].startswith(("group", "interchange", "trans"))]


def test_a_quantity_may_count_batches():
    file = parsed(lockbox(deposit(*TWO, count=1)))
    assert failed(file) == []
    assert "batches" in [row["rule"] for row in checks_of(file)]


@pytest.mark.parametrize(
    ("changes", "code", "kind"),
    [
        ({"total": "99.00", "batch_total": "100.00"}, "FILE-TOTAL", "sum"),
        ({"batch_total": "1"}, "FILE-TOTAL", "sum"),
        ({"count": 7}, "FILE-COUNT", "quantity"),
    ],
)
def test_a_deposit_or_batch_that_does_not_foot_holds_the_file(changes, code, kind):
    file = parsed(lockbox(deposit(*TWO, **changes)))
    assert codes(file) == [code]
    assert failed(file) == [kind]
    assert file.payments.strings("intake_codes") == ["IN-TOTAL", "IN-TOTAL"]


def test_several_deposits_and_funds_by_day_add_up():
    second = [
        "DEP*0077124*20260912**D-2*01*021000021",
        "BAT*20260912**B-9",
        "AVA*30*0",
        "AVA*20*1",
        *check("9", "50", "RMR*IV*X**50"),
    ]
    file = parsed(lockbox(deposit(*TWO), second))
    assert file.payments.strings("bank_account") == ["0077123", "0077123", "0077124"]
    assert file.payments.int64("amount_minor").tolist() == [6_000, 4_000, 5_000]
    assert codes(file) == failed(file) == []


def test_a_lockbox_is_known_by_its_number_or_by_the_account_behind_it():
    def account(**columns):
        ours = BankAccountBatch.from_columns({"company_id": ["1"], "currency": ["CAD"]} | columns)
        file = parsed(lockbox(deposit(*TWO)), bank_accounts=ours)
        return file.payments.strings("bank_account")[0], file.payments.strings("currency")[0]

    assert account(bank_account=["A"], lockbox=["77123"]) == ("77123", "CAD")
    assert account(bank_account=["7788990011"]) == ("7788990011", "CAD")
    assert account(bank_account=["A"]) == ("0077123", "USD")


def test_a_total_without_a_value_is_none():
    segments = [one.replace("QTY*42*2", "AVA") for one in deposit(*TWO)]
    assert codes(parsed(lockbox(segments))) == []
    assert failed(parsed(lockbox([one.replace("AMT*2*100.00", "AMT") for one in segments]))) == [
        "sum"
    ]


def test_the_old_beginning_of_a_check_is_read_as_the_new_one():
    old = ["BPS*CHK*60*C*01*121000248*4402207781*****", "TRN*1*0815", "RMR*IV*A**60"]
    file = parsed(lockbox(deposit(old, total="60")))
    assert file.payments.strings("payer_account") == ["121000248/4402207781"]
    assert file.payments.strings("check_number") == ["0815"]
    assert codes(file) == failed(file) == []


def test_a_check_of_nothing_with_lines_is_advice():
    file = parsed(lockbox(deposit(*TWO, check("1", "0", "RMR*IV*A**5", "RMR*CM*B**-5"))))
    assert len(file.payments) == 2
    assert advice(file) == [("A", 50_000), ("B", -50_000)]


def test_a_deposit_without_a_date_is_held():
    file = parsed(
        lockbox([one.replace("*20260911*0615*D-1", "*2026*0615*D-1") for one in deposit(*TWO)])
    )
    assert codes(file)[0] == "EDI-DATE"
    assert file.payments.strings("intake_codes") == ["IN-DATE", "IN-DATE"]


@pytest.mark.parametrize("window_bytes", [1, 7, 50, 200, 700])
def test_the_size_of_windows_changes_nothing(monkeypatch, window_bytes):
    content = lockbox(deposit(*TWO), deposit(*TWO, total="1"))
    assert in_windows(monkeypatch, content, window_bytes) == everything(parsed(content))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_golden_files_are_read_as_written_down_and_like_the_oracle_does(path):
    file = parsed(path.read_bytes())
    assert summary_of(file) == json.loads(path.with_suffix(".json").read_text("utf-8"))
    expected = [one for one in x12_oracle.orders(path.read_bytes()) if one.is_payment]
    assert file.payments.int64("amount_minor").tolist() == [one.cents for one in expected]
    assert [line[0] for line in lines(file)] == [ref for one in expected for ref, _ in one.lines]
