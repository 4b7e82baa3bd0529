"""Writes NACHA files with right counts, hashes and sums."""

from __future__ import annotations

ROUTING = "12100024"
ACCOUNT = "7788990011"


def entry(
    amount,
    *addenda,
    code="22",
    kind="CTX",
    name="NORTHWIND",
    number=1,
    identification="CUST-1",
    account=ACCOUNT,
):
    """Records of an entry; text addenda are cut into pieces of 80, others come as records."""
    records = []
    for one in addenda:
        if one[:2] in {"98", "99", "10", "11", "13", "17"}:
            records.append(f"7{one:<93}")
            continue
        for at in range(0, max(len(one), 1), 80):
            records.append(f"705{one[at : at + 80]:<80}{len(records) + 1:04d}{number:07d}")
    holder = f"{identification:<15}{name:<22}"
    if kind == "CTX":
        holder = f"{identification:<15}{len(records):04d}{name:<16}  "
    elif kind == "CIE":
        holder = f"{name:<15}{identification:<22}"
    flag = 1 if records else 0
    head = f"6{code}{ROUTING}8{account:<17}{amount:010d}{holder}  {flag}09100001{number:07d}"
    return [head, *records]


def batch(
    *entries, kind="CTX", company="ACME CORP", description="VENDOR PMT", number=1, settled="254"
):
    """A batch around entries."""
    header = (
        f"5220{company:<16}{'':<20}1234567890{kind}{description:<10}260910260911{settled:>3}1"
        f"09100001{number:07d}"
    )
    records = [record for one in entries for record in one]
    credit = sum(int(one[0][29:39]) for one in entries if one[0][2] in "1234")
    debit = sum(int(one[0][29:39]) for one in entries if one[0][2] not in "1234")
    tally = f"{len(records):06d}{len(entries) * int(ROUTING):010d}{debit:012d}{credit:012d}"
    return [header, *records, f"8220{tally}{'1234567890':<35}09100001{number:07d}"]


def nacha(*batches, end="\n", encoding="utf-8"):
    """The bytes of a file around batches."""
    records = [record for one in batches for record in one]
    header = "101 091000019 1234567892609110615A094101FIRST BANK             NORTHWIND"
    controls = [one for one in records if one[0] == "8"]

    def total(start, stop):
        return sum(int(one[start:stop]) for one in controls)

    count = len(records) + 2
    control = (
        f"9{len(controls):06d}{-(-count // 10):06d}{total(4, 10):08d}{total(10, 20):010d}"
        f"{total(20, 32):012d}{total(32, 44):012d}"
    )
    padding = ["9" * 94] * (-count % 10)
    lines = [f"{line:<94}" for line in (header, *records, control, *padding)]
    return "".join(line + end for line in lines).encode(encoding)


def simple(amount, *addenda, kind="CTX", **options):
    """The bytes of a file with one entry."""
    return nacha(batch(entry(amount, *addenda, kind=kind, **options), kind=kind))
