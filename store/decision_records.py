"""Decisions about money as they are handed to the store, refused, and given back."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec
import pyarrow as pa

from engine.batches import Batch

__all__ = [
    "BUCKETS",
    "Bucket",
    "CashMove",
    "Decision",
    "KeptPostingBatch",
    "PaymentBalance",
    "PostedSet",
    "PostingBatch",
    "PostingFilter",
    "PostingRefusal",
    "RefusalReason",
]

Bucket = Literal[
    "applied", "on_account", "unapplied", "unidentified", "suspense", "non_ar", "refund", "returned"
]
BUCKETS: Final[tuple[Bucket, ...]] = get_args(Bucket)
"""Where money of a payment can be; each is a column `…_minor` of its balance."""

_TEXT: Final = ("payment_id", "company_id", "open_item_id", "customer_id", "currency", "bucket")
_AMOUNTS: Final = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")


def _fields(kind: pa.DataType, *names: str) -> list[pa.Field]:
    return [pa.field(name, kind, nullable=False) for name in names]


_CASH: Final = (pa.field("cash_minor", pa.int64()), *_fields(pa.string(), "cash_currency"))
"""What is taken of a payment of another currency than the item's; null and empty where it is the
same."""


class PostingBatch(Batch):
    """Applications to post: one row per payment and open item.

    `company_id` is the item's. `bucket` is where in its payment the cash is now: `unapplied`,
    `on_account`, …. `item_version` is the version of the item the caller saw (0: any will do),
    `expected_status` the status it must have (empty: `open`).
    """

    SCHEMA = pa.schema(
        [
            *_fields(pa.string(), *_TEXT),
            *_fields(pa.int64(), *_AMOUNTS),
            *_fields(pa.string(), "deduction_reason", "write_off_reason"),
            *_fields(pa.int64(), "item_version"),
            *_fields(pa.string(), "expected_status"),
            *_CASH,
        ]
    )
    __slots__ = ()


class KeptPostingBatch(Batch):
    """Postings as they are kept. `reverses` is 0 where a row takes nothing back."""

    SCHEMA = pa.schema(
        [
            *_fields(pa.int64(), "posting_number", "booking_number"),
            *_fields(pa.string(), "kind", *_TEXT),
            *_fields(pa.int64(), *_AMOUNTS),
            *_fields(pa.string(), "deduction_reason", "write_off_reason"),
            *_fields(pa.int64(), "taken_minor", "reverses"),
            *_fields(pa.string(), "subject", "decided_by"),
            *_fields(pa.bool_(), "is_human", "is_reversed"),
            *_fields(pa.int64(), "decided_at_ms"),
            *_fields(pa.string(), "reason"),
            *_CASH,
        ]
    )
    KEY = ("posting_number",)
    __slots__ = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Who decided a set, when (milliseconds since 1970-01-01 UTC), about what, and why.

    `subject` is what is reversed as a whole: the id of a file, a bundle, a case. What a person
    decided (`is_human`) is pinned: no run of the matcher touches that payment again.
    """

    decided_by: str
    decided_at_ms: int
    subject: str
    is_human: bool
    reason: str = ""


class CashMove(msgspec.Struct, frozen=True, kw_only=True):
    """An amount of a payment that goes from one bucket to another."""

    payment_id: str
    from_bucket: Bucket
    to_bucket: Bucket
    amount_minor: int


class PaymentBalance(msgspec.Struct, frozen=True, kw_only=True):
    """Where the money of a payment is now. `pinned_by`: whose decision it is, empty: nobody's."""

    payment_id: str
    company_id: str
    currency: str
    amount_minor: int
    applied_minor: int
    on_account_minor: int
    unapplied_minor: int
    unidentified_minor: int
    suspense_minor: int
    non_ar_minor: int
    refund_minor: int
    returned_minor: int
    pinned_by: str
    version: int


class PostedSet(msgspec.Struct, frozen=True):
    """A set that was posted: its postings have the numbers `first_number` to `last_number`."""

    booking_number: int
    first_number: int
    last_number: int


class PostingFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which postings; the empty string means all."""

    payment_id: str = ""
    company_id: str = ""
    open_item_id: str = ""
    subject: str = ""


RefusalReason = Literal[
    "item_not_found",
    "item_deleted",
    "item_status",
    "item_currency",
    "item_sign",
    "item_not_covered",
    "item_version",
    "item_named_twice",
    "payment_not_found",
    "payment_company",
    "payment_currency",
    "payment_not_covered",
    "payment_pinned",
    "posting_not_found",
    "posting_reversed",
    "posting_returned",
    "posting_is_reversal",
]


class PostingRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """One reason a set was rejected. `asked_minor` was wanted where `available_minor` was."""

    reason: RefusalReason
    company_id: str = ""
    open_item_id: str = ""
    payment_id: str = ""
    posting_number: int = 0
    asked_minor: int = 0
    available_minor: int = 0
    found: str = ""

    @property
    def shown(self) -> str:
        """The refusal as part of a sentence."""
        who = self.payment_id or self.open_item_id or str(self.posting_number)
        kind = self.reason.partition("_")[0]
        company = f" of company {self.company_id!r}" if self.open_item_id else ""
        state = f", it is {self.found!r}" if self.found else ""
        amounts = ""
        if self.asked_minor:
            amounts = f", {self.asked_minor} asked and {self.available_minor} available"
        return f"{kind} {who!r}{company}: {self.reason}{state}{amounts}"
