"""What a module of the bench is told on the command line, and where its line of history goes."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench import record as records

if TYPE_CHECKING:
    import msgspec

__all__ = ["bench_reader", "date_of", "keep"]


def bench_reader(module: str, about: str | None, small: str | None) -> argparse.ArgumentParser:
    """Reads `--date` and `--history`, and `--quick` for a run over something `small`."""
    reader = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    if small is None:
        reader.set_defaults(quick=False)
    else:
        reader.add_argument("--quick", action="store_true", help=f"{small}, to see that all runs")
    reader.add_argument("--date", help="date of the line, ISO 8601; today where not given")
    reader.add_argument("--history", type=Path, help="file the line is added to")
    return reader


def date_of(chosen: argparse.Namespace) -> str:
    """The date that was given, else today's."""
    return chosen.date or datetime.datetime.now(datetime.UTC).date().isoformat()


def keep(record: msgspec.Struct, chosen: argparse.Namespace, *, whole: bool = True) -> None:
    """Add the line to the history that was given; to the bench's own only of a `whole` run that was
    not a quick one.
    """
    history = chosen.history or (None if chosen.quick or not whole else records.HISTORY)
    if history is not None:
        records.append(record, history)
        print(f"added to {history}")
