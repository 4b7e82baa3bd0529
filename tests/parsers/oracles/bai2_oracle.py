"""A slow, obvious BAI2 reader for tests: regular expressions and plain sums, no shared code.

It handles files with one record per line. Credits are what the type range says; items and their
deposits are not untangled (tests that need that do not use it).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

RETURN_CODES = {415, 468, 552, 554, 555, 557, 558, 561, 566, 568, 694, 695}

OPENED_BY = {"49": "03", "98": "02", "99": "01"}


@dataclass
class OracleFile:
    """Counts and sums of one stream, in minor units as they stand."""

    credit_count: int = 0
    credit_sum: int = 0
    return_count: int = 0
    return_sum: int = 0
    other_count: int = 0
    totals: list[tuple[str, int | None, int]] = field(default_factory=list)
    """(record code, declared, computed by rule A or as the sum of the trailers below)."""
    counts: list[tuple[int | None, int]] = field(default_factory=list)
    """(declared, counted) physical records of each 49, 98 and 99 record."""
    references: list[tuple[str, str]] = field(default_factory=list)
    """(bank reference, customer reference) of each credit and return."""


def read(content: bytes) -> OracleFile:
    """Read every logical record of `content`."""
    records = records_of(content)
    found = OracleFile()
    account_sum = 0
    accounts: list[int] = []
    groups: list[int] = []
    begun: dict[str, int] = {}
    physical = 0
    for record in records:
        code = record[0][:2]
        if code in OPENED_BY.values():
            begun[code] = physical
        physical += len(record)
        if code in OPENED_BY:
            declared = number(record[0].split(",")[-1])
            found.counts.append((declared, physical - begun[OPENED_BY[code]]))
        if code == "03":
            account_sum = sum_of_summary(record)
        elif code == "16":
            account_sum += add_row(found, record)
        elif code == "49":
            declared = number(record[0].split(",")[1])
            found.totals.append(("49", declared, account_sum))
            accounts.append(account_sum if declared is None else declared)
        elif code == "98":
            declared = number(record[0].split(",")[1])
            found.totals.append(("98", declared, sum(accounts)))
            groups.append(sum(accounts) if declared is None else declared)
            accounts = []
        elif code == "99":
            found.totals.append(("99", number(record[0].split(",")[1]), sum(groups)))
            groups = []
    return found


def records_of(content: bytes) -> list[list[str]]:
    """Each record with its 88 lines behind it."""
    records: list[list[str]] = []
    for raw in content.decode("latin-1").splitlines():
        line = raw.strip()
        if line.startswith("88,") and records:
            records[-1].append(line[3:])
        elif line:
            records.append([line])
    return records


def number(token: str) -> int | None:
    """An integer, or None where the field is blank."""
    token = token.strip(" /")
    return int(token) if token else None


def add_row(found: OracleFile, record: list[str]) -> int:
    """Count one 16 record by its type; gives its amount."""
    line = record[0]
    match = re.match(r"16,(\d+),(\d*)", line)
    assert match is not None, line
    kind, amount = int(match[1]), int(match[2] or 0)
    if (100 <= kind < 400 or 920 <= kind < 960) and amount:
        found.credit_count += 1
        found.credit_sum += amount
        found.references.append(references_of(record))
    elif kind in RETURN_CODES and amount:
        found.return_count += 1
        found.return_sum += amount
        found.references.append(references_of(record))
    else:
        found.other_count += 1
    return amount


def references_of(record: list[str]) -> tuple[str, str]:
    """Bank and customer reference of a 16 record: the two fields behind the funds type's parts."""
    tokens = record[0].rstrip("/").split(",")[3:]
    funds = tokens.pop(0) if tokens else ""
    if funds == "S":
        del tokens[:3]
    elif funds == "V":
        del tokens[:2]
    elif funds == "D":
        del tokens[: 1 + 2 * int(tokens[0])]
    bank, customer, *_ = [*tokens, "", ""]
    return bank.strip(), customer.strip()


def sum_of_summary(record: list[str]) -> int:
    """All amounts of an 03 record: type, amount, count and funds, one after the other."""
    tokens = ",".join(part.rstrip("/") for part in record).split(",")[3:]
    total = 0
    while tokens:
        kind = tokens.pop(0)
        if not kind.strip():
            continue
        total += int(tokens.pop(0) or 0) if tokens else 0
        if tokens:
            tokens.pop(0)  # item count
        funds = tokens.pop(0) if tokens else ""
        if funds == "S":
            del tokens[:3]
        elif funds == "V":
            del tokens[:2]
        elif funds == "D":
            del tokens[: 1 + 2 * int(tokens[0])]
    return total
