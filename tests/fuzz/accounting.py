"""What must hold of any bytes: read or refused, in bounded work, with a place for every row.

The rows of a file are counted here by the plainest means, which share nothing with the readers.
"""

from __future__ import annotations

import re
import sys

import numpy as np

from engine.limits import AMOUNT_MINOR_MAX
from parsers.bank_files import parse_bank_file
from parsers.errors import UnrecognisedFileError

__all__ = ["TooManyOperationsError", "check_accounts", "rows_written", "within_operations"]

_OPERATIONS_BASE = 60_000
_OPERATIONS_PER_BYTE = 400
_MONEY_ROW = {
    "bai2": rb"(?m)^16,\d\d\d,\d+,",
    "lockbox": rb"(?m)^6[0-9 ]{6}[0-9]{10}.{10}",
    "mt940": rb"(?m)^:61:\d{6}",
    "mt942": rb"(?m)^:61:\d{6}",
    "nacha": rb"(?m)^6[0-9]{2}[0-9]{9}.{17}[0-9]{10}",
}


class TooManyOperationsError(AssertionError):
    """Reading took more calls than a file of that size may take."""


def rows_written(source_format: str, content: bytes) -> int:
    """Rows that move money as anyone would count them, or fewer; 0 where nobody could say."""
    if source_format.startswith("camt"):
        if b"<!" in content or b"<?" in content[5:] or b"\0" in content:
            return 0
        whole = re.findall(rb"<(?:\w+:)?Ntry>.*?</(?:\w+:)?Ntry>", content, re.DOTALL)
        return len(whole)
    pattern = _MONEY_ROW.get(source_format)
    if b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    return len(re.findall(pattern, content)) if pattern else 0


def within_operations(content: bytes, name: str):
    """`parse_bank_file` with its calls counted; raises `TooManyOperationsError`."""
    left = _OPERATIONS_BASE + _OPERATIONS_PER_BYTE * len(content)

    def count(_frame, event, _argument):
        nonlocal left
        if event.endswith("call"):
            left -= 1
            if left < 0:
                sys.setprofile(None)
                message = f"{name}: more than {_OPERATIONS_PER_BYTE} calls per byte"
                raise TooManyOperationsError(message)

    sys.setprofile(count)
    try:
        return parse_bank_file(content, name)
    finally:
        sys.setprofile(None)


def check_accounts(content: bytes, name: str, *, is_counted: bool = False) -> str:
    """Read `content` and check what must hold; gives `read` or `refused`."""
    try:
        parsed = (within_operations if is_counted else parse_bank_file)(content, name)
    except UnrecognisedFileError as error:
        sentence = str(error)
        if sentence.startswith(name) and "\n" not in sentence:
            return "refused"
        raise
    payments, lines = parsed.payments, parsed.remittances
    kept = len(payments) + sum(parsed.counted_rows.values())
    said = [one for one in parsed.diagnostics.strings("severity") if one != "note"]
    wanted = rows_written(parsed.source_format, content)
    assert kept >= wanted or said, f"{wanted - kept} rows of {name} have no place"
    amounts = payments.int64("amount_minor")
    assert not (np.abs(amounts) > AMOUNT_MINOR_MAX).any()
    assert len(set(payments.strings("payment_id"))) == len(payments)
    assert set(lines.strings("payment_id")) <= set(payments.strings("payment_id"))
    offsets, lengths = payments.int64("source_offset"), payments.int64("source_length")
    assert (offsets >= 0).all()
    assert (offsets + lengths <= len(content)).all()
    failed = not all(parsed.control_checks.record_batch.column("ok").to_pylist())
    held = [codes for codes in payments.strings("intake_codes") if codes]
    assert not failed or said or held or not len(payments), f"{name}: failed checks unsaid"
    return "read"
