"""Reads X12 and ACH files in windows of any size, and shows what was read."""

from __future__ import annotations

from functools import partial

from parsers import x12, x12_windows
from parsers.bank_files import parse_bank_file


def parsed(content, **options):
    """The file as read in one go."""
    return parse_bank_file(content, "file.edi", **options)


def everything(file):
    """All a reader says, comparable."""
    tables = ("payments", "remittances", "advices", "control_checks", "diagnostics")
    shown = {name: getattr(file, name).record_batch.to_pylist() for name in tables}
    return shown | {
        name: getattr(file, name) for name in ("counted_rows", "statement_count", "dialect")
    }


def in_windows(monkeypatch, content, window_bytes):
    """All a reader says where it reads so many bytes at once."""
    whole = x12_windows.segment_windows
    with monkeypatch.context() as patch:
        patch.setattr(x12, "segment_windows", partial(whole, window_bytes=window_bytes))
        return everything(parsed(content))


def payments(file):
    """Amount, payer, trace number and intake codes of each payment."""
    return [
        (row["amount_minor"], row["payer_name"], row["trace_number"], row["intake_codes"])
        for row in file.payments.record_batch.to_pylist()
    ]


def lines(file):
    """Reference, kind, amount, discount, deduction and reason of each remittance line."""
    names = ("reference", "reference_kind", "amount_minor", "discount_minor", "deduction_minor")
    rows = file.remittances.record_batch.to_pylist()
    return [tuple(row[name] for name in (*names, "deduction_reason")) for row in rows]


def advice(file):
    """Reference and amount (four decimals) of each line of advice."""
    rows = file.advices.record_batch.to_pylist()
    return [(row["reference"], row["amount_minor"]) for row in rows]


def codes(file):
    """Codes of the diagnostics, in order."""
    return file.diagnostics.strings("code")


def failed(file):
    """Kinds of the control checks that do not hold."""
    return [row["kind"] for row in file.control_checks.record_batch.to_pylist() if not row["ok"]]
