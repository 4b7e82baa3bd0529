"""`python -m bench.cluster_simulation`: a night of 50 million payments against a billion items, in
numbers, from what a run of `bench.cluster` measured per row.

Nothing is run here: costs per payment and per item, as they were measured (`--costs`), are
multiplied. What does not grow with rows (skew, one family with a tenth of all items)
is worked out by the very function that cuts buckets.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from bench.arguments import bench_reader
from cluster.buckets import Buckets, Ties

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Costs", "Night", "main", "simulate"]

_COSTS: Final = Path(__file__).with_name("cluster_costs.json")
_PICTURE: Final = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "cluster_night.svg"
_FAMILIES: Final = 5_000_000
_CORES: Final = (64, 128, 256, 512)
_BUCKET_ITEMS: Final = 200_000
_BUCKET_PAYMENTS: Final = 20_000
_SKEW: Final = 1.6
"""Exponent of the Pareto law that sizes of customers follow: the largest tenth owes two thirds."""


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured: core-seconds and shuffled bytes of a run, by its rows; bytes in memory of
    an item in its bucket and of a customer on every machine; where they come from.
    """

    measured: str
    payments: int
    open_items: int
    core_seconds: float
    shuffled_bytes: int
    item_memory_bytes: int
    customer_memory_bytes: int
    core_hour_price: float


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
    giant_gib: float
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
    scale = open_items / costs.open_items
    core_seconds = costs.core_seconds * scale
    giant_seconds = core_seconds * giant_share
    hours = {
        cores: max(core_seconds / cores, giant_seconds * _MATCH_SHARE) / 3_600 for cores in _CORES
    }
    return Night(
        payments=payments,
        open_items=open_items,
        buckets=buckets.count,
        bucket_items_median=float(np.median(size)),
        bucket_items_max=float(size.max()),
        core_hours=core_seconds / 3_600,
        shuffled_gib=costs.shuffled_bytes * scale / 2**30,
        hours=hours,
        giant_gib=float(items[0]) * costs.item_memory_bytes / 2**30,
        customers_gib=_FAMILIES * costs.customer_memory_bytes / 2**30,
        price=core_seconds / 3_600 * costs.core_hour_price,
        sizes=np.sort(size).tolist(),
    )


_MATCH_SHARE: Final = 0.35
"""Share of a run's core time that is spent in buckets, and so by one task for one family."""


def draw(nights: Sequence[tuple[str, Night]], path: Path) -> None:
    """Sizes of buckets, ascending, and hours by cores, for each night; the same bytes each time."""
    import matplotlib as mpl  # noqa: PLC0415 - slow, and only for the picture

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - as above

    with mpl.rc_context():
        mpl.rc("svg", hashsalt="tieout", fonttype="none")
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.2))
        for (name, night), colour in zip(nights, ("#2f6f8f", "#c46a3a"), strict=False):
            share = np.linspace(0, 1, len(night.sizes))
            step = max(1, len(share) // 400)
            left.plot(share[::step], night.sizes[::step], color=colour, label=name)
            left.plot(share[-1:], night.sizes[-1:], "o", color=colour)
            right.plot(
                list(night.hours), list(night.hours.values()), "o-", color=colour, label=name
            )
        left.set_yscale("log")
        left.set_xlabel("buckets, smallest first")
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
    reader.add_argument("--costs", type=Path, default=_COSTS, help="measured costs (JSON)")
    reader.add_argument("--picture", type=Path, default=_PICTURE, help="where the plot goes")
    chosen = reader.parse_args(arguments)
    costs = msgspec.json.decode(chosen.costs.read_bytes(), type=Costs)
    even = simulate(costs, 50_000_000, 1_000_000_000, 0.0001)
    skewed = simulate(costs, 50_000_000, 1_000_000_000, 0.10)
    print(f"costs: {costs.measured}")
    for name, night in (("even", even), ("one family with 10 %", skewed)):
        hours = ", ".join(f"{hours:.1f} h on {cores}" for cores, hours in night.hours.items())
        print(
            f"{name}: {night.buckets:,} buckets of {night.bucket_items_median:,.0f} items "
            f"(median), {night.bucket_items_max:,.0f} at most; "
            f"{night.core_hours:,.0f} core-hours: {hours} "
            f"cores; {night.shuffled_gib:,.0f} GiB shuffled; largest family {night.giant_gib:.1f} "
            f"GiB in one task; customers {night.customers_gib:.1f} GiB on each machine; "
            f"about {night.price:,.0f} at {costs.core_hour_price} a core-hour"
        )
    draw((("even", even), ("one family with 10 %", skewed)), chosen.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
