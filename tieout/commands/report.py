"""`tieout report`: aging, collection, waiting cash, expected dates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import datetime

__all__ = ["report_command"]

_PATH = click.Path(path_type=Path)
_HELP = """Report on receivables: open, how old, how fast collected, what will be paid when.

RUN_DIR (written by `tieout match`) gives open items after the run, cash that waits, and rates;
--open-items the aging; --history (one row per settlement: open_item_id, customer_id, currency,
document_date, due_date, original_amount, settled_date …) DSO, CEI, days late, discount leakage and
the expected date of each open item, with its error on past days beside naive ones.

\b
Examples:
  tieout report runs/2026-09-30
  tieout report --open-items open_items.csv --history history.csv --as-of 2026-09-30 --out report

--out writes receivables.html to read, receivables.json with every figure, charts as SVG, and the
tables aging, expected_dates and waiting_cash.

\b
Exit codes:
  0   reported
  2   usage; nothing to report on; --out is not empty
  65  a table is malformed, or RUN_DIR is no run directory
  66  no such file
"""


@click.command("report", help=_HELP)
@click.argument("run_dirs", metavar="[RUN_DIR]...", nargs=-1, type=_PATH)
@click.option("--open-items", type=_PATH, help="Open items, as a table.")
@click.option("--preset", help="The ERP that exported --open-items, or a TOML file.")
@click.option("--history", type=_PATH, help="Settled and open items with their dates, as a table.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Day of the report.")
@click.option(
    "--days", type=click.IntRange(1), default=90, show_default=True, help="Length of the period."
)
@click.option("--out", type=_PATH, help="Directory to write the report to: new or empty.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier report in --out.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["parquet", "csv", "jsonl"]),
    default="parquet",
    show_default=True,
    help="How the tables are written.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def report_command(
    *,
    run_dirs: tuple[Path, ...],
    open_items: Path | None,
    preset: str | None,
    history: Path | None,
    as_of: datetime.datetime | None,
    days: int,
    out: Path | None,
    overwrite: bool,
    file_format: Any,
    as_json: bool,
) -> int:
    """Work out the report and show it; gives the exit code."""
    import msgspec

    from tieout.ledger_inputs import LedgerOptions
    from tieout.output_directory import new_directory
    from tieout.receivables.report import ReportJob, make_report
    from tieout.receivables.report_files import RECEIVABLES_FILE, report_data, write_receivables
    from tieout.receivables.report_page import report_text

    report = make_report(
        ReportJob(
            runs=run_dirs,
            open_items=open_items,
            ledger_options=LedgerOptions(preset=preset),
            history=history,
            as_of=as_of.date() if as_of else None,
            days=days,
        )
    )
    if out is not None:
        with new_directory(out, overwrite=overwrite, mark=RECEIVABLES_FILE) as folder:
            write_receivables(report, folder, file_format)
    click.echo(msgspec.json.encode(report_data(report)) if as_json else report_text(report))
    if out is not None and not as_json:
        click.echo(f"\nwritten to {out}: open {out / 'receivables.html'}")
    return 0
