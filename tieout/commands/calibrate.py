"""`tieout calibrate`: what outcomes teach, as tables the engine takes in."""

from __future__ import annotations

from pathlib import Path

import click

from tieout.commands.options import json_option

__all__ = ["calibrate_command"]

_PATH = click.Path(path_type=Path)
_HELP = """Say what outcomes teach, and write it down for the engine.

TABLE holds one row per set of items that was decided or proposed, and whether it was right: what
`tieout store outcomes` writes of people's decisions, or the `sets` of `tieout evaluate --out`.
Several are taken together, such as those of all months.

--fit writes how sure each kind of set may claim to be (kinds with fewer than 50 outcomes keep the
shipped calibration), --ledger each strategy's record. A policy names both:

\b
  [outcomes]
  calibration = "own.json"
  precision = "record.json"

A strategy that its outcomes prove wrong more often than automation.wrong_budget then proposes
instead of deciding (automation.precision).

\b
Examples:
  tieout store outcomes outcomes.parquet --store postgresql://tieout@db/tieout
  tieout calibrate outcomes.parquet --fit own.json --ledger record.json

\b
Exit codes:
  0   done
  3   --fail-on-demoted, and a strategy's record is worse than the budget
  65  a table is malformed
  66  no such file
"""


@click.command("calibrate", help=_HELP)
@click.argument("tables", metavar="TABLE...", nargs=-1, required=True, type=_PATH)
@click.option("--fit", type=_PATH, help="File to write a calibration of confidence to.")
@click.option("--ledger", type=_PATH, help="File to write the strategies' record to.")
@click.option(
    "--wrong-budget",
    type=click.FloatRange(0, 1),
    default=0.0001,
    show_default=True,
    help="Judge records by this budget (automation.wrong_budget).",
)
@click.option("--fail-on-demoted", is_flag=True, help="Exit 3 where a record is worse than that.")
@json_option
def calibrate_command(
    *,
    tables: tuple[Path, ...],
    fit: Path | None,
    ledger: Path | None,
    wrong_budget: float,
    fail_on_demoted: bool,
    as_json: bool,
) -> int:
    """Read, write, show; gives the exit code."""
    import msgspec

    from tieout.evaluation.outcomes import calibration_with_shipped, precision_of
    from tieout.evaluation.set_tables import read_sets
    from tieout.evaluation.teaching import teaching_of, teaching_text
    from tieout.outcome_tables import write_outcome_table

    sets, source = read_sets(tables), f"outcomes {', '.join(path.name for path in tables)}"
    if fit is not None:
        write_outcome_table(fit, calibration_with_shipped(sets, source))
    if ledger is not None:
        write_outcome_table(ledger, precision_of(sets, source))
    found = teaching_of(sets, wrong_budget)
    click.echo(msgspec.json.encode(found) if as_json else teaching_text(found))
    demoted = [one.strategy for one in found.strategies if one.verdict == "demoted"]
    if demoted and fail_on_demoted:
        click.echo(f"tieout: gate failed: the record of {', '.join(demoted)}", err=True)
        return 3
    return 0
