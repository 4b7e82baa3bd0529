"""Joining advices to payments, row by row, as one would explain it to a clerk."""

from __future__ import annotations

from collections import defaultdict

UNITS = {"JPY": 10_000, "USD": 100, "KWD": 10}
"""Units of an advice's amounts (four decimals) in one minor unit."""


def join(payments, lined, advices):
    """Rows as dicts; `lined` are ids of payments with lines of their own.

    Gives ((payment id, references in order) of each payment that gets lines, orphan ids).
    """
    copies = defaultdict(list)
    for line in sorted(advices, key=_place):
        copies[line["remittance_id"], line["file_id"], line["advice_number"]].append(line)
    units = {}
    for (name, *_), lines in copies.items():
        content = tuple(
            (row["reference"], row["amount_minor"], row["discount_minor"], row["deduction_minor"])
            for row in lines
        )
        units.setdefault((name, content), []).append(lines)
    owner = {unit: _owner(payments, several) for unit, several in units.items()}
    claims = defaultdict(list)
    for unit, found in owner.items():
        if isinstance(found, str):
            claims[found].append(unit)
    joined, orphans = {}, []
    for unit, several in units.items():
        found = owner[unit]
        if not isinstance(found, str):
            orphans.append(unit[0])
            continue
        if found in lined:
            continue
        rivals = claims[found]
        (paid,) = (one for one in payments if one["payment_id"] == found)
        named = any(
            line["payment_reference"] == found and _compatible(paid, line)
            for lines in several
            for line in lines
        )
        equal = len({content for _, content in rivals}) == 1
        if named or (equal and rivals[0] == unit):
            joined.setdefault(found, []).extend(line["reference"] for line in several[0])
        elif not equal:
            orphans.append(unit[0])
    return joined, sorted(orphans)


def _place(line):
    return (line["remittance_id"], line["file_id"], line["advice_number"], line["line_number"])


def _owner(payments, several):
    """The one payment every line of every copy finds, else 'several' in a tuple, or None."""
    found = {_payment(payments, lines, line) for lines in several for line in lines} - {None}
    if len(found) == 1 and isinstance(next(iter(found)), str):
        return found.pop()
    return ("several",) if found else None


def _payment(payments, lines, line):
    several = None
    for wanted in _tries(lines, line):
        fitting = [one for one in payments if wanted(one)]
        if len(fitting) == 1 and _compatible(fitting[0], line):
            return fitting[0]["payment_id"]
        several = several or (("several",) if len(fitting) > 1 else None)
    return several


def _compatible(payment, line):
    for name in ("currency", "uetr"):
        if line[name] and payment[name] and line[name].lower() != payment[name].lower():
            return False
    return True


def _tries(lines, line):
    """Questions to a payment, from certain to likely."""
    stated = line["payment_amount_minor"]
    if stated is None and all(row["amount_minor"] is not None for row in lines):
        stated = sum(row["amount_minor"] for row in lines)
    day = line["payment_date"]

    def text(name, value):
        value = value.lower() if name == "uetr" else value
        return value.lstrip("0") if name == "check_number" else value

    def same(mine, its):
        value = text(its, line[its])
        return lambda one: (
            bool(value) and one["amount_minor"] > 0 and text(mine, one[mine]) == value
        )

    def with_amount(key):
        def paid(one):
            return one["amount_minor"] * UNITS[one["currency"]] == stated

        yield lambda one: key(one) and paid(one)
        for date in ("value_date", "booking_date"):
            yield lambda one, d=date: key(one) and paid(one) and day and one[d] == day

    yield lambda one: one["payment_id"] == line["payment_reference"]
    for mine, its in (
        ("bank_reference", "payment_reference"),
        ("uetr", "uetr"),
        ("trace_number", "trace_number"),
        ("remittance_id", "remittance_id"),
        ("end_to_end_id", "end_to_end_id"),
    ):
        yield same(mine, its)
        yield from with_amount(same(mine, its))
    for mine, its in (
        ("customer_reference", "payment_reference"),
        ("customer_reference", "trace_number"),
        ("bank_reference", "trace_number"),
        ("customer_reference", "end_to_end_id"),
        ("check_number", "check_number"),
    ):
        yield from with_amount(same(mine, its))
    if line["payment_amount_minor"] is None:
        yield same("check_number", "check_number")
    yield from with_amount(same("payer_name", "payer_name"))
