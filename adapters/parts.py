"""Cutting a posting into what one document of an ERP can hold: by customer, by size, by pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from adapters.errors import PostingRefusedError
from engine.money import format_minor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adapters.postings import Line, Posting

__all__ = ["Pair", "by_customer", "chunks_of", "one_company", "paired"]


def one_company(posting: Posting, erp: str) -> None:
    """Raise `PostingRefusedError` where a line is of another company than the payment."""
    for line in posting.lines:
        if line.item.company_id != posting.company_id:
            message = (
                f"the item is of company {line.item.company_id!r}, the payment of "
                f"{posting.company_id!r}, and {erp} posts one company at a time; enter it by hand"
            )
            raise PostingRefusedError(message, line.item.open_item_id)


def by_customer(posting: Posting, erp: str) -> tuple[Posting, ...]:
    """One posting per customer whose items are settled; credit stays with the payment's customer.

    Raises `PostingRefusedError` where a customer's part would be negative.
    """
    groups: dict[str, list[Line]] = {}
    if posting.credit_minor or not posting.lines:
        groups[posting.customer_id] = []
    for line in posting.lines:
        groups.setdefault(line.item.customer_id, []).append(line)
    parts = []
    for customer, lines in sorted(groups.items()):
        credit = posting.credit_minor if customer == posting.customer_id else 0
        amount = credit + sum(line.cash_minor for line in lines)
        if amount < 0:
            message = (
                f"the items of customer {customer!r} come to "
                f"{format_minor(amount, posting.currency)}: credits of one customer for invoices "
                f"of another, which {erp} does not post; move the credit by hand first"
            )
            raise PostingRefusedError(message, lines[0].item.open_item_id)
        parts.append(
            msgspec.structs.replace(
                posting,
                customer_id=customer,
                lines=tuple(lines),
                credit_minor=credit,
                amount_minor=amount,
            )
        )
    return tuple(parts)


def chunks_of(lines: Iterable[Line], lines_max: int, erp: str) -> tuple[tuple[Line, ...], ...]:
    """Lines in chunks of at most `lines_max`, the cash of each at least 0.

    A credit goes into a chunk whose cash covers it. Raises `PostingRefusedError` where there is
    none.
    """
    ordered = list(lines)
    if len(ordered) <= lines_max:
        return (tuple(ordered),)
    debits = [line for line in ordered if line.cash_minor >= 0]
    netted = [line for line in ordered if line.cash_minor < 0]
    count = -(-len(ordered) // lines_max)
    chunks: list[list[Line]] = [[] for _ in range(count)]
    cash = [0] * count
    # The largest first and in turn: every chunk has cash for its share of the credits.
    for at, line in enumerate(sorted(debits, key=lambda one: -one.cash_minor)):
        chunks[at % count].append(line)
        cash[at % count] += line.cash_minor
    for line in sorted(netted, key=lambda one: one.cash_minor):
        room = [at for at in range(count) if len(chunks[at]) < lines_max]
        best = max(room, key=lambda at: (cash[at], -at))
        if cash[best] + line.cash_minor < 0:
            message = (
                f"{erp} takes {lines_max} lines in one payment, and the credits do not fit beside "
                f"the invoices of one part; apply the credit by hand first"
            )
            raise PostingRefusedError(message, line.item.open_item_id)
        chunks[best].append(line)
        cash[best] += line.cash_minor
    return tuple(
        tuple(sorted(chunk, key=lambda one: one.item.open_item_id)) for chunk in chunks if chunk
    )


class Pair(msgspec.Struct, frozen=True):
    """An amount of a credit that goes on a debit of the same customer."""

    credit: Line
    debit: Line
    amount_minor: int


def paired(lines: Iterable[Line], erp: str) -> tuple[tuple[Pair, ...], dict[str, int]]:
    """Credits laid on debits of their customer, and what cash is left to pay per debit item.

    Raises `PostingRefusedError` where a customer's credits are larger than his debits.
    """
    pairs: list[Pair] = []
    ordered = list(lines)
    left = {
        (line.item.company_id, line.item.open_item_id): line.cash_minor
        for line in ordered
        if line.cash_minor > 0
    }
    for credit in (line for line in ordered if line.cash_minor < 0):
        rest = -credit.cash_minor
        for debit in ordered:
            key = (debit.item.company_id, debit.item.open_item_id)
            if debit.item.customer_id != credit.item.customer_id or not left.get(key) or not rest:
                continue
            amount = min(rest, left[key])
            left[key] -= amount
            rest -= amount
            pairs.append(Pair(credit, debit, amount))
        if rest:
            message = (
                f"the credit is larger than what of it the customer's invoices of this payment "
                f"take, and {erp} lays credits on invoices only; apply it by hand"
            )
            raise PostingRefusedError(message, credit.item.open_item_id)
    return tuple(pairs), {item: amount for (_, item), amount in left.items()}
