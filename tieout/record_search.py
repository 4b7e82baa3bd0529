"""Payments of bank files by id or by line, each with its record: for `tieout parse --show`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec
import pyarrow.compute as pc

from parsers.bank_files import parse_source
from parsers.line_index import LineIndex
from parsers.result_columns import currency_exponent
from tieout.given_files import given_files
from tieout.record_view import RawRecord, RecordNotFoundError, raw_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from parsers.byte_source import ByteSource
    from parsers.parsed_file import ParsedFile
    from parsers.read_options import ReadOptions

__all__ = ["ShownPayment", "find_records"]

_LINE_DIGITS_MAX: Final = 9
_SHORTEST_ID: Final = 4


class ShownPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as the reader gave it, and the record it was read from."""

    payment: dict[str, Any]
    references: list[str]
    record: RawRecord


def find_records(
    files: Sequence[str | Path], wanted: str, options: ReadOptions, stdin: BinaryIO | None = None
) -> list[ShownPayment]:
    """The payments `wanted`: an id or its beginning, or a line of the file.

    Raises `FileNotFoundError`, `ParserError`, and `RecordNotFoundError` that says what to write
    instead.
    """
    found: list[ShownPayment] = []
    for file in given_files(files, stdin):
        if file.source is not None:
            parsed = parse_source(file.source, file.source_file, options)
            found += _found_in(parsed, file.source, wanted)
    if not found:
        message = (
            f"no payment answers to {wanted!r}; give a payment_id or its beginning ({_SHORTEST_ID} "
            "letters), or a line of the file that belongs to a payment"
        )
        raise RecordNotFoundError(message)
    return found


def _found_in(parsed: ParsedFile, source: ByteSource, wanted: str) -> Iterator[ShownPayment]:
    payments = parsed.payments.record_batch
    if wanted.isdecimal() and len(wanted) <= _LINE_DIGITS_MAX:
        lines = LineIndex(source)
        begin, end = lines.offset_of(int(wanted)), lines.offset_of(int(wanted) + 1)
        if begin is None:
            return
        last = source.size if end is None else end
        start = payments["source_offset"]
        mask = pc.and_(
            pc.less(start, last),
            pc.greater(pc.add(start, payments["source_length"]), begin),
        )
    elif len(wanted) >= _SHORTEST_ID:
        mask = pc.starts_with(payments["payment_id"], wanted)
    else:
        return
    lines_of = parsed.remittances.record_batch
    for row in payments.filter(mask, null_selection_behavior="drop").to_pylist():
        own = lines_of.filter(pc.equal(lines_of["payment_id"], row["payment_id"]))
        references = own["reference"].to_pylist()
        places = currency_exponent(row["currency"])
        row["amount"] = str(Decimal(row.pop("amount_minor")).scaleb(-places))
        record = raw_record(source, row, parsed.dialect, references)
        yield ShownPayment(payment=row, references=references, record=record)
