"""`tieout open-items`: exports of ERPs checked, and two states of them compared; offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsers.ledger_files import LedgerFile
    from tieout.open_item_diff import OpenItemDiff

__all__ = ["check_command", "diff_command", "open_items_command", "presets_command"]

_PATH = click.Path(path_type=Path)
_SHOWN = 5
_CHECK_HELP = """Read FILE as `tieout match` would, and say how it was understood.

With --preset the file is an ERP's own export: the column each header is taken for, the format of
amounts and dates, rows that are no items by what they are, and the first items. Without it FILE has
the columns of the contract. Amounts and dates that can be read in two ways are an error that names
both. Nothing is written.

\b
Examples:
  tieout open-items check FBL5N.xlsx --preset sap
  tieout open-items check export.csv --preset business_central --currency EUR --date DMY
  tieout open-items check customers.csv --preset sap --customers

\b
Exit codes:
  0   it can be read
  65  it cannot; the message names line, column and value
  66  no such file
"""
_DIFF_HELP = """Compare two states of open items: what is new, gone and changed, and the sums.

\b
Examples:
  tieout open-items diff yesterday.csv today.csv
  tieout open-items diff old.xlsx new.xlsx --preset sap --out changes.csv

\b
Exit codes:
  0   compared
  65  a file cannot be read
  66  no such file
"""


@click.group("open-items", help="Open items and customers: presets of ERPs, checks, differences.")
def open_items_command() -> None:
    """Group the commands."""


def _preset_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of a file that an ERP exported."""
    options = (
        click.option("--preset", help="The ERP it comes from, or a TOML file; see presets."),
        click.option(
            "--decimal", type=click.Choice([".", ","]), help="What stands before the decimals."
        ),
        click.option(
            "--date", type=click.Choice(["DMY", "MDY", "YMD"]), help="Order of day, month, year."
        ),
        click.option("--currency", default="", help="Currency where no column says it."),
        click.option("--company", default="", help="Company where no column says it."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@open_items_command.command("presets", help="List the presets that come with Tieout.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def presets_command(*, as_json: bool) -> None:
    """Print name and title of each preset."""
    import msgspec

    from parsers.ledger_presets import shipped_ledger_presets

    presets = shipped_ledger_presets()
    if as_json:
        click.echo(msgspec.json.encode(presets))
        return
    for name, preset in presets.items():
        click.echo(f"{name:<17}  {preset.title}")


@open_items_command.command("check", help=_CHECK_HELP)
@click.argument("file", type=_PATH)
@click.option("--customers", is_flag=True, help="FILE holds customers.")
@_preset_options
def check_command(
    *,
    file: Path,
    customers: bool,
    preset: str | None,
    decimal: Any,
    date: Any,
    currency: str,
    company: str,
    as_json: bool,
) -> None:
    """Read the file and print what was understood."""
    import msgspec

    from tieout.ledger_inputs import LedgerOptions, read_preset_file

    options = LedgerOptions(
        preset=preset, decimal=decimal, date=date, currency=currency, company_id=company
    )
    if preset is None:
        found = _of_contract(file, customers=customers)
    else:
        found = read_preset_file(file, "customers" if customers else "open_items", options)
    if as_json:
        click.echo(msgspec.json.encode(_as_data(found), enc_hook=str))
        return
    click.echo("\n".join(_report(found)))


def _of_contract(file: Path, *, customers: bool) -> LedgerFile:
    from parsers.ledger_files import LedgerFile
    from tieout.ledger_inputs import read_customer_table, read_open_item_table

    batch = read_customer_table(file) if customers else read_open_item_table(file)
    return LedgerFile(
        batch=batch, preset="", source="", header_place="", columns=(), counted_rows={}
    )


def _as_data(found: LedgerFile) -> dict[str, Any]:
    return {
        "preset": found.preset,
        "source": found.source,
        "header": found.header_place,
        "columns": found.columns,
        "counted_rows": found.counted_rows,
        "rows": len(found.batch),
        "open_amount": _sums(found),
        "first_rows": found.batch.record_batch.slice(0, _SHOWN).to_pylist(),
    }


def _sums(found: LedgerFile) -> dict[str, str]:
    from engine.batches import OpenItemBatch
    from tieout.open_item_diff import open_sums

    return open_sums(found.batch) if isinstance(found.batch, OpenItemBatch) else {}


def _report(found: LedgerFile) -> Iterator[str]:
    from tieout.reports.figures import grouped

    how = f"preset {found.preset}" if found.preset else "columns of the contract"
    yield f"{len(found.batch):,} rows; {how}"
    for currency, amount in _sums(found).items():
        yield f"  {currency} {grouped(amount)} open"
    if found.source:
        yield f"read as {found.source}, header in {found.header_place}"
    for column in found.columns:
        form = f"  ({column.format})" if column.format else ""
        yield f"  {column.header} → {column.role or 'left aside'}{form}"
    for reason, rows in found.counted_rows.items():
        yield f"  {rows} rows counted as {reason}"
    for row in found.batch.record_batch.slice(0, _SHOWN).to_pylist():
        told = {name: value for name, value in row.items() if value not in ("", None, 0)}
        yield "  " + "  ".join(f"{name} {value}" for name, value in told.items())


@open_items_command.command("diff", help=_DIFF_HELP)
@click.argument("old", type=_PATH)
@click.argument("new", type=_PATH)
@click.option("--out", type=_PATH, help="File to write every change to (CSV).")
@_preset_options
def diff_command(
    *,
    old: Path,
    new: Path,
    out: Path | None,
    preset: str | None,
    decimal: Any,
    date: Any,
    currency: str,
    company: str,
    as_json: bool,
) -> None:
    """Compare and print."""
    import msgspec

    from tieout.ledger_inputs import LedgerOptions, read_open_item_table
    from tieout.open_item_diff import diff_csv, diff_open_items

    options = LedgerOptions(
        preset=preset, decimal=decimal, date=date, currency=currency, company_id=company
    )
    diff = diff_open_items(read_open_item_table(old, options), read_open_item_table(new, options))
    if out is not None:
        out.write_bytes(diff_csv(diff))
    if as_json:
        click.echo(msgspec.json.encode(diff))
        return
    click.echo("\n".join(_differences(diff)))


def _differences(diff: OpenItemDiff) -> Iterator[str]:
    from tieout.reports.figures import grouped

    yield (
        f"{diff.before:,} items before, {diff.now:,} now: {diff.new:,} new, {diff.gone:,} gone, "
        f"{diff.changed:,} changed, {diff.same:,} the same"
    )
    for currency in sorted({*diff.open_before, *diff.open_now}):
        before = diff.open_before.get(currency, "0")
        now = diff.open_now.get(currency, "0")
        yield f"  {currency} {grouped(before)} open before, {grouped(now)} now"
    for one in diff.changes[:_SHOWN]:
        told = ", ".join(
            f"{name} {before or '–'} → {now or '–'}" for name, (before, now) in one.fields.items()
        )
        yield f"  {one.change:<7}  {one.document_number} ({one.open_item_id})  {told}"
    if len(diff.changes) > _SHOWN:
        yield f"  and {len(diff.changes) - _SHOWN:,} more (--out, --json)"
