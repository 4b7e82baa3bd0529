"""Which payments of a run are one, payment by payment, as a clerk would do it."""

from __future__ import annotations

from collections import defaultdict

ORDER = [
    *("camt.053", "bai2", "mt940", "camt.054", "nacha", "edi823", "lockbox"),
    *("camt.052", "mt942", "edi820"),
]
STATEMENTS = ("camt.053", "bai2", "mt940")
EVIDENCE = [
    ("uetr", "uetr"),
    ("bank_reference", "bank_reference"),
    ("trace_number", "trace_number"),
    ("customer_reference", "trace_number"),
    ("bank_reference", "trace_number"),
    ("end_to_end_id", "end_to_end_id"),
    ("customer_reference", "end_to_end_id"),
    ("check_number", "check_number"),
]


def count_once(payments, boxes):
    """`payments` are dicts, `boxes` lockbox → account.

    Gives {left out id: id that stays}, and the ids held as doubtful.
    """
    rows = sorted(payments, key=lambda row: row["payment_id"])
    gone, doubtful = {}, set()
    for level in ORDER:
        doubtful |= pair_up(rows, level, boxes, gone)
    sums(rows, boxes, gone, doubtful)
    return gone, {name for name in doubtful if name not in gone}


def pair_up(rows, level, boxes, gone):
    """Pairs of one format's rows with those of better formats; gives the doubtful ones."""
    others = [r for r in rows if r["source_format"] == level and r["amount_minor"] > 0]
    better = [
        r
        for r in rows
        if r["source_format"] in ORDER
        and ORDER.index(r["source_format"]) < ORDER.index(level)
        and r["amount_minor"] > 0
        and r["payment_id"] not in gone
    ]
    taken, unsure = set(), set()
    for mine, its in EVIDENCE:
        for dated in (False, True):
            left, right = defaultdict(list), defaultdict(list)
            for row in better:
                if row["payment_id"] not in taken:
                    left[key(row, mine, its, boxes, dated)].append(row)
            for row in others:
                if row["payment_id"] not in gone:
                    right[key(row, its, its, boxes, dated)].append(row)
            for shared in sorted(set(left) & set(right) - {None}):
                if len(left[shared]) != 1 or len(right[shared]) != 1:
                    unsure |= {row["payment_id"] for row in right[shared]}
                    continue
                ours, theirs = left[shared][0], right[shared][0]
                if agree(ours, theirs, boxes, worldwide=its == "uetr"):
                    gone[theirs["payment_id"]] = ours["payment_id"]
                    taken.add(ours["payment_id"])
    return {name for name in unsure if name not in gone}


def account(row, boxes):
    if row["source_format"] == "lockbox":
        return boxes.get(row["bank_account"], "")
    if row["source_format"] == "edi823":
        return boxes.get(row["bank_account"], row["bank_account"])
    return row["bank_account"]


def key(row, column, kind, boxes, dated):
    number = row[column].lower()
    if kind == "check_number":
        number = number.lstrip("0")
    found = [number, row["currency"], str(row["amount_minor"])]
    if kind == "bank_reference":
        if not account(row, boxes):
            return None
        found.append(account(row, boxes))
    if dated:
        if row["booking_date"] is None:
            return None
        found.append(row["booking_date"].isoformat())
    return tuple(found) if number else None


def agree(ours, theirs, boxes, *, worldwide):
    accounts = {account(ours, boxes), account(theirs, boxes)} - {""}
    payers = {ours["payer_account"], theirs["payer_account"]} - {""}
    if len(accounts) == 2 or len(payers) == 2:
        return False
    days = [row["booking_date"] for row in (ours, theirs)]
    return worldwide or None in days or abs((days[0] - days[1]).days) <= 5


