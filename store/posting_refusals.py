"""Why a set was rejected: item by item, payment by payment, in the words of the caller."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from store.decision_records import PostingRefusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from store.database import Database
    from store.decision_records import Bucket, PaymentBalance, RefusalReason

__all__ = ["item_refusals", "payment_refusals"]

_KEYS_PER_QUERY: Final = 400
_STATE: Final = (
    "SELECT company_id, open_item_id, currency, status, open_minor, version, is_deleted "
    "FROM open_item WHERE (company_id, open_item_id) IN (VALUES {marks})"
)


def item_refusals(database: Database, asked: pa.Table) -> tuple[PostingRefusal, ...]:
    """What of `asked` does not fit its item."""
    rows = asked.to_pylist()
    state: dict[tuple[str, str], tuple[Any, ...]] = {}
    for start in range(0, len(rows), _KEYS_PER_QUERY):
        part = rows[start : start + _KEYS_PER_QUERY]
        marks = ", ".join(["(?, ?)"] * len(part))
        values = [word for row in part for word in (row["company_id"], row["open_item_id"])]
        found = database.rows(_STATE.format(marks=marks), *values)
        state |= {(row[0], row[1]): row[2:] for row in found}
    named = Counter((row["company_id"], row["open_item_id"]) for row in rows)
    return tuple(
        one
        for row in rows
        for key in [(row["company_id"], row["open_item_id"])]
        for one in _item_refusals(row, state.get(key), named[key])
    )


def _item_refusals(
    row: dict[str, Any], item: tuple[Any, ...] | None, times_named: int
) -> Iterator[PostingRefusal]:
    def refused(reason: RefusalReason, found: str = "") -> PostingRefusal:
        return PostingRefusal(
            reason=reason,
            company_id=row["company_id"],
            open_item_id=row["open_item_id"],
            asked_minor=taken,
            available_minor=0 if item is None else item[2],
            found=found,
        )

    taken = row["taken_minor"]
    if item is None:
        yield refused("item_not_found")
        return
    currency, status, open_minor, version, is_deleted = item
    if currency != row["currency"]:
        yield refused("item_currency", currency)
    elif times_named > 1:
        yield refused("item_named_twice")
    elif is_deleted:
        yield refused("item_deleted")
    elif row["item_version"] not in (0, version):
        yield refused("item_version", str(version))
    elif status != row["expected_status"]:
        yield refused("item_status", status)
    elif taken and open_minor and (open_minor < 0) != (taken < 0):
        yield refused("item_sign")
    elif abs(taken) > abs(open_minor):
        yield refused("item_not_covered")


def payment_refusals(
    balances: dict[str, PaymentBalance], asked: pa.Table, bucket: Bucket
) -> tuple[PostingRefusal, ...]:
    """What of `asked` does not fit its payment, whose cash is looked for in `bucket`."""
    return tuple(_payment_refusals(balances, asked, bucket))


def _payment_refusals(
    balances: dict[str, PaymentBalance], asked: pa.Table, bucket: Bucket
) -> Iterator[PostingRefusal]:
    for row in asked.to_pylist():
        payment_id, cash = row["payment_id"], row["cash_minor"]
        balance = balances.get(payment_id)
        if balance is None:
            yield PostingRefusal(reason="payment_not_found", payment_id=payment_id)
            continue
        available = getattr(balance, f"{bucket}_minor")
        found: dict[RefusalReason, tuple[bool, str]] = {
            "payment_currency": (
                balance.currency != row.get("currency", balance.currency),
                balance.currency,
            ),
            "payment_company": (
                balance.company_id != row.get("company_id", balance.company_id),
                balance.company_id,
            ),
            "payment_pinned": (bool(balance.pinned_by) and not row["pinned_by"], balance.pinned_by),
            "payment_not_covered": (
                abs(cash) > abs(available) or cash * available < 0,
                "",
            ),
        }
        for reason, (is_refused, said) in found.items():
            if is_refused:
                yield PostingRefusal(
                    reason=reason,
                    payment_id=payment_id,
                    asked_minor=cash,
                    available_minor=available,
                    found=said,
                )
                break
