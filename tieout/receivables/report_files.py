"""The report as files: tables, every figure as JSON, the page and its charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from engine.money import exponents_of, format_minor
from tieout.receivables.report_page import report_charts, report_page
from tieout.run_formats import FileFormat, table_bytes
from tieout.run_tables import OutputTable

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.receivables.report import Report

__all__ = ["RECEIVABLES_FILE", "report_data", "write_receivables"]

RECEIVABLES_FILE: Final = "receivables.json"
"""Every figure; also the mark of a directory that holds a report."""


def report_data(report: Report) -> dict[str, Any]:
    """Every figure but the rows of the tables; amounts as decimal text."""
    return {
        "schema_version": 1,
        "as_of": report.as_of,
        "days": report.days,
        "measures": [_shown(one) for one in report.measures],
        "discount_leakage": [_shown(one) for one in report.leakage],
        "backtest": report.backtest,
        "straight_through": report.rates,
        "kept": report.kept,
        "rows": {name: table.num_rows for name, table in report.tables.items()},
    }


def _shown(struct: Any) -> dict[str, Any]:
    """Minor units as decimal text in major units, under names that end in `_amount`."""
    told = msgspec.structs.asdict(struct)
    return {
        name.replace("_minor", "_amount"): format_minor(value, struct.currency)
        if name.endswith("_minor")
        else value
        for name, value in told.items()
    }


def write_receivables(report: Report, folder: Path, file_format: FileFormat) -> None:
    """Write every file into `folder`."""
    for name, table in report.tables.items():
        places = (
            exponents_of(table["currency"].combine_chunks())
            if table.num_rows
            else np.zeros(0, dtype=np.int64)
        )
        content = table_bytes(OutputTable(table.combine_chunks(), places), file_format)
        (folder / f"{name}.{file_format}").write_bytes(content)
    data = msgspec.json.format(msgspec.json.encode(report_data(report)), indent=2)
    (folder / RECEIVABLES_FILE).write_bytes(data + b"\n")
    (folder / "receivables.html").write_text(report_page(report), encoding="utf-8")
    for name, svg in report_charts(report).items():
        (folder / name).write_text(svg, encoding="utf-8")
