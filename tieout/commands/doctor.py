"""`tieout doctor`: everything a server needs on this machine, looked at."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tieout.exit_codes import ExitCode

__all__ = ["doctor_command"]

_HELP = """Look at everything a server needs on this machine; change nothing.

Versions, SQLite, settings and the files they name, the store and its migrations, disk, permissions,
the clock, ports, limits. Run it as the user the server runs as, before an installation is trusted
and when something is odd; send its --json with a report.

\b
Examples:
  tieout doctor --config /etc/tieout/tieout.toml
  tieout doctor --json | jq '.verdicts[] | select(.outcome != "ok")'

\b
Exit codes:
  0   nothing failed (warnings may stand)
  66  no such file of settings
  78  something failed: the server would not start, or must not
"""

_MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}


@click.command("doctor", help=_HELP)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="TIEOUT_CONFIG",
    help="The settings: tieout.toml.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def doctor_command(*, config: Path | None, as_json: bool) -> int:
    """Look, and tell; gives the exit code."""
    import msgspec

    from server import overrides_in
    from tieout.configuration import read_configuration
    from tieout.machine_checks import look_at
    from tieout.serving.folders import placed

    if config is not None and not config.exists():
        raise FileNotFoundError(2, "no such file", str(config))
    configuration = read_configuration(config, overrides_in(os.environ))
    verdicts = look_at(placed(configuration, os.environ))
    failed = any(one.outcome == "failed" for one in verdicts)
    if as_json:
        click.echo(msgspec.json.encode({"ok": not failed, "verdicts": verdicts}).decode())
    else:
        width = max(len(one.check) for one in verdicts)
        for one in verdicts:
            click.echo(f"{_MARKS[one.outcome]}  {one.check:<{width}}  {one.message}")
    return int(ExitCode.CONFIG if failed else ExitCode.DONE)