def sums(rows, boxes, gone, doubtful):
    here = [r for r in rows if r["payment_id"] not in gone and r["amount_minor"] > 0]
    standing = set(gone.values())
    booked = [
        r for r in here if r["source_format"] in STATEMENTS and r["payment_id"] not in standing
    ]
    for credit in booked:
        same = [
            r
            for r in here
            if r["source_format"] == "camt.054" and entry(r, boxes) == entry(credit, boxes)
        ]
        rivals = [r for r in booked if entry(r, boxes) == entry(credit, boxes)]
        if (
            credit["bank_reference"]
            and account(credit, boxes)
            and len(rivals) == 1
            and len(same) > 1
            and len({r["file_id"] for r in same}) == 1
            and sum(r["amount_minor"] for r in same) == credit["amount_minor"]
        ):
            gone[credit["payment_id"]] = same[0]["payment_id"]
    deposits = defaultdict(list)
    for row in here:
        is_check = row["source_format"] in ("lockbox", "edi823") and row["method"] == "check"
        if is_check and row["booking_date"] is not None:
            at = (row["file_id"], row["bank_account"], row["currency"], row["booking_date"])
            deposits[at].append(row)
    booked = [r for r in booked if r["payment_id"] not in gone]
    amounts = {sum(r["amount_minor"] for r in checks) for checks in deposits.values()}
    booked = [
        r for r in booked if r["type_code"] == "115" or (plain(r) and r["amount_minor"] in amounts)
    ]
    single(booked, deposits, boxes, gone)
    together(booked, deposits, boxes, gone, doubtful)


def entry(row, boxes):
    return row["bank_reference"], row["currency"], account(row, boxes)


def plain(row):
    facts = ("payer_account", "uetr", "end_to_end_id", "check_number")
    return row["method"] in ("check", "other", "") and not any(row[name] for name in facts)


def near(credit, checks, boxes):
    """(may be that deposit, surely that account)."""
    mine, its = account(credit, boxes), account(checks[0], boxes)
    of_day = checks[0]["booking_date"] in (credit["booking_date"], credit["value_date"])
    if not of_day or checks[0]["currency"] != credit["currency"]:
        return False, False
    return mine == its or "" in (mine, its), mine == its != ""


def total(checks):
    return sum(row["amount_minor"] for row in checks)


def single(booked, deposits, boxes, gone):
    proven = {}
    for credit in booked:
        equal = [
            checks
            for checks in deposits.values()
            if near(credit, checks, boxes)[0] and total(checks) == credit["amount_minor"]
        ]
        if len(equal) != 1 or not near(credit, equal[0], boxes)[1]:
            continue
        rivals = [
            other
            for other in booked
            if other["amount_minor"] == credit["amount_minor"] and near(other, equal[0], boxes)[0]
        ]
        if len(rivals) == 1:
            proven[credit["payment_id"]] = equal[0]
    for name, checks in proven.items():
        gone[name] = checks[0]["payment_id"]
    used = {checks[0]["payment_id"] for checks in proven.values()}
    for at in [at for at, checks in deposits.items() if checks[0]["payment_id"] in used]:
        del deposits[at]


def together(booked, deposits, boxes, gone, doubtful):
    booked = [r for r in booked if r["payment_id"] not in gone]
    for credit in booked:
        possible = [c for c in deposits.values() if near(credit, c, boxes)[0]]
        sure = [c for c in possible if near(credit, c, boxes)[1]]
        peers = [
            other
            for other in booked
            if other["type_code"] == "115" and any(near(other, c, boxes)[1] for c in sure)
        ]
        is_sum = total(peers) == sum(total(checks) for checks in sure)
        if credit["type_code"] == "115" and sure and is_sum:
            first = min(sure, key=lambda checks: checks[0]["payment_id"])
            gone[credit["payment_id"]] = first[0]["payment_id"]
        elif possible and (
            credit["type_code"] == "115"
            or any(total(checks) == credit["amount_minor"] for checks in possible)
        ):
            doubtful.add(credit["payment_id"])
