"""`tieout evaluate`: runs against the truth about their payments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.commands.options import json_option, progress_option

if TYPE_CHECKING:
    from tieout.evaluation.measures import Evaluation

__all__ = ["evaluate_command"]

_PATH = click.Path(path_type=Path)
_HELP = """Judge runs by the truth about their payments: what was right, wrong, left, how surely.

RUN_DIR is what `tieout match --out` wrote; several (the days of a month) are judged together.
--truth is a directory with `truth` (key, open_item_id, cash, discount, deduction, write_off) and,
if there is one, `truth_payments` (key, scenario, expected_codes, amount, customer_id), as CSV,
Parquet or JSON lines. A key is a payment_id, a bank reference, a check number or an end-to-end id:
the postings of your ledger, written so, are a truth.

\b
Examples:
  tieout evaluate runs/2026-09-30 --truth postings/2026-09
  tieout evaluate runs/2026-09-* --truth postings/2026-09 --out report --min-automatic 0.85
  tieout evaluate runs/2026-09-* --truth postings/2026-09 --fit own.json --ledger record.json

--fit and --ledger write what the outcomes teach: how sure each kind of proposal may claim to be,
and how often each strategy was wrong. `tieout match --calibration F --precision F` uses them.

--out writes evaluation.html to read, evaluation.json with every figure, the charts as SVG, and
payments.parquet and sets.parquet with what was judged.

\b
Exit codes:
  0   judged
  1   a run does not account for every cent, or applies more to an item than is open
  2   usage; --out is not empty
  3   a gate failed: --max-wrong-rate, --min-automatic, or payments of the truth are missing
  65  RUN_DIR is no run directory, or a table of the truth is malformed
  66  no such directory, or no truth in it
"""


@click.command("evaluate", help=_HELP)
@click.argument("run_dirs", metavar="RUN_DIR...", nargs=-1, required=True, type=_PATH)
@click.option("--truth", type=_PATH, required=True, help="Directory with the truth.")
@click.option("--out", type=_PATH, help="Directory to write the report to: new or empty.")
@click.option("--fit", type=_PATH, help="File to write a calibration of confidence to.")
@click.option("--ledger", type=_PATH, help="File to write the strategies' record to.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier report in --out.")
@click.option(
    "--show", type=click.IntRange(min=0), default=5, show_default=True, help="Wrong ones to list."
)
@click.option(
    "--max-wrong-rate",
    type=click.FloatRange(0, 1),
    help="Exit 3 where more of the automatic payments are wrong, such as 0.0005.",
)
@click.option(
    "--min-automatic",
    type=click.FloatRange(0, 1),
    help="Exit 3 where a smaller share of payments was decided whole, such as 0.85.",
)
@click.option(
    "--allow-missing", is_flag=True, help="Payments of the truth that are in no run are no fault."
)
@progress_option
@json_option
def evaluate_command(
    *,
    run_dirs: tuple[Path, ...],
    truth: Path,
    out: Path | None,
    fit: Path | None,
    ledger: Path | None,
    overwrite: bool,
    show: int,
    max_wrong_rate: float | None,
    min_automatic: float | None,
    allow_missing: bool,
    progress: Any,
    as_json: bool,
) -> int:
    """Judge and report; gives the exit code."""
    import msgspec

    from tieout.evaluation import evaluate_runs
    from tieout.evaluation.outcomes import calibration_with_shipped, precision_of
    from tieout.evaluation.report_files import EVALUATION_FILE, write_report
    from tieout.evaluation.report_text import evaluation_text
    from tieout.outcome_tables import write_outcome_table
    from tieout.output_directory import new_directory
    from tieout.progress import ProgressReporter

    with ProgressReporter(progress) as reporter:
        evaluated = evaluate_runs(run_dirs, truth, reporter)
        if out is not None:
            reporter("write_report", evaluated.evaluation.payments)
            with new_directory(out, overwrite=overwrite, mark=EVALUATION_FILE) as folder:
                write_report(evaluated, folder)
    sets, source = evaluated.judgement.sets, f"runs {', '.join(evaluated.evaluation.runs)}"
    if fit is not None:
        write_outcome_table(fit, calibration_with_shipped(sets, source))
    if ledger is not None:
        write_outcome_table(ledger, precision_of(sets, source))
    evaluation = evaluated.evaluation
    click.echo(msgspec.json.encode(evaluation) if as_json else evaluation_text(evaluation, show))
    if out is not None and not as_json:
        click.echo(f"\nwritten to {out}: open {out / 'evaluation.html'}")
    failed = _failed_gates(evaluation, max_wrong_rate, min_automatic, allow_missing=allow_missing)
    for sentence in failed:
        click.echo(f"tieout: gate failed: {sentence}", err=True)
    if not evaluation.is_sound:
        click.echo("tieout: the run does not account for every cent", err=True)
        return 1
    return 3 if failed else 0


def _failed_gates(
    evaluation: Evaluation,
    max_wrong_rate: float | None,
    min_automatic: float | None,
    *,
    allow_missing: bool,
) -> list[str]:
    failed = []
    wrong, automatic = evaluation.wrong, evaluation.straight_through_by_payment
    if evaluation.missing and not allow_missing:
        failed.append(
            f"{evaluation.missing:,} payments of the truth are in no run (--allow-missing)"
        )
    if max_wrong_rate is not None and (wrong.rate or 0.0) > max_wrong_rate:
        failed.append(f"{wrong.hits} of {wrong.total} wrong, at most {max_wrong_rate:g} allowed")
    if min_automatic is not None and (automatic.rate or 0.0) < min_automatic:
        failed.append(
            f"{automatic.hits} of {automatic.total} decided whole, at least {min_automatic:g} "
            "demanded"
        )
    return failed
