"""Writes lockbox files with right totals: of the layout `sap.flb2.1`, and of the others."""

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


def layout_a(*batches, width=104, number=LOCKBOX, date="260911"):
    """A file of layout `generic.a.1`: every batch is a list of (amount, memos)."""
    records = ["100NORTHWIND 01210002482609140615", "2NORTHWIND 0121000248000000000040010401041"]
    records.append(f"5000000{number}{date}NORTHWIND 0121000248")
    count = total = 0
    for batch, checks in enumerate(batches, 1):
        place = f"{batch:03d}"
        for item, (amount, memos) in enumerate(checks, 1):
            records.append(
                f"6{place}{item:03d}{amount:010d}{121000248:09d}{item:010d}{item + 100:010d}"
                f"091026{'OAKFIELD DAIRY':<30}{'NORTHWIND TRADERS'}"
            )
            for at, memo in enumerate(memos, 1):
                last = 9 if at == len(memos) else 0
                records.append(f"4{place}{item:03d}6{at:02d}{last}{memo}")
        summed = sum(amount for amount, _ in checks)
        records.append(f"7{place}000{number}{date}{len(checks):03d}{summed:010d}")
        count, total = count + len(checks), total + summed
    records.append(f"8000000{number}{date}{count:04d}{total:010d}")
    records.append(f"9{len(records) + 1:06d}")
    return "".join(f"{line:<{width}}\n" for line in records).encode()


def layout_b(*batches, number=LOCKBOX, date="260911"):
    """A file of layout `generic.b.1`: every batch is a list of checks, each a list of
    (document, amount)."""
    records = ["100NORTHWIND 01210002482609140615", "2NORTHWIND 0121000248"]
    count = total = 0
    for batch, checks in enumerate(batches, 1):
        place, summed = f"{batch:03d}", 0
        records.append(f"5{place}000{number}{date}NORTHWIND 0121000248")
        for item, entries in enumerate(checks, 1):
            amount = sum(paid for _, paid in entries)
            summed += amount
            records.append(
                f"6{place}{item:03d}{number}{date}NORTHWIND 0121000248{amount:010d}"
                f"{12100024}{item:010d}{item + 17:012d}"
            )
            for at, (document, paid) in enumerate(entries, 1):
                records.append(f"4{place}{item:03d}6{at:02d}{document:<10}{paid:>10}")
        records.append(f"7{place}000{number}{date}{len(checks):03d}{summed:010d}")
        count, total = count + len(checks), total + summed
    records.append(f"8000000{number}{date}{count:03d}{total:010d}")
    records.append(f"9{len(records) + 1:06d}")
    return "".join(f"{line:<80}\n" for line in records).encode()
