"""Pictures of a run for the documentation: where the seconds of a job go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from bench.record import Record

__all__ = ["PICTURES", "draw_stages"]

PICTURES: Final = Path(__file__).resolve().parents[1] / "docs" / "pictures"
"""Where the documentation's pictures live."""

_BAR: Final = "#2f6f8f"
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
