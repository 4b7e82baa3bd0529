"""`python -m bench.calibration`: write the calibration that ships, from seeded worlds' outcomes.

Worlds of every kind are made, matched and judged; what was right at which doubt becomes the table
of `engine/shipped_calibration.py`. The same code gives the same table. Quality is measured on
worlds of other seeds (`bench.quality`).
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from bench.worlds import evaluate_world, judging_world
from tieout.evaluation.judgement import CandidateSets
from tieout.evaluation.outcomes import fit_calibration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.calibration import Calibration, Group

__all__ = ["CALIBRATION_SEED", "TARGET", "fit_on_worlds", "main", "module_text"]

TARGET: Final = Path(__file__).resolve().parents[1] / "engine" / "shipped_calibration.py"
"""The module whose table is written."""

CALIBRATION_SEED: Final = 9_000
"""Added to the number of each world; no other bench and no test uses these seeds."""

_NAMES: Final = (
    *("demo", "demo", "demo", "unknown_payers", "unknown_payers", "dense_numbers"),
    *("price_list", "rent", "whole_dollar"),
)
"""Kinds of worlds, the ordinary one and the one of strangers more often."""

_WIDTH: Final = 96


def fit_on_worlds(payments: int, folder: Path, names: Sequence[str] = _NAMES) -> Calibration:
    """The calibration of worlds of `payments` each."""
    found = []
    for number, name in enumerate(names):
        print(f"{name}, {payments:,} payments", file=sys.stderr, flush=True)
        spec = judging_world(name, CALIBRATION_SEED + number, payments)
        found.append(evaluate_world(spec, folder).judgement.sets)
    source = f"outcomes of {payments * len(names):,} seeded payments"
    return fit_calibration(_together(found), source)


def _together(several: list[CandidateSets]) -> CandidateSets:
    columns = {}
    for name in CandidateSets.__struct_fields__:
        parts = [getattr(one, name) for one in several]
        is_text = isinstance(parts[0], pa.Array)
        columns[name] = pa.concat_arrays(parts) if is_text else np.concatenate(parts)
    return CandidateSets(**columns)


def module_text(current: str, calibration: Calibration) -> str:
    """The module's text `current` with the table of `calibration`."""
    table = "\n".join(_line(group) for group in calibration.groups)
    text = re.sub(r'_SOURCE: Final = ".*"', f'_SOURCE: Final = "{calibration.source}"', current)
    before, rest = text.split('_TABLE: Final = """\n', 1)
    return f'{before}_TABLE: Final = """\n{table}\n"""{rest.split(chr(34) * 3, 1)[1]}'


def _line(group: Group) -> str:
    steps = " ".join(f"{step.doubt_ppm}:{step.right}/{step.total}" for step in group.steps)
    text = f"{group.rank} {group.strategy or '*'} {group.uniqueness or '*'} {steps}"
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + len(word) > _WIDTH:
            lines.append(line)
            line = ""
        line += f"{word} "
    return "\\\n".join([*lines, line.rstrip()])


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit and write; gives the exit code."""
    reader = argparse.ArgumentParser(prog="python -m bench.calibration", description=__doc__)
    reader.add_argument("--payments", type=int, default=15_000, help="payments of each world")
    reader.add_argument("--out", type=Path, default=TARGET, help="module to write")
    chosen = reader.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        calibration = fit_on_worlds(chosen.payments, Path(folder))
    text = module_text(TARGET.read_text("utf-8"), calibration)
    chosen.out.write_text(text, encoding="utf-8")
    print(f"{len(calibration.groups)} groups written to {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
