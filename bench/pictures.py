"""Pictures of a run for the documentation: where the seconds of a job go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from bench.record import Record
    from bench.scale_record import ScaleRecord

__all__ = ["PICTURES", "draw_scale", "draw_stages"]

PICTURES: Final = Path(__file__).resolve().parents[1] / "docs" / "pictures"
"""Where the documentation's pictures live."""

_BAR: Final = "#2f6f8f"
_PALE: Final = "#a9c8d6"
_INK: Final = "#222222"


def draw_stages(record: Record, path: Path) -> None:
    """Seconds of each stage, in the order they run, as bars; the same bytes each time."""
    with mpl.rc_context():
        mpl.rc("svg", hashsalt="tieout", fonttype="none")
        names = [one.stage.replace("_", " ") for one in record.stages]
        seconds = [one.seconds for one in record.stages]
        figure, axes = plt.subplots(figsize=(7.2, 0.34 * len(names) + 1.1))
        bars = axes.barh(names, seconds, color=_BAR, height=0.7)
        axes.bar_label(bars, [f"{one:.2f} s" for one in seconds], padding=4, color=_INK)
        axes.invert_yaxis()
        axes.set_xlim(0, max(seconds) * 1.18)
        axes.set_xlabel("seconds, median", color=_INK)
        job = record.job
        axes.set_title(
            f"{job.payments:,} payments × {job.open_items:,} open items: where the time goes",
            loc="left",
            fontsize=11,
            color=_INK,
        )
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        figure.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def draw_scale(record: ScaleRecord, path: Path) -> None:
    """Microseconds per payment of each stage, the least size beside the largest; same bytes."""
    with mpl.rc_context():
        mpl.rc("svg", hashsalt="tieout", fonttype="none")
        runs = (record.runs[0], record.runs[-1])
        names = [one.stage.replace("_", " ") for one in runs[-1].stages]
        figure, axes = plt.subplots(figsize=(7.2, 0.52 * len(names) + 1.3))
        for number, (run, colour) in enumerate(zip(runs, (_PALE, _BAR), strict=True)):
            spent = {one.stage: one.seconds / run.payments * 1e6 for one in run.stages}
            values = [spent.get(one.stage, 0.0) for one in runs[-1].stages]
            places = [place + 0.4 * number for place in range(len(names))]
            bars = axes.barh(
                places,
                values,
                color=colour,
                height=0.38,
                label=f"{run.payments:,} × {run.open_items:,}",
            )
            axes.bar_label(bars, [f"{value:.1f}" for value in values], padding=4, color=_INK)
        axes.set_yticks([place + 0.2 for place in range(len(names))], names)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.set_xlabel("microseconds per payment", color=_INK)
        axes.set_title(
            f"{runs[-1].microseconds():.0f} µs a payment, at ten times the size: where they go",
            loc="left",
            fontsize=11,
            color=_INK,
        )
        axes.legend(frameon=False, loc="lower right")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        figure.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
