"""`tieout open-items`: exports of ERPs checked, compared, sent to a server, and read from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.commands.ledger_options import (
    export_options,
    ledger_options,
    preset_options,
    sending_options,
)
from tieout.commands.server_options import on_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.ledger_files import LedgerFile
    from tieout.client import Client
    from tieout.open_item_diff import OpenItemDiff

__all__ = [
    "check_command",
    "diff_command",
    "export_command",
    "import_command",
    "open_items_command",
    "presets_command",
]

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
_IMPORT_HELP = """Send the open items of FILE to a server, in one transaction.

Rows are new or changed ones; all others stay. With --snapshot FILE is everything that is open in
the companies it names: what it does not hold is gone. The server verifies counts and sums of it.

\b
Examples:
  tieout open-items import open_items.csv --snapshot
  tieout open-items import FBL5N.xlsx --preset sap --snapshot --dry-run
  tieout open-items import changes.csv --server treasury:50051 --api-key-file erp.key --json

\b
Exit codes:
  0   imported (with --dry-run: it could be)
  5   the request id was used with another content
  65  FILE or a row of it is malformed; nothing was changed
  66  no such file
  69  the server cannot be reached
  75  the server is busy; send again
  77  not permitted
"""
_EXPORT_HELP = """Write the open items of a server to OUT: what is open to us, after all decisions.

OUT is a CSV file or, by its name, Parquet; `-` writes CSV to stdout. The file can be given to
`tieout match --open-items` and to `tieout open-items diff`.

\b
Examples:
  tieout open-items export open.csv --company 1000
  tieout open-items export - --customer C-ACME
  tieout open-items export changed.parquet --changed-after 4711

\b
Exit codes:
  0   written
  69  the server cannot be reached
  75  the server is busy; ask again
  77  not permitted
"""


@click.group("open-items", help="Open items: presets of ERPs, checks, differences, a server's own.")
def open_items_command() -> None:
    """Group the commands."""


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
@preset_options
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

    from tieout.ledger_inputs import read_preset_file

    options = export_options(
        preset=preset, decimal=decimal, date=date, currency=currency, company=company
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
@preset_options
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

    from tieout.ledger_inputs import read_open_item_table
    from tieout.open_item_diff import diff_csv, diff_open_items

    options = export_options(
        preset=preset, decimal=decimal, date=date, currency=currency, company=company
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


@open_items_command.command("import", help=_IMPORT_HELP)
@click.argument("file", type=_PATH)
@sending_options
@ledger_options
@on_server
def import_command(
    *,
    file: Path,
    client: Client,
    preset: str | None,
    decimal: Any,
    date: Any,
    currency: str,
    company: str,
    as_json: bool,
    **sending: Any,
) -> int:
    """Read the file and send it; gives the exit code."""
    from tieout.commands.server_ledger import print_summary, send_open_items
    from tieout.ledger_inputs import read_open_item_table

    options = export_options(
        preset=preset, decimal=decimal, date=date, currency=currency, company=company
    )
    items = read_open_item_table(file, options)
    return int(print_summary(send_open_items(client, items, **sending), as_json=as_json))


@open_items_command.command("export", help=_EXPORT_HELP)
@click.argument("out", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--company", default="", help="Only of this company.")
@click.option("--customer", default="", help="Only of this customer.")
@click.option("--changed-after", type=click.IntRange(0), default=0, help="Only after this change.")
@on_server
def export_command(
    *, out: Path, company: str, customer: str, changed_after: int, as_json: bool, client: Client
) -> None:
    """Read and write."""
    import msgspec

    from tieout.commands.server_ledger import item_content, stored_items
    from tieout.open_item_diff import open_sums

    items = stored_items(
        client, company_id=company, customer_id=customer, changed_after=changed_after
    )
    content = item_content(items, out.suffix)
    to_stdout = str(out) == "-"
    if to_stdout:
        click.echo(content, nl=False)
    else:
        out.write_bytes(content)
    told = {"rows": len(items), "open_amount": open_sums(items)}
    if as_json:
        click.echo(msgspec.json.encode(told), err=to_stdout)
    else:
        click.echo(f"{len(items):,} open items", err=True)
