"""What outcomes of earlier decisions say: how sure to be, and which strategy may decide alone."""

from __future__ import annotations

import msgspec

from engine.calibration import Calibration  # noqa: TC001 - msgspec reads the annotation
from engine.precision_ledger import PrecisionLedger
from engine.shipped_calibration import SHIPPED_CALIBRATION

__all__ = ["Outcomes"]


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """A calibration of confidence, and the record of the strategies."""

    calibration: Calibration = SHIPPED_CALIBRATION
    precision: PrecisionLedger = PrecisionLedger()
