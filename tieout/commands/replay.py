"""`tieout replay`: a history again, under other rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tieout.commands.options import json_option, progress_option, table_options

__all__ = ["replay_command"]

_PATH = click.Path(path_type=Path)
_HELP = """Match a history again under another policy, and say what it would have changed.

HISTORY is a directory with open_items and bank/ (or payments), and where they are known customers,
bank_accounts, remittances and truth; or bank files, with the tables as options. Payments are
matched day by day: each day sees the items dated so far, less what earlier days took. The open
items must be those before the first payment. Where the truth is known, clerks are taken to book
every evening what was left to them, and the difference is judged.

\b
Examples:
  tieout replay history/2026-09 --policy wider.toml --out wider
  tieout replay history/2026-09 --policy new.toml --baseline tieout.toml --by week --out new
  tieout replay bank/2026-09/* --open-items items.parquet --policy new.toml --out new

--out holds replay.html to read, replay.json, changes.parquet with every payment that changed, and
both runs (baseline, policy), which `tieout explain` and `tieout evaluate` read.

\b
Exit codes:
  0   done
  2   usage; --out is not empty; no history
  3   a gate failed: --max-newly-wrong
  65  no bank file could be used, or a table is malformed
  66  no such file
  78  a policy is not understood
"""


@click.command("replay", help=_HELP)
@click.argument("sources", metavar="HISTORY...", nargs=-1, required=True, type=_PATH)
@click.option("--policy", type=_PATH, required=True, help="The new rules (TOML).")
@click.option("--baseline", type=_PATH, help="The old rules; the default policy if not given.")
@click.option(
    "--by",
    "period",
    type=click.Choice(["day", "week"]),
    default="day",
    show_default=True,
    help="How much of the history is matched at a time.",
)
@table_options(open_items_help="Open items before the first payment.", is_required=False)
@click.option("--remittances", type=_PATH, help="Remittance advice.")
@click.option("--truth", type=_PATH, help="Directory with the truth (see `tieout evaluate`).")
@click.option("--out", type=_PATH, required=True, help="Directory to write: new or empty.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier replay in --out.")
@click.option(
    "--max-newly-wrong",
    type=click.IntRange(min=0),
    help="Exit 3 where more payments would newly be applied wrongly (needs a truth).",
)
@progress_option
@json_option
def replay_command(
    *,
    sources: tuple[Path, ...],
    policy: Path,
    baseline: Path | None,
    period: Any,
    out: Path,
    overwrite: bool,
    max_newly_wrong: int | None,
    progress: Any,
    as_json: bool,
    **tables: Path | None,
) -> int:
    """Replay and compare; gives the exit code."""
    import msgspec

    from tieout.output_directory import new_directory
    from tieout.progress import ProgressReporter
    from tieout.replay.history import find_history
    from tieout.replay.replay import REPLAY_FILE, replay_history
    from tieout.replay.report_text import replay_text

    history = find_history(sources, tables)
    with (
        ProgressReporter(progress) as reporter,
        new_directory(out, overwrite=overwrite, mark=REPLAY_FILE) as folder,
    ):
        comparison = replay_history(
            history, folder, policy=policy, baseline=baseline, period=period, observe=reporter
        )
    if as_json:
        click.echo(msgspec.json.encode(comparison))
    else:
        click.echo(replay_text(comparison))
        click.echo(f"\nwritten to {out}: open {out / 'replay.html'}")
    newly = comparison.judged.get("newly wrong")
    if max_newly_wrong is not None and newly is not None and newly.payments > max_newly_wrong:
        click.echo(
            f"tieout: gate failed: {newly.payments:,} payments newly wrong, at most "
            f"{max_newly_wrong:,} allowed",
            err=True,
        )
        return 3
    return 0
