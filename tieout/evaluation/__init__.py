"""Runs judged by what is known about their payments: rates with bounds, calibration, ledgers.

`evaluate_runs` compares run directories with a truth; `fit_calibration` and `count_precision` turn
what it found into data the engine takes in again. Whole columns at a time; the plain scorer beside
it, row by row, is `tieout.worlds.score`.
"""

from __future__ import annotations

from tieout.evaluation.evaluate import evaluate_runs

__all__ = ["evaluate_runs"]
