"""What reading bank files gave, file by file: as data, as a table, as diagnostics with a caret."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow.compute as pc

from tieout.run_tables import currency_exponent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.batches import DiagnosticBatch
    from parsers.parsed_file import ParsedFile
    from tieout.intake import Intake
    from tieout.run_summary import InputFile

__all__ = [
    "FileReport",
    "ParseReport",
    "diagnostic_texts",
    "parse_report",
    "report_table",
]

_DIAGNOSTICS_SHOWN: Final = 50
"""Diagnostics printed; all of them are in the diagnostics table and in the JSON counts."""


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
    counted_rows: dict[str, int]


def parse_report(intake: Intake) -> ParseReport:
    """The report of `intake`, files by name."""
    files = [_file_report(file) for file in intake.files]
    return ParseReport(
        files=sorted(files, key=lambda file: (file.source_file, file.file_id)),
        inputs=sorted(intake.inputs, key=lambda f: (f.source_file, f.content_hash, f.state)),
        payments=len(intake.payments),
        remittance_lines=len(intake.remittances),
        counted_rows=dict(sorted(intake.counted_rows.items())),
    )


def _file_report(file: ParsedFile) -> FileReport:
    amounts = file.payments.int64("amount_minor")
    sums: dict[str, int] = {}
    for currency, amount in zip(file.payments.strings("currency"), amounts.tolist(), strict=True):
        sums[currency] = sums.get(currency, 0) + amount
    ok = file.control_checks.record_batch.column("ok")
    failed = int(pc.sum(pc.invert(ok)).as_py() or 0)
    severities: dict[str, int] = {}
    for severity in file.diagnostics.strings("severity"):
        severities[severity] = severities.get(severity, 0) + 1
    return FileReport(
        source_file=file.source_file,
        file_id=file.file_id,
        format=file.source_format,
        dialect=file.dialect,
        statements=file.statement_count,
        payments=len(file.payments),
        returns=int((amounts < 0).sum()),
        sums={currency: _text(sums[currency], currency) for currency in sorted(sums)},
        control_checks=len(ok),
        control_checks_failed=failed,
        foots=not failed if len(ok) else None,
        diagnostics=dict(sorted(severities.items())),
        counted_rows=file.counted_rows,
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


def diagnostic_texts(diagnostics: DiagnosticBatch) -> Iterator[str]:
    """Each diagnostic as `file:line:column: severity CODE message`, excerpt, caret, remedy."""
    rows = diagnostics.record_batch.slice(0, _DIAGNOSTICS_SHOWN).to_pylist()
    for row in rows:
        place = ":".join(str(row[name]) for name in ("line", "column") if row[name] is not None)
        head = f"{row['source_file']}:{place}:" if place else f"{row['source_file']}:"
        lines = [f"{head} {row['severity']} {row['code']} {row['message']}"]
        if row["excerpt"]:
            lines.append(f"    {row['excerpt']}")
            if row["column"] is not None:
                lines.append("    " + " " * (row["column"] - 1) + "^")
        lines += [f"  {word}: {row[word]}" for word in ("expected", "remedy") if row[word]]
        yield "\n".join(lines)
    hidden = len(diagnostics) - len(rows)
    if hidden > 0:
        yield f"… and {hidden:,} more; --out DIR writes all of them"


def _text(minor: int, currency: str) -> str:
    return f"{Decimal(minor).scaleb(-currency_exponent(currency)):f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
