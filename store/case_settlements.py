"""What an act on a case does to open items and to the payment's money, as postings and moves.

The buckets of a payment follow its case: after every act the balance is what the case says. Lines
on items are posted or taken back through the one door every decision goes through; what remains
(on account, refunds, suspense, …) is moved between buckets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from desk.cases import Buckets, Line, buckets
from store.decision_records import CashMove, PostingBatch, PostingFilter
from store.errors import StoreIntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from desk.cases import Case
    from store.decision_records import Bucket, Decision, PaymentBalance
    from store.decisions import DecisionChanges

__all__ = ["settle_case"]

_POSTINGS_MAX: Final = 10_000
"""Postings of one payment that are looked through; the longest remittances have thousands."""

_UNDECIDED: Final[tuple[Bucket, ...]] = ("unapplied", "unidentified", "suspense")
_AMOUNTS: Final = (
    ("applied_minor", "cash_minor"),
    ("discount_minor", "discount_minor"),
    ("deduction_minor", "deduction_minor"),
    ("write_off_minor", "write_off_minor"),
)
_TEXTS: Final = (
    "company_id",
    "open_item_id",
    "customer_id",
    "deduction_reason",
    "write_off_reason",
)


def settle_case(
    decisions: DecisionChanges,
    after: Case,
    lines: Sequence[Line],
    statuses: Mapping[tuple[str, str], str],
    decision: Decision,
) -> None:
    """Book `lines`, which an act added, and bring the payment's balance to what `after` says.

    `statuses` are the items' as the desk saw them. Raises `PostingRejectedError` where an item or
    the payment no longer is what the desk saw; the booking must then be left.
    """
    if not after.payment_id:
        return
    on_items = [line for line in lines if line.kind == "item"]
    taken_back = [line for line in on_items if line.reverses]
    if taken_back:
        decisions.reverse(_posted_before(decisions, after, taken_back), decision)
    added = [line for line in on_items if not line.reverses and _moves(line)]
    if added:
        balance = _balance(decisions, after)
        decisions.post(_postings(after, added, statuses, _source(balance)), decision)
    moves = _moves_to(_balance(decisions, after), _as_booked(after))
    if moves:
        decisions.move_cash(moves, decision)


def _as_booked(case: Case) -> Buckets:
    """Where the money is in the books: what the bank took back is so in the return's own balance,
    and stays applied in that of the payment which came back.
    """
    seen = buckets(case)
    back = -sum(line.cash_minor for line in case.lines if line.reverses and not line.act_number)
    return msgspec.structs.replace(
        seen,
        applied_minor=seen.applied_minor + back,
        returned_minor=seen.returned_minor - back,
    )


def _moves(line: Line) -> bool:
    return any(getattr(line, name) for _, name in _AMOUNTS)


def _balance(decisions: DecisionChanges, case: Case) -> PaymentBalance:
    found = decisions.find_balances([case.payment_id]).get(case.payment_id)
    if found is None:
        message = f"payment {case.payment_id} has no balance"
        raise StoreIntegrityError(message, payment_id=case.payment_id)
    return found


def _source(balance: PaymentBalance) -> Bucket:
    """Where the undecided money is; it is never in two places."""
    for bucket in _UNDECIDED:
        if getattr(balance, f"{bucket}_minor"):
            return bucket
    return "unapplied"


def _postings(
    case: Case,
    lines: Sequence[Line],
    statuses: Mapping[tuple[str, str], str],
    source: Bucket,
) -> PostingBatch:
    many = len(lines)
    columns: dict[str, list[object]] = {
        "payment_id": [case.payment_id] * many,
        "currency": [case.currency] * many,
        "bucket": [source] * many,
        "item_version": [0] * many,
        "expected_status": [
            statuses.get((line.company_id, line.open_item_id), "open") for line in lines
        ],
    }
    columns |= {name: [getattr(line, name) for line in lines] for name in _TEXTS}
    columns |= {theirs: [getattr(line, ours) for line in lines] for theirs, ours in _AMOUNTS}
    return PostingBatch.from_columns(columns)


def _posted_before(decisions: DecisionChanges, case: Case, lines: Sequence[Line]) -> list[int]:
    """The posting of each line that is taken back: the same item and amounts, still standing."""
    wanted = PostingFilter(payment_id=case.payment_id)
    standing = [
        row
        for row in decisions.list_postings(wanted, 0, _POSTINGS_MAX).record_batch.to_pylist()
        if row["kind"] == "application" and not row["is_reversed"]
    ]
    numbers: list[int] = []
    for line in lines:
        for row in standing:
            # A line's cash is its payment's, whose currency may not be the item's.
            cash = row["applied_minor"] if row["cash_minor"] is None else row["cash_minor"]
            said = row | {"applied_minor": cash}
            same = all(said[theirs] == -getattr(line, ours) for theirs, ours in _AMOUNTS)
            item = (row["company_id"], row["open_item_id"])
            if same and item == (line.company_id, line.open_item_id):
                numbers.append(row["posting_number"])
                standing.remove(row)
                break
        else:
            message = f"line {line.reverses} of case {case.case_id} was never posted"
            raise StoreIntegrityError(message, case_id=case.case_id)
    return numbers


def _moves_to(balance: PaymentBalance, wanted: Buckets) -> list[CashMove]:
    """Moves that bring the balance to `wanted`; nothing is applied by a move."""
    names = Buckets.__struct_fields__
    surplus = {name: getattr(balance, name) - getattr(wanted, name) for name in names}
    if surplus["applied_minor"] or sum(surplus.values()):
        message = f"payment {balance.payment_id}: what is applied is not what its case says"
        raise StoreIntegrityError(message, payment_id=balance.payment_id)
    sign = 1 if balance.amount_minor >= 0 else -1
    moves = []
    for source in names:
        for target in names:
            amount = min(sign * surplus[source], -sign * surplus[target])
            if amount > 0:
                moves.append(
                    CashMove(
                        payment_id=balance.payment_id,
                        from_bucket=_bucket(source),
                        to_bucket=_bucket(target),
                        amount_minor=sign * amount,
                    )
                )
                surplus[source] -= sign * amount
                surplus[target] += sign * amount
    return moves


def _bucket(column: str) -> Bucket:
    return column.removesuffix("_minor")  # type: ignore[return-value]  # columns are named so
