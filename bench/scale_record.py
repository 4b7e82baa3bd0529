"""One line of `history.jsonl` about size: the whole job from one size to ten times that."""

from __future__ import annotations

import msgspec

from bench.measures import ProcessCost  # noqa: TC001 - msgspec reads the annotation
from bench.record import Machine, Quality, StageMeasure  # noqa: TC001 - as above

__all__ = ["ContestMeasure", "ScaleMeasure", "ScaleRecord", "scale_ratios"]


class ScaleMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """`tieout match` as one process over a seeded world; stages as its own clock tells them."""

    payments: int
    open_items: int
    customers: int
    cost: ProcessCost
    stages: tuple[StageMeasure, ...]
    quality: Quality

    def microseconds(self) -> float:
        """Wall clock per payment."""
        return self.cost.seconds / self.payments * 1e6


class ContestMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """Competing candidates resolved on one core: how many, over how many items, in what time."""

    candidates: int
    items: int
    contested_share: float
    cpu_seconds: float


class ScaleRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="scale"):
    """One run. `date` is the caller's, ISO 8601; `ratios` compare the largest size with the least
    one: what a payment costs there over what it costs here.
    """

    date: str
    size: str
    machine: Machine
    versions: dict[str, str]
    runs: tuple[ScaleMeasure, ...]
    contests: ContestMeasure
    ratios: dict[str, float]


def scale_ratios(runs: tuple[ScaleMeasure, ...]) -> dict[str, float]:
    """Cost of a payment at the largest size over that at the least one, wall clock and cores."""
    least, most = runs[0], runs[-1]
    core = [one.cost.cpu_seconds / one.payments for one in (least, most)]
    return {
        "seconds per payment": round(most.microseconds() / least.microseconds(), 2),
        "core seconds per payment": round(core[1] / core[0], 2),
    }
