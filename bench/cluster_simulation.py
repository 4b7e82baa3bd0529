"""`python -m bench.cluster_simulation`: a night of 50 million payments against a billion items, in
numbers, from what the last run of `bench.cluster` in the history measured per row.

Nothing is run here: costs per payment and per item, as they were measured, are multiplied. What
does not grow with rows (skew, one family with a tenth of all items) is worked out by the very
function that cuts buckets.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from bench.arguments import bench_reader
from bench.cluster_record import ClusterRecord, Costs, costs_of, model_error
from bench.record import HISTORY, last_line
from cluster.buckets import Buckets, Ties

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Night", "main", "night_table", "nights", "simulate"]

_PICTURE: Final = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "cluster_night.svg"
_CORE_HOUR_PRICE: Final = 0.05
"""An assumption, the one number here that nobody measured."""

_FAMILIES: Final = 5_000_000
_PAYMENTS, _ITEMS = 50_000_000, 1_000_000_000
_CORES: Final = (64, 128, 256, 512)
_BUCKET_ITEMS: Final = 200_000
_BUCKET_PAYMENTS: Final = 20_000
_SKEW: Final = 1.6
"""Exponent of the Pareto law that sizes of customers follow: the largest tenth owes two thirds."""


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """What a night takes."""

    payments: int
    open_items: int
    buckets: int
    bucket_items_median: float
    bucket_items_max: float
    core_hours: float
    shuffled_gib: float
    hours: dict[int, float]
    largest_gib: float
    customers_gib: float
    price: float
    sizes: list[float]


def simulate(costs: Costs, payments: int, open_items: int, giant_share: float) -> Night:
    """A night of that many rows, one family of which has `giant_share` of them."""
    dice = np.random.Generator(np.random.PCG64(2026))
    weight = dice.pareto(_SKEW, _FAMILIES) + 0.1
    weight *= (1 - giant_share) / weight.sum()
    weight[0] = giant_share
    items = np.maximum(np.rint(weight * open_items), 1).astype(np.int64)
    paid = dice.poisson(weight * payments).astype(np.int64)
    none = np.empty(0, dtype=np.int64)
    ties = Ties(
        one=none,
        two=none,
        found=none,
        found_family=none,
        returned=none,
        original=none,
        returned_family=none,
        original_family=none,
    )
    buckets = Buckets.of(items, paid, 0, ties, _BUCKET_ITEMS, _BUCKET_PAYMENTS)
    placed = buckets.of_family >= 0
    size = np.bincount(buckets.of_family[placed], weights=items[placed], minlength=buckets.count)
    # A payment costs as measured with the items beside it; with more of them, as more payments.
    counted = max(payments, round(open_items * costs.payments / costs.open_items))
    core_seconds = costs.core_seconds(counted)
    # A bucket is one task: the largest one's is the least time there is, whoever it belongs to.
    giant_seconds = core_seconds * float(size.max()) / open_items
    hours = {
        cores: max(core_seconds / cores, giant_seconds * costs.match_share) / 3_600
        for cores in _CORES
    }
    return Night(
        payments=payments,
        open_items=open_items,
        buckets=buckets.count,
        bucket_items_median=float(np.median(size)),
        bucket_items_max=float(size.max()),
        core_hours=core_seconds / 3_600,
        shuffled_gib=costs.payment_shuffled_bytes * counted / 2**30,
        hours=hours,
        largest_gib=(costs.worker_bytes + float(size.max()) * costs.item_memory_bytes) / 2**30,
        customers_gib=_FAMILIES * costs.customer_memory_bytes / 2**30,
        price=core_seconds / 3_600 * _CORE_HOUR_PRICE,
        sizes=np.sort(size).tolist(),
    )


def nights(costs: Costs) -> tuple[tuple[str, Night], ...]:
    """The two nights: an even one, and one with a family that has a tenth of all items."""
    return (
        ("even", simulate(costs, _PAYMENTS, _ITEMS, 0.0001)),
        ("one family with 10 %", simulate(costs, _PAYMENTS, _ITEMS, 0.10)),
    )


def night_table(record: ClusterRecord) -> str:
    """The nights as a table of Markdown, with the costs they come from."""
    costs = costs_of(record)
    seconds, shuffled = (f"{100 * one:.0f} %" for one in model_error(record))
    rows = [
        f"A million payments, with {costs.open_items // costs.payments} open items beside each: "
        f"{1e6 * costs.payment_core_seconds:,.0f} core-seconds, on top of "
        f"{costs.fixed_core_seconds:.0f} that a run takes whatever its size, and "
        f"{costs.payment_shuffled_bytes / 1e3:.1f} GB shuffled (a line through the runs above; it "
        f"is off by {seconds} of a run's core-seconds and {shuffled} of its bytes at most). Per "
        f"open item of a bucket {costs.item_memory_bytes:,.0f} bytes of "
        f"a worker's memory, beside the "
        f"{costs.worker_bytes / 2**20:,.0f} MiB it takes without any; per customer "
        f"{costs.customer_memory_bytes:,.0f} bytes on every machine.",
        "",
        "| | buckets | items, median | largest | core-hours | shuffled | 64 cores | 512 cores | "
        "largest task | customers | at 0.05 a core-hour |",
        "| --- " + "| ---: " * 10 + "|",
    ]
    for name, night in nights(costs):
        rows.append(
            f"| {name} | {night.buckets:,} | {night.bucket_items_median:,.0f} | "
            f"{night.bucket_items_max / 1e6:,.1f} million | {night.core_hours:,.0f} | "
            f"{night.shuffled_gib:,.0f} GiB | {night.hours[64]:.2f} h | {night.hours[512]:.2f} h | "
            f"{night.largest_gib:,.0f} GiB | "
            f"{night.customers_gib:.1f} GiB | {night.price:,.0f} |"
        )
    return "\n".join(rows)


def draw(both: Sequence[tuple[str, Night]], path: Path) -> None:
    """Sizes of buckets, ascending, and hours by cores, for each night; the same bytes each time."""
    import matplotlib as mpl  # noqa: PLC0415 - slow, and only for the picture

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - as above

    with mpl.rc_context():
        mpl.rc("svg", hashsalt="tieout", fonttype="none")
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.2))
        for (name, night), colour in zip(both, ("#2f6f8f", "#c46a3a"), strict=False):
            share = np.linspace(0, 1, len(night.sizes))
            step = max(1, len(share) // 400)
            left.plot(share[::step], night.sizes[::step], color=colour, label=name)
            left.plot(share[-1:], night.sizes[-1:], "o", color=colour)
            right.plot(
                list(night.hours), list(night.hours.values()), "o-", color=colour, label=name
            )
        left.set_yscale("log")
        left.set_xlabel("share of all buckets, smallest first")
        left.set_ylabel("open items")
        right.set_xscale("log", base=2)
        right.set_xticks(_CORES, [str(cores) for cores in _CORES])
        right.set_xlabel("cores")
        right.set_ylabel("hours")
        right.set_ylim(bottom=0)
        left.legend(frameon=False)
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Work the night out, print it, draw it; gives the exit code."""
    reader = bench_reader("bench.cluster_simulation", __doc__, None)
    reader.add_argument("--picture", type=Path, default=_PICTURE, help="where the plot goes")
    chosen = reader.parse_args(arguments)
    record = last_line(ClusterRecord, (chosen.history or HISTORY))
    print(night_table(record))
    draw(nights(costs_of(record)), chosen.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
