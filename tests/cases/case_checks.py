"""Holds a result against what its case expects, and says what differs in the case's own words."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from case_language import CaseError

from engine.money import format_minor, minor_from_text

if TYPE_CHECKING:
    from case_language import Case, Record

    from engine.matcher import MatchInput, MatchResult

__all__ = ["differences"]

_BUCKETS = {
    "on-account": "on_account_minor",
    "unapplied": "unapplied_minor",
    "unidentified": "unidentified_minor",
    "suspense": "suspense_minor",
    "non-ar": "non_ar_minor",
    "refund": "refund_minor",
    "returned": "returned_minor",
}
_CLOSES = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")


class _Seen:
    """The result as facts: per payment what moved, what is proposed, what is said about it."""

    def __init__(self, match_input: MatchInput, result: MatchResult) -> None:
        outcomes = result.outcomes.record_batch.to_pylist()
        self.outcomes: dict[str, dict[str, Any]] = {row["payment_id"]: row for row in outcomes}
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in result.applications.record_batch.to_pylist():
            self.rows[row["payment_id"]].append(row)
        self.codes: dict[str, list[str]] = defaultdict(list)
        self.messages: dict[str, str] = {}
        for row in result.exceptions.record_batch.to_pylist():
            owner = row["payment_id"] or row["remittance_id"]
            if row["is_primary"]:
                self.messages[owner] = row["message"]
            self.codes[owner].insert(
                0 if row["is_primary"] else len(self.codes[owner]), row["code"]
            )
        self.missing = {
            row["payment_id"]: row["missing_fact"]
            for row in result.exceptions.record_batch.to_pylist()
            if row["is_primary"]
        }
        self.reversals = result.reversals.record_batch.to_pylist()
        self.items = {
            row["open_item_id"]: row for row in match_input.open_items.record_batch.to_pylist()
        }

    def automatic(self, payment: str) -> list[dict[str, Any]]:
        return [row for row in self.rows[payment] if row["decision"] == "auto"]

    def proposed(self, payment: str) -> list[dict[str, Any]]:
        return [row for row in self.rows[payment] if row["decision"] == "proposed"]

    def moved(self, payment: str) -> dict[tuple[str, str], int]:
        """(where, detail) → minor units, everything that is not zero."""
        facts: dict[tuple[str, str], int] = defaultdict(int)
        for row in self.automatic(payment):
            facts[row["open_item_id"], row["strategy"]] += row["applied_minor"]
            facts["discount", ""] += row["discount_minor"]
            facts["deduction", row["deduction_reason"]] += row["deduction_minor"]
            facts["write-off", row["write_off_reason"]] += row["write_off_minor"]
        for name, column in _BUCKETS.items():
            facts[name, ""] += self.outcomes[payment][column]
        return {key: minor for key, minor in facts.items() if minor}

    def amounts(self, kind: str, payment: str, item: str) -> list[tuple[str, int]]:
        """What a return re-opens of `item`, or what `item` takes of a payment of another money."""
        if kind == "takes":
            rows = [(row["open_item_id"], row["cash_minor"]) for row in self.automatic(payment)]
        else:
            rows = [
                (row["open_item_id"], row["amount_minor"])
                for row in self.reversals
                if row["payment_id"] == payment
            ]
        return [row for row in rows if row[0] == item]

    def left(self, item: str) -> int:
        closed = sum(
            row[name]
            for rows in self.rows.values()
            for row in rows
            if row["decision"] == "auto" and row["open_item_id"] == item
            for name in _CLOSES
        )
        back = sum(row["amount_minor"] for row in self.reversals if row["open_item_id"] == item)
        return int(self.items[item]["open_minor"] - closed + back)


def differences(case: Case, match_input: MatchInput, result: MatchResult) -> list[str]:
    """What is not as expected, one line each; empty where everything is."""
    seen = _Seen(match_input, result)
    by_owner: dict[str, list[Record]] = defaultdict(list)
    for record in case.sections["expect"]:
        by_owner[record.words[0]].append(record)
    wrong = [
        f"{payment}: nothing is expected of it"
        for payment in seen.outcomes
        if payment not in by_owner
    ]
    for owner, records in by_owner.items():
        if owner in seen.outcomes:
            wrong += _payment_differences(owner, records, seen)
        else:
            wrong += [line for record in records for line in _other_difference(record, seen)]
    return wrong


def _payment_differences(payment: str, records: list[Record], seen: _Seen) -> list[str]:
    currency = seen.outcomes[payment]["currency"]
    money: dict[tuple[str, str], int] = {}
    proposals: list[tuple[int, str, int]] = []
    wrong: list[str] = []
    for record in records:
        kind, *rest = record.words[1:]
        if kind in ("→", "->"):
            where, amount, *detail = rest
            money[where, detail[0] if detail else "*"] = minor_from_text(amount, currency)
        elif kind == "?":
            item, amount, _, rank = rest
            proposals.append((int(rank), item, minor_from_text(amount, currency)))
        else:
            wrong += _fact_difference(record, kind, rest, payment, seen)
    if money:
        wrong += _money_differences(payment, money, seen, currency)
    if proposals:
        got = sorted(
            (row["proposal_rank"], row["open_item_id"], row["applied_minor"])
            for row in seen.proposed(payment)
        )
        if got != sorted(proposals):
            wrong.append(f"{payment} ? expected {_shown(sorted(proposals), currency)}")
            wrong.append(f"{payment} ?      got {_shown(got, currency) or 'no proposal'}")
    return wrong


def _money_differences(
    payment: str, money: dict[tuple[str, str], int], seen: _Seen, currency: str
) -> list[str]:
    got = seen.moved(payment)
    loose = {where for where, detail in money if detail == "*"}
    compared: dict[tuple[str, str], int] = defaultdict(int)
    for (where, detail), minor in got.items():
        compared[where, "*" if where in loose else detail] += minor
    if dict(compared) == money:
        return []
    lines = []
    for label, facts in (("expected", money), ("     got", dict(compared))):
        shown = (
            f"{where} {format_minor(minor, currency)} {detail.strip('*')}".rstrip()
            for (where, detail), minor in sorted(facts.items())
        )
        lines.append(f"{payment} → {label} " + ", ".join(shown))
    return lines


def _shown(proposals: list[tuple[int, str, int]], currency: str) -> str:
    return ", ".join(
        f"{item} {format_minor(minor, currency)} rank {rank}" for rank, item, minor in proposals
    )


def _fact_difference(
    record: Record, kind: str, rest: list[str], payment: str, seen: _Seen
) -> list[str]:
    outcome, codes = seen.outcomes[payment], seen.codes[payment]
    expected: Any = " ".join(rest)
    if kind == "status":
        got: Any = outcome["status"]
    elif kind == "exception":
        got = codes[0] if codes else "none"
    elif kind == "also":
        got = expected if expected in codes[1:] else " ".join(codes[1:])
    elif kind == "customer":
        who = outcome["customer_id"] or "nobody"
        got = " ".join([who, outcome["identified_by"]][: len(rest)])
    elif kind in ("says", "asks"):
        said = (seen.messages if kind == "says" else seen.missing).get(payment, "")
        got = expected if expected in said else said
    elif kind == "uniqueness":
        first = [row for row in seen.proposed(payment) if row["proposal_rank"] == 1]
        rows = seen.automatic(payment) or first
        got = " ".join(sorted({row["uniqueness"] for row in rows})) or "no row"
    elif kind == "nothing" and expected == "applied":
        got = "applied" if not seen.automatic(payment) else seen.moved(payment)
    elif kind == "nothing" and expected == "proposed":
        proposed = [
            (row["proposal_rank"], row["open_item_id"], row["applied_minor"])
            for row in seen.proposed(payment)
        ]
        got = "proposed" if not proposed else _shown(proposed, outcome["currency"])
    elif kind in ("reopens", "takes"):
        item, amount = (rest[0], rest[1]) if kind == "reopens" else (rest[2], rest[0])
        expected = [(item, minor_from_text(amount, outcome["currency"]))]
        got = seen.amounts(kind, payment, item)
    else:
        message = f"{record.place}: {' '.join(record.words)!r} is no expectation"
        raise CaseError(message)
    return [] if got == expected else [f"{payment} {kind}: expected {expected}, got {got}"]


def _other_difference(record: Record, seen: _Seen) -> list[str]:
    """Expectations about open items (`remains`) and advices (`exception`)."""
    owner, kind, expected = record.words
    if kind == "remains" and owner in seen.items:
        currency = seen.items[owner]["currency"]
        got = format_minor(seen.left(owner), currency)
        expected = format_minor(minor_from_text(expected, currency), currency)
    elif kind == "exception":
        got = " ".join(seen.codes.get(owner, [])) or "none"
    else:
        message = f"{record.place}: {' '.join(record.words)!r} is about no payment, item or advice"
        raise CaseError(message)
    return [] if got == expected else [f"{owner} {kind}: expected {expected}, got {got}"]
