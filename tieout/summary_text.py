"""The summary of a run as a few lines for people."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tieout.run_summary import Rate, Summary

__all__ = ["exception_line", "summary_text"]

_ALWAYS: Final = ("applied", "on_account")
_LEFT: Final = ("unapplied", "unidentified", "suspense", "non_ar", "refund", "returned")
_CODES_SHOWN: Final = 6
"""Exception codes named in the summary; the others are counted together."""


def summary_text(summary: Summary, out: Path | None) -> str:
    """Payments, money per currency, straight-through rates, exceptions: one screen at most."""
    counts = summary.counts
    straight = summary.straight_through
    lines = [
        f"{counts['payments']:,} payments against {counts['open_items']:,} open items"
        + (f", as of {summary.as_of}" if summary.as_of else ""),
        *_left_out_lines(summary),
        *_money_lines(summary),
        f"  straight through  {_percent(straight.by_payment)} by payment, "
        f"{_percent(straight.by_line)} by line, "
        + (", ".join(f"{_percent(r)} by value ({c})" for c, r in straight.by_value.items()) or "–"),
        "  " + exception_line(summary.primary_exceptions_by_code),
        f"  control checks    {counts['control_checks']:,}, failed: {_failed(counts)}",
        f"  written to        {out}" if out else "  nothing written (dry run)",
    ]
    return "\n".join(lines)


def _failed(counts: dict[str, int]) -> str:
    return f"{counts['control_checks_failed']:,}"


def _left_out_lines(summary: Summary) -> list[str]:
    seen = summary.counted_rows.get("already_processed", 0)
    return [f"  {seen:,} payments were processed by earlier runs and left out"] if seen else []


def _money_lines(summary: Summary) -> list[str]:
    lines = []
    for currency, came in summary.money_in.items():
        if "payments" not in came:
            continue
        went = summary.money_out.get(currency, {})
        parts = [f"{_grouped(went.get(name, '0'))} {name.replace('_', ' ')}" for name in _ALWAYS]
        parts += [
            f"{_grouped(went[name])} {name.replace('_', ' ')}"
            for name in _LEFT
            if Decimal(went.get(name, "0"))
        ]
        total = Decimal(came["payments"]) + Decimal(came.get("returns", "0"))
        lines.append(f"  {currency} {_grouped(str(total))} = " + " + ".join(parts))
    return lines


def exception_line(exceptions: Mapping[str, int]) -> str:
    """How many primary `exceptions` there are, and of which codes most."""
    codes = sorted(exceptions.items(), key=lambda pair: (-pair[1], pair[0]))
    total = sum(count for _, count in codes)
    shown = ", ".join(f"{code} {count:,}" for code, count in codes[:_CODES_SHOWN])
    others = sum(count for _, count in codes[_CODES_SHOWN:])
    more = f", others {others:,}" if others else ""
    return f"exceptions        {total:,}" + (f": {shown}{more}" if shown else "")


def _percent(rate: Rate) -> str:
    return "–" if rate.rate is None else f"{Decimal(rate.rate) * 100:.1f} %"


def _grouped(amount: str) -> str:
    return f"{Decimal(amount):,f}"
