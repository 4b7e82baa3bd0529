"""`tieout export`: what a run decided, as documents an ERP posts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.posting_export import ExportReport

__all__ = ["export_command", "report_lines"]

_PATH = click.Path(path_type=Path)
_SHOWN = 5
_HELP = """Make the documents an ERP posts out of RUN_DIR, which `tieout match` wrote.

Each payment becomes documents with ids that follow from the payment: sent twice, it is recognised.
What cannot be posted is held back with its reason in held.csv, and the others go on; the sums of
documents and held payments are those of the payments, or nothing is written.

\b
Examples:
  tieout export --list
  tieout export --template netsuite > accounts.toml
  tieout export runs/2026-09-30 --adapter netsuite --accounts accounts.toml --out post
  tieout export runs/2026-09-30 --adapter netsuite --accounts accounts.toml \\
      --answers answers.jsonl --out again

With --answers (what the ERP said: JSON lines of document_id, status, body) only what is not
confirmed is written again.

\b
Exit codes:
  0   done; payments a clerk still has are held
  4   some payments were refused: held.csv says why; the others are done
  65  RUN_DIR is no run directory, or --answers is not understood
  66  no such file
  78  --accounts is not understood, or no such adapter
"""


@click.command("export", help=_HELP)
@click.argument("run_dir", metavar="RUN_DIR", required=False, type=_PATH)
@click.option("--adapter", help="Which ERP; see --list.")
@click.option("--accounts", type=_PATH, help="Account determination (TOML); see --template.")
@click.option("--answers", type=_PATH, help="What the ERP answered: JSON lines or CSV.")
@click.option("--out", type=_PATH, help="Directory to write: new or empty.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier export in --out.")
@click.option("--list", "list_all", is_flag=True, help="List the adapters.")
@click.option("--template", metavar="NAME", help="Print accounts to begin with for an adapter.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "plain", "none"]),
    default="auto",
    help="auto: a bar where stderr is a terminal; plain: one line per stage.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def export_command(
    *,
    run_dir: Path | None,
    adapter: str | None,
    accounts: Path | None,
    answers: Path | None,
    out: Path | None,
    overwrite: bool,
    list_all: bool,
    template: str | None,
    progress: Any,
    as_json: bool,
) -> int:
    """Run the export the options describe; gives the exit code."""
    if list_all or template is not None:
        _show(template, as_json=as_json)
        return 0
    if run_dir is None or adapter is None:
        message = "give RUN_DIR and --adapter NAME (--list shows them)"
        raise click.UsageError(message)
    import msgspec

    from tieout.exit_codes import ExitCode
    from tieout.posting_export import ExportJob, run_export_job
    from tieout.progress import ProgressReporter

    job = ExportJob(
        run=run_dir,
        adapter=adapter,
        accounts=accounts,
        answers=answers,
        out=out,
        overwrite=overwrite,
    )
    with ProgressReporter(progress) as reporter:
        report = run_export_job(job, reporter)
    if as_json:
        click.echo(msgspec.json.encode(_as_data(report)))
    else:
        click.echo("\n".join(report_lines(report)))
    refused = [one for one in report.export.held if one.reason == "refused"]
    for one in refused[:_SHOWN]:
        where = f", item {one.open_item_id}" if one.open_item_id else ""
        click.echo(f"tieout: payment {one.payment_id}{where}: {one.sentence}", err=True)
    if len(refused) > _SHOWN:
        click.echo(f"tieout: {len(refused) - _SHOWN} more are in held.csv", err=True)
    return int(ExitCode.PARTIAL if refused else ExitCode.DONE)


def _show(template: str | None, *, as_json: bool) -> None:
    from adapters import catalogue

    if template is not None:
        click.echo(catalogue.template(template), nl=False)
        return
    import msgspec

    rows = [
        {"name": one.name, "title": one.title, "posts": one.posts}
        for one in catalogue.ADAPTERS.values()
    ]
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    for row in rows:
        click.echo(f"{row['name']:<17}  {row['title']}: {row['posts']}")


def _as_data(report: ExportReport) -> dict[str, Any]:
    import msgspec

    return {
        **msgspec.structs.asdict(report.summary),
        "held_payments": report.export.held,
        "answers": report.answers,
        "states": report.states,
    }


def report_lines(report: ExportReport) -> Iterator[str]:
    """What an export says on stdout."""
    from tieout.reports.figures import grouped

    summary = report.summary
    yield (
        f"{summary.payments:,} payments: {summary.posted:,} posted, {summary.reversed:,} reversed, "
        f"{sum(summary.held.values()):,} held"
    )
    for currency, amount in summary.posted_amount.items():
        held = summary.held_amount.get(currency, "0")
        yield f"  {currency} {grouped(amount)} in documents, {grouped(held)} held"
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in summary.documents.items())
    yield f"  documents         {sum(summary.documents.values()):,}: {kinds or 'none'}"
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in summary.held.items())
    yield f"  held              {reasons or 'none'}"
    if report.states:
        yield f"  answers           {summary.confirmed:,} confirmed, {summary.failed:,} failed"
        for state in [one for one in report.states if one.state == "post_failed"][:_SHOWN]:
            yield f"    {state.payment_id}: {state.sentence} {state.hint}"
    if report.out is not None:
        yield f"  written to        {report.out}"
