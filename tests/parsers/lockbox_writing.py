"""Writes lockbox files of the layout `sap.flb2.1` with right totals."""

from __future__ import annotations

LOCKBOX = "0077123"


def check(
    item, amount, *entries, name="ACME", routing="121000248", account="4402207781", number=17
):
    """A check and its overflow: `entries` are (document, paid, deduction, reason)."""
    head = f"6001{item:03d}{amount:010d}{routing:>9}{account:>10}{number:010d}091026{name:<28}"
    lines = [head]
    for at, (document, paid, deduction, reason) in enumerate(entries, 1):
        last = 9 if at == len(entries) else 0
        paid_text = "" if paid is None else f"{paid:010d}"
        lines.append(
            f"4001{item:03d}6{at % 100:02d}{last}{document:<16}{paid_text:>10}"
            f"{deduction:010d}{reason:<3}"
        )
    return lines


def lockbox(*checks, date="260911", number=LOCKBOX):
    """A file of one batch."""
    lines = [line for one in checks for line in one]
    total = sum(int(one[0][7:17]) for one in checks)
    records = [
        "100NORTHWIND 01210002482609140615",
        "2NORTHWIND 0121000248000000000040008000801",
        f"5001000{number}{date}NORTHWIND 0121000248",
        *lines,
        f"7001000{number}{date}{len(checks) % 1000:03d}{total:010d}",
        f"8000000{number}{date}{len(checks) % 10000:04d}{total:010d}",
    ]
    records.append(f"9{len(records) + 1:06d}")
    return "".join(f"{line:<80}\n" for line in records).encode()
