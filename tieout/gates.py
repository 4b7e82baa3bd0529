"""What a caller demands of a result before anything may go on by itself."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tieout.run_summary import Rate

__all__ = ["Gates", "failed_gates"]


class Gates(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller demands of a result: most exceptions, least share decided by value (0 to 1).

    The exceptions counted are primary ones: payments and files that need a clerk. The share must
    be reached in every currency.
    """

    exceptions_max: int | None = None
    value_rate_min: Decimal | None = None


def failed_gates(
    gates: Gates, exceptions: Mapping[str, int], by_value: Mapping[str, Rate]
) -> tuple[str, ...]:
    """The demands that a result does not meet, a sentence each: it has so many primary `exceptions`
    by code, and so much of its cash decided by currency.
    """
    failed = []
    count = sum(exceptions.values())
    if gates.exceptions_max is not None and count > gates.exceptions_max:
        failed.append(f"{count} primary exceptions, at most {gates.exceptions_max} allowed")
    for currency, rate in by_value.items():
        least = gates.value_rate_min
        if least is not None and rate.rate is not None and Decimal(rate.rate) < least:
            failed.append(f"{currency}: {rate.rate} decided by value, at least {least} demanded")
    return tuple(failed)
