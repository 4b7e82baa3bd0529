"""What reading bank files gave, file by file: as data and as a table."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from engine import arrow_functions as arrow
from parsers.result_columns import currency_exponent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.parsed_file import FileEnd, ParsedFile
    from tieout.given_files import InputFile
    from tieout.intake import Intake
    from tieout.run_tables import ParsedRows

__all__ = [
    "FileReport",
    "FileTally",
    "ParseReport",
    "parse_report",
    "report_table",
]


class FileReport(msgspec.Struct, frozen=True, kw_only=True):
    """One bank file: what it is, what it holds, whether it foots. Sums are decimal text."""

    source_file: str
    file_id: str
    format: str
    dialect: str
    statements: int
    payments: int
    returns: int
    sums: dict[str, str]
    control_checks: int
    control_checks_failed: int
    foots: bool | None
    diagnostics: dict[str, int]
    counted_rows: dict[str, int]


class ParseReport(msgspec.Struct, frozen=True, kw_only=True):
    """Every file that was given; `foots` of a file is null where it declares no total."""

    schema_version: int = 1
    files: list[FileReport]
    inputs: list[InputFile]
    payments: int
    remittance_lines: int
    advice_lines: int
    counted_rows: dict[str, int]


class FileTally:
    """What the report says of one file, counted while its parts go by."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.payments = self.remittance_lines = self.advice_lines = 0
        self._returns = self._checks = self._failed = 0
        self._sums: Counter[str] = Counter()
        self._severities: Counter[str] = Counter()

    def add(self, rows: ParsedRows) -> None:
        """Count the rows of a part, or of the whole file."""
        payments = rows.payments
        amounts = payments.int64("amount_minor")
        codes, currencies = payments.codes("currency")
        for code, currency in enumerate(currencies):
            self._sums[currency] += int(amounts[codes == code].sum())
        self.payments += len(payments)
        self.remittance_lines += len(rows.remittances)
        self.advice_lines += len(rows.advices)
        self._returns += int((amounts < 0).sum())
        ok = rows.control_checks.record_batch.column("ok")
        self._checks += len(ok)
        self._failed += int(arrow.sum_of(arrow.invert(ok)).as_py() or 0)
        self._severities.update(rows.diagnostics.strings("severity"))

    def report(self, end: FileEnd | ParsedFile) -> FileReport:
        """The report of the file, which has ended."""
        return FileReport(
            source_file=end.source_file,
            file_id=end.file_id,
            format=end.source_format,
            dialect=end.dialect,
            statements=end.statement_count,
            payments=self.payments,
            returns=self._returns,
            sums={code: _text(minor, code) for code, minor in sorted(self._sums.items())},
            control_checks=self._checks,
            control_checks_failed=self._failed,
            foots=not self._failed if self._checks else None,
            diagnostics=dict(sorted(self._severities.items())),
            counted_rows=end.counted_rows,
        )


def parse_report(intake: Intake) -> ParseReport:
    """The report of `intake`, files by name."""
    files = []
    for file in intake.files:
        tally = FileTally()
        tally.add(file)
        files.append(tally.report(file))
    return ParseReport(
        files=sorted(files, key=lambda file: (file.source_file, file.file_id)),
        inputs=sorted(intake.inputs, key=lambda f: (f.source_file, f.content_hash, f.state)),
        payments=len(intake.payments),
        remittance_lines=len(intake.remittances),
        advice_lines=len(intake.advices),
        counted_rows=dict(sorted(intake.counted_rows.items())),
    )


def report_table(report: ParseReport) -> str:
    """One line per file under a header, columns aligned."""
    rows = [("file", "format", "payments", "sum", "totals", "diagnostics")]
    foots = {True: "foot", False: "DO NOT FOOT", None: "none declared"}
    for file in report.files:
        sums = ", ".join(f"{Decimal(v):,f} {c}" for c, v in file.sums.items()) or "–"
        said = ", ".join(f"{n} {severity}" for severity, n in file.diagnostics.items()) or "none"
        rows.append(
            (file.source_file, file.dialect, f"{file.payments:,}", sums, foots[file.foots], said)
        )
    rows += [
        (given.source_file, "–", "–", "–", given.state, "–")
        for given in report.inputs
        if given.state != "read"
    ]
    return "\n".join(_aligned(rows))


def _text(minor: int, currency: str) -> str:
    return f"{Decimal(minor).scaleb(-currency_exponent(currency)):f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
