"""How large a run of the bench is: the full one, whose numbers are kept, and a tiny one."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["FULL", "QUICK", "Sizes"]


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of the matched world, and how often everything is repeated."""

    name: str
    payments: int
    open_items: int
    job_repeats: int


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
