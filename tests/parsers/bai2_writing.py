"""Writes BAI2 files with right totals, so that a test shows only what is special about its file."""

from __future__ import annotations

ACCOUNT = "4402207781"


def bai2(*rows, currency="USD", summary="", status="1", as_of="260925", version="2", file_id="7"):
    """A file of one account with `rows` (16 records, each with its 88 lines after newlines)."""
    lines = [line for row in rows for line in row.split("\n")]
    total = sum(_amount(line) for line in lines if line.startswith("16,"))
    head = f"03,{ACCOUNT},{currency},{summary or ',,,'}/".split("\n")
    total += _summary_total(head)
    count = len(head) + len(lines) + 1
    return "\n".join(
        [
            f"01,121000248,US01,260926,0615,{file_id},,,{version}/",
            f"02,US01,121000248,{status},{as_of},2359,{currency},2/",
            *head,
            *lines,
            f"49,{total},{count}/",
            f"98,{total},1,{count + 2}/",
            f"99,{total},1,{count + 4}/",
            "",
        ]
    ).encode()


def _amount(line):
    token = line.split(",")[2].rstrip("/")
    return int(token) if token.isdecimal() else 0


def _summary_total(head):
    tokens = ",".join(part.removeprefix("88,").removesuffix("/") for part in head).split(",")[3:]
    return sum(int(amount) for amount in tokens[1::4] if amount)
