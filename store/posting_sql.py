"""What a posting does to its item and to its payment, as SQL that both databases run.

An item's `open_minor` is always `erp_minor - consumed_minor - posted`, where `posted` is the
movement of the ERP's amount since `baseline_minor` as far as it goes against `consumed_minor`. A
posting takes its amount off `open_minor` exactly and moves baseline and consumption so that this
stays true: what the ERP moved beyond our decisions is put into the baseline; where a reversal takes
back what the ERP has posted, the count begins anew.
"""

from __future__ import annotations

from typing import Final

__all__ = ["COVERED", "MOVE_CASH", "POSTED", "TAKE_FROM_ITEM", "movement_posted"]


def movement_posted(moved: str, consumed: str) -> str:
    """The part of the ERP's movement `moved` that goes against `consumed`."""
    return (
        f"CASE WHEN {consumed} >= 0 THEN "
        f"CASE WHEN {moved} > 0 THEN 0 WHEN {moved} < -{consumed} THEN -{consumed} "
        f"ELSE {moved} END ELSE "
        f"CASE WHEN {moved} < 0 THEN 0 WHEN {moved} > -{consumed} THEN -{consumed} "
        f"ELSE {moved} END END"
    )


POSTED: Final = movement_posted(
    "(open_item.erp_minor - open_item.baseline_minor)", "open_item.consumed_minor"
)
"""What the ERP has posted of our decisions on an item, against their sign."""

_AFTER: Final = "(open_item.consumed_minor + {taken_minor})"
_STILL_POSTED: Final = (
    f"CASE WHEN ({POSTED}) < 0 THEN ({POSTED}) >= -{_AFTER} ELSE ({POSTED}) <= -{_AFTER} END"
)
_GOES_ON: Final = f"(({POSTED}) = 0 OR {_STILL_POSTED})"

COVERED: Final = (
    "({taken_minor} = 0 OR ({taken_minor} > 0 AND open_item.open_minor >= {taken_minor}) "
    "OR ({taken_minor} < 0 AND open_item.open_minor <= {taken_minor}))"
)
"""What is taken has the sign of what is open, and is no more."""

TAKE_FROM_ITEM: Final = (
    "UPDATE open_item SET "  # noqa: S608 - SQL of this module
    "open_minor = open_item.open_minor - {taken_minor}, "
    "decided_minor = open_item.decided_minor + {taken_minor}, "
    f"consumed_minor = CASE WHEN {_GOES_ON} THEN {_AFTER} ELSE {_AFTER} + ({POSTED}) END, "
    "baseline_minor = open_item.erp_minor - "
    f"CASE WHEN {_GOES_ON} THEN ({POSTED}) ELSE 0 END, "
    "version = open_item.version + 1 {rows} "
    "WHERE open_item.company_id = {company_id} AND open_item.open_item_id = {open_item_id} "
    "AND open_item.currency = {currency}"
)
"""Take `taken_minor` off an item. More conditions may follow. The number of the item's last change
is left alone: who follows items finds them by the postings, and no index has to be kept."""

MOVE_CASH: Final = (
    "UPDATE payment_balance SET "
    "{from_bucket} = payment_balance.{from_bucket} - {{cash_minor}}, "
    "{to_bucket} = payment_balance.{to_bucket} + {{cash_minor}}, "
    "pinned_by = CASE WHEN {{pinned_by}} <> '' THEN {{pinned_by}} "
    "ELSE payment_balance.pinned_by END, "
    "version = payment_balance.version + 1, change_number = {{booking_number}} {{rows}} "
    "WHERE payment_balance.payment_id = {{payment_id}} "
    "AND ({{cash_minor}} = 0 OR ({{cash_minor}} > 0 "
    "AND payment_balance.{from_bucket} >= {{cash_minor}}) "
    "OR ({{cash_minor}} < 0 AND payment_balance.{from_bucket} <= {{cash_minor}})) "
    "AND ({{pinned_by}} <> '' OR payment_balance.pinned_by = '')"
)
"""Move cash of a payment from a bucket that covers it to another. More conditions may follow."""
