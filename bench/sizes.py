"""How large a run of the bench is: the full one, whose numbers are kept, and a tiny one."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["FULL", "QUICK", "SCALE", "SCALE_QUICK", "Sizes"]


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of the matched world, and how often everything is repeated.

    `customers` 0 means as many items per customer as the demo has, twelve.
    """

    name: str
    payments: int
    open_items: int
    customers: int = 0
    job_repeats: int = 1


FULL: Final = Sizes(
    name="full",
    payments=100_000,
    open_items=500_000,
    job_repeats=3,
)
"""A month of a large AR department."""

QUICK: Final = Sizes(
    name="quick",
    payments=400,
    open_items=2_400,
    job_repeats=1,
)
"""Everything once, in seconds; its times mean nothing and are not kept."""

SCALE: Final = (
    Sizes(name="full", payments=100_000, open_items=500_000, customers=10_000),
    Sizes(name="full", payments=1_000_000, open_items=5_000_000, customers=100_000),
)
"""Fifty open items per customer at both sizes: only the number of customers grows."""

SCALE_QUICK: Final = (
    Sizes(name="quick", payments=200, open_items=1_200, customers=100),
    Sizes(name="quick", payments=400, open_items=2_400, customers=200),
)
"""Both sizes once, in seconds."""
