"""One bank file of any format, recognised by its content: part by part, or as a `ParsedFile`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from engine.batches import (
    AdviceBatch,
    BankAccountBatch,
    ControlCheckBatch,
    DiagnosticBatch,
    PaymentBatch,
    RemittanceBatch,
)
from parsers.byte_source import ByteSource, BytesSource, content_hash
from parsers.collector import FileCollector, hold_payments
from parsers.detect import detect_format
from parsers.errors import UnrecognisedFileError
from parsers.lockbox_records import framing_of, split_records
from parsers.parsed_file import ParsedFile
from parsers.read_options import ReadOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsers.detect import BankFileFormat
    from parsers.parsed_file import FileEnd, ParsedPart

    Reader = Callable[[ByteSource, FileCollector, ReadOptions], Iterator[None]]

__all__ = ["PART_ROWS", "READERS", "BankFileStream", "parse_bank_file", "parse_source"]

PART_ROWS: Final = 1 << 14
"""Payments, or lines, after which a part is given away: one row group of a written table. Columns
of so many rows are a few MiB, and a writer holds several copies of them."""

_ALL_ROWS: Final = 1 << 62
"""More rows than a file has: what is wanted as a whole is given away once, at the end."""

READERS: Final[dict[BankFileFormat, tuple[str, str]]] = {
    "bai2": ("parsers.bai2", "read_bai2"),
    "lockbox": ("parsers.lockbox", "read_lockbox"),
    "camt": ("parsers.camt053", "read_camt"),
    "mt94x": ("parsers.mt94x", "read_mt94x"),
    "x12": ("parsers.x12", "read_x12"),
    "remt001": ("parsers.remt001", "read_remt001"),
    "nacha": ("parsers.nacha", "read_nacha"),
}
"""Format → module and function of its reader; a run loads those it needs.

A reader is a generator that puts what it reads into the collector and yields wherever the rows
collected so far may be given away: no later row adds to them or takes them back.
"""


class BankFileStream:
    """The parts of one bank file, as they fill; `end` is there once the last one was given.

    Raises `UnrecognisedFileError` where the content is no bank file; anything else that is wrong
    becomes a diagnostic.
    """

    def __init__(
        self,
        source: ByteSource,
        source_file: str,
        options: ReadOptions | None = None,
        form: BankFileFormat | None = None,
        file_id: str = "",
    ) -> None:
        """Look at the file's beginning; `source_file` only names it in messages.

        Where `form` is given the file is read as one of that format, whatever it looks like.
        `file_id` is the hash of the content where it is known; else it is made meanwhile.
        """
        options = options or ReadOptions()
        module, function = READERS[form or _format_of(source, source_file, options)]
        reader: Reader = getattr(import_module(module), function)
        hashes = iter((file_id,)) if file_id else options.map_ordered(content_hash, (source,))
        self._collector = FileCollector(source, source_file, hashes)
        self._steps = reader(source, self._collector, options)
        self.end: FileEnd | None = None

    @property
    def file_id(self) -> str:
        """SHA-256 of the content."""
        return self._collector.file_id

    def parts(self, part_rows: int = PART_ROWS) -> Iterator[ParsedPart]:
        """The file's rows in parts of at least `part_rows` rows, the last one smaller."""
        collector = self._collector
        for _ in self._steps:
            if collector.row_count >= part_rows:
                yield collector.drain()
            else:
                collector.settle()
        yield collector.drain()
        self.end = collector.end()


def _format_of(source: ByteSource, source_file: str, options: ReadOptions | None) -> BankFileFormat:
    """The format of a file; one of the user's own lockbox layouts may look like nothing known."""
    own = () if options is None else options.lockbox_layouts
    if not own:
        return detect_format(source, source_file)
    from parsers.lockbox_choice import (  # noqa: PLC0415 - tables only files of own layouts need
        PROBE_RECORDS,
        layout_widths,
        may_follow,
        own_layout,
    )

    records = split_records(source, framing_of(source, layout_widths(own)), PROBE_RECORDS)
    if own_layout(records, own) is not None:
        return "lockbox"
    try:
        return detect_format(source, source_file)
    except UnrecognisedFileError:
        if may_follow(records, own):
            return "lockbox"
        raise


def parse_source(
    source: ByteSource,
    source_file: str,
    options: ReadOptions | None = None,
    form: BankFileFormat | None = None,
) -> ParsedFile:
    """Read all of `source`; arguments and errors as those of `BankFileStream`."""
    stream = BankFileStream(source, source_file, options, form)
    parts = list(stream.parts(_ALL_ROWS))
    end = stream.end
    assert end is not None  # noqa: S101 - the parts were read to the end
    payments = PaymentBatch.concat_distinct([part.payments for part in parts])
    return ParsedFile(
        file_id=end.file_id,
        source_file=end.source_file,
        source_format=end.source_format,
        dialect=end.dialect,
        payments=hold_payments(payments, end.held_codes),
        remittances=RemittanceBatch.concat_distinct([part.remittances for part in parts]),
        advices=AdviceBatch.concat([part.advices for part in parts]),
        control_checks=ControlCheckBatch.concat([part.control_checks for part in parts]),
        diagnostics=DiagnosticBatch.concat([part.diagnostics for part in parts]),
        counted_rows=end.counted_rows,
        statement_count=end.statement_count,
        statements=end.statements,
    )


def parse_bank_file(
    content: bytes, source_file: str, bank_accounts: BankAccountBatch | None = None
) -> ParsedFile:
    """Read `content` as far as it goes; `source_file` only names it in messages.

    `bank_accounts` gives the currency and layout of our lockboxes and accounts where the file does
    not. Errors as those of `BankFileStream`.
    """
    options = ReadOptions() if bank_accounts is None else ReadOptions(bank_accounts=bank_accounts)
    return parse_source(BytesSource(content), source_file, options)
