"""Calibrations and precision ledgers as files: JSON, checked when read, hashed for the summary."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine.calibration import Calibration
from engine.errors import EvidenceError
from engine.outcomes import Outcomes
from engine.precision_ledger import PrecisionLedger
from tieout.exit_codes import OutcomeFileError

__all__ = [
    "outcome_hash",
    "read_calibration",
    "read_outcomes",
    "read_precision",
    "write_outcome_table",
]

AnyTable = TypeVar("AnyTable", Calibration, PrecisionLedger)


def read_calibration(path: str | Path) -> Calibration:
    """The calibration in `path`; raises `FileNotFoundError` or `OutcomeFileError`."""
    return _read(path, Calibration, "calibration, as `tieout calibrate --fit` writes it")


def read_precision(path: str | Path) -> PrecisionLedger:
    """The precision ledger in `path`; raises `FileNotFoundError` or `OutcomeFileError`."""
    return _read(path, PrecisionLedger, "record, as `tieout calibrate --ledger` writes it")


def read_outcomes(calibration: str | Path | None, precision: str | Path | None) -> Outcomes:
    """What is in the given files; what ships where there are none (None, or empty)."""
    found: dict[str, Any] = {}
    if calibration:
        found["calibration"] = read_calibration(calibration)
    if precision:
        found["precision"] = read_precision(precision)
    return Outcomes(**found)


def write_outcome_table(path: Path, table: Calibration | PrecisionLedger) -> None:
    """Write `table` as JSON that people can read and compare."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(table), indent=1) + b"\n")


def outcome_hash(table: Calibration | PrecisionLedger) -> str:
    """Hash of the table's content, whatever its file looks like."""
    return hashlib.sha256(msgspec.json.encode(table, order="sorted")).hexdigest()


def _read(path: str | Path, kind: type[AnyTable], expected: str) -> AnyTable:
    content = Path(path).read_bytes()
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, EvidenceError) as error:
        message = f"{Path(path).name}: {error}; expected a {expected}"
        raise OutcomeFileError(message) from None
