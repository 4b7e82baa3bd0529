"""Bank files to payments and diagnostics, offline: what `tieout parse` does.

One file is read part by part and each part is written as it comes, so that a file of any size needs
the same memory. Several files are read whole, because what one repeats of another counts once.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO

import msgspec
import pyarrow as pa

from engine.batches import BankAccountBatch
from parsers.bank_files import BankFileStream
from parsers.errors import ParserError
from parsers.parsed_file import ParsedPart
from parsers.read_options import ReadOptions
from tieout.cores import CoreMap
from tieout.diagnostic_text import DiagnosticDigest
from tieout.exit_codes import NoUsableFileError
from tieout.given_files import RefusedFile, given_files, input_file
from tieout.output_directory import new_directory
from tieout.parse_report import FileTally, ParseReport, parse_report
from tieout.run_tables import parsed_tables
from tieout.sources import ObservedSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsers.lockbox_layouts import LockboxLayout
    from tieout.given_files import GivenFile
    from tieout.intake import Intake
    from tieout.run_formats import FileFormat, TableWriter

__all__ = ["ParseJob", "ParseOutcome", "run_parse_job"]


class ParseJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to read and where the tables go; without `out` nothing is written."""

    files: tuple[str | Path, ...]
    bank_accounts: BankAccountBatch = msgspec.field(default_factory=BankAccountBatch.empty)
    lockbox_layouts: tuple[LockboxLayout, ...] = ()
    camt_schemas: dict[str, bytes] = {}
    out: Path | None = None
    overwrite: bool = False
    format: FileFormat = "parquet"


class ParseOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was read; the table in the output directory has every diagnostic, this the first."""

    report: ParseReport
    refused: tuple[RefusedFile, ...]
    diagnostics: DiagnosticDigest


def run_parse_job(
    job: ParseJob,
    *,
    stdin: BinaryIO | None = None,
    observe: Callable[[int, int], None] | None = None,
) -> ParseOutcome:
    """Read the files of `job`, on all cores; `observe` hears of bytes read and bytes in all.

    Raises `FileNotFoundError`, `NoUsableFileError`, `OutputDirectoryError`; then nothing is
    written.
    """
    given = given_files(job.files, stdin)
    with CoreMap() as cores, ExitStack() as opened:
        options = ReadOptions(
            bank_accounts=job.bank_accounts,
            lockbox_layouts=job.lockbox_layouts,
            camt_schemas=job.camt_schemas,
            map_ordered=cores,
        )
        folder = None
        if job.out is not None:
            folder = opened.enter_context(new_directory(job.out, overwrite=job.overwrite))
        sink = _Sink(folder, job.format)
        if len(given) == 1 and given[0].source is not None:
            return sink.finish(*_stream(given[0], options, sink, observe))
        from tieout.intake import (  # noqa: PLC0415 - what compares files, a single one needs none
            read_given_files,
        )

        intake = read_given_files(given, options)
        intake.require_usable()
        sink.add(_as_part(intake))
        return sink.finish(parse_report(intake), intake.refused)


class _Sink:
    """Where parts go: tables of a directory, if there is one, and the diagnostics to show."""

    def __init__(self, folder: Path | None, file_format: FileFormat) -> None:
        self._folder = folder
        self._format = file_format
        self._writers: dict[str, TableWriter] = {}
        self._diagnostics = DiagnosticDigest()

    def add(self, part: ParsedPart) -> None:
        """Write the rows of `part`."""
        self._diagnostics.add(part.diagnostics)
        if self._folder is None:
            return
        from tieout.run_formats import (  # noqa: PLC0415 - Parquet's, which nothing else needs
            TableWriter,
        )

        for name, table in parsed_tables(part).items():
            if name not in self._writers:
                path = self._folder / f"{name}.{self._format}"
                self._writers[name] = TableWriter(path, table.rows.schema, self._format)
            self._writers[name].write(table)

    def finish(self, report: ParseReport, refused: tuple[RefusedFile, ...]) -> ParseOutcome:
        """Close the tables and write the report beside them."""
        for writer in self._writers.values():
            writer.close()
        if self._folder is not None:
            text = msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
            (self._folder / "summary.json").write_bytes(text)
        return ParseOutcome(report=report, refused=refused, diagnostics=self._diagnostics)


def _stream(
    file: GivenFile,
    options: ReadOptions,
    sink: _Sink,
    observe: Callable[[int, int], None] | None,
) -> tuple[ParseReport, tuple[RefusedFile, ...]]:
    """Read the one file, part by part, into `sink`."""
    source = file.source
    assert source is not None  # noqa: S101 - the caller has looked
    if observe is not None:
        source = ObservedSource(source, observe)
    try:
        stream = BankFileStream(source, file.source_file, options, file_id=file.file_hash)
    except ParserError as error:
        raise NoUsableFileError(str(error)) from error
    tally = FileTally()
    for part in stream.parts():
        tally.add(part)
        sink.add(part)
        pa.default_memory_pool().release_unused()  # else it keeps what several parts need
    end = stream.end
    assert end is not None  # noqa: S101 - the parts were read to the end
    report = ParseReport(
        files=[tally.report(end)],
        inputs=[
            input_file(file.source_file, file.file_hash, tally.payments, file_format=end.dialect)
        ],
        payments=tally.payments,
        remittance_lines=tally.remittance_lines,
        advice_lines=tally.advice_lines,
        counted_rows=end.counted_rows,
    )
    return report, ()


def _as_part(intake: Intake) -> ParsedPart:
    return ParsedPart(
        payments=intake.payments,
        remittances=intake.remittances,
        advices=intake.advices,
        control_checks=intake.control_checks,
        diagnostics=intake.diagnostics,
    )
