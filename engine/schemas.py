"""Columns of every batch: names, types, units, null rules. Other modules read them here.

Conventions, true of every schema below:

- amounts are int64 minor units of the row's `currency`, column names end in `_minor`;
- dates are date32; null means the source did not say;
- text is UTF-8 and never null: the empty string means the source did not say;
- several values in one text column are separated by `;`.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

__all__ = [
    "ADVICE_LINE",
    "APPLICATION",
    "BANK_ACCOUNT",
    "CONTROL_CHECK",
    "CUSTOMER",
    "DIAGNOSTIC",
    "EXCEPTION",
    "LEARNED_FACT",
    "OPEN_ITEM",
    "PAYER",
    "PAYMENT",
    "PAYMENT_OUTCOME",
    "REMITTANCE_LINE",
    "REVERSAL",
    "SETTLED",
]


def _text(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.string(), nullable=False) for name in names]


def _minor(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.int64(), nullable=False) for name in names]


def _maybe_int(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.int64(), nullable=True) for name in names]


def _date(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.date32(), nullable=True) for name in names]


PAYMENT: Final = pa.schema(
    [
        *_text("payment_id", "file_id", "source_file", "source_format"),
        *_maybe_int("source_line", "source_offset", "source_length"),
        *_text("company_id", "bank_account"),
        *_date("booking_date", "value_date"),
        *_minor("amount_minor"),
        *_text("currency", "method", "type_code", "payer_name", "payer_account"),
        *_text("bank_reference", "customer_reference", "end_to_end_id", "check_number"),
        *_text("trace_number", "uetr", "remittance_text", "original_reference", "intake_codes"),
        *_text("ultimate_payer_name", "remittance_id", "instructed_currency", "exchange_rate"),
        *_maybe_int("instructed_minor", "charges_minor"),
    ]
)
"""One booked credit at its finest level, or one returned payment (negative amount).

`remittance_text` keeps the source's lines apart with newlines. `original_reference` is set on
returns: the reference of the payment that came back. `intake_codes` are the `IN-` exception codes
the reader of the file raised about this row (`IN-TOTAL`, `IN-NONAR`, …); nothing of such a row is
applied automatically. `source_line` is 1-based; offset and length count bytes, null for tables.
`ultimate_payer_name` is on whose behalf the payer paid. `remittance_id` names the advice that is
sent apart (`RmtId`). `instructed_minor` is what the payer ordered, in units of
`instructed_currency`; `exchange_rate` is decimal text as written. `charges_minor` are charges taken
out of the payment, in its own currency.
"""

REMITTANCE_LINE: Final = pa.schema(
    [
        *_text("payment_id"),
        pa.field("line_number", pa.int64(), nullable=False),
        *_text("reference", "reference_kind"),
        *_maybe_int("amount_minor"),
        *_minor("discount_minor", "deduction_minor"),
        *_text("deduction_reason", "currency", "source", "remittance_id"),
    ]
)
"""What a payer says it pays, one row per reference, in the payer's order.

`line_number` counts from 1 within the payment. `reference_kind`: `document`, `credit_memo`,
`purchase_order`, `creditor_reference` (RF, QRR, KID …) or empty. `amount_minor` is the cash put on
this reference (negative for a netted credit memo), null where the payer named no amount.
`source`: `structured`, `overflow`, `addenda`, `advice`.
"""

ADVICE_LINE: Final = pa.schema(
    [
        *_text("file_id", "source_file", "remittance_id"),
        pa.field("advice_number", pa.int64(), nullable=False),
        pa.field("line_number", pa.int64(), nullable=False),
        *_text("payment_reference", "trace_number", "uetr", "end_to_end_id", "check_number"),
        *_text("payer_name"),
        *_maybe_int("payment_amount_minor"),
        *_date("payment_date"),
        *_text("reference", "reference_kind"),
        *_maybe_int("amount_minor"),
        *_minor("discount_minor", "deduction_minor"),
        *_text("deduction_reason", "currency"),
    ]
)
"""A line of remittance advice that arrived apart from its payment, in a table or a bank's file.

Amounts have four decimal places (`ADVICE_SCALE`) whatever the currency: most tables name none, and
the payment tells it. `currency` is the one the advice names, empty where it names none.
`advice_number` tells the advices of one bank file apart where several share an id; it is 0 in
tables, where the id is the key.
"""

OPEN_ITEM: Final = pa.schema(
    [
        *_text("open_item_id", "company_id", "customer_id", "document_number", "document_type"),
        *_text("currency"),
        *_minor("original_minor", "open_minor"),
        *_date("document_date", "due_date", "discount_date"),
        *_minor("discount_minor"),
        *_text("purchase_order", "references", "installment", "status"),
    ]
)
"""An open invoice, debit memo, credit memo (negative) or on-account credit (negative).

`discount_minor` is the cash discount offered until `discount_date` (0 where there is none), already
worked out from payment terms where the file gave only those. `status`: `open`, `disputed`,
`blocked`, `paid`, `cancelled`; the last two have `open_minor` 0 and are kept as memory.
"""

CUSTOMER: Final = pa.schema(
    _text(
        "customer_id",
        "company_id",
        "name",
        "aliases",
        "parent_customer_id",
        "bank_accounts",
        "policy",
        "status",
    )
)
"""A customer of one company. `aliases` and `bank_accounts` hold several values."""

BANK_ACCOUNT: Final = pa.schema(
    _text("bank_account", "company_id", "currency", "lockbox", "layout")
)
"""One of our own bank accounts and the company whose receivables it collects."""

CONTROL_CHECK: Final = pa.schema(
    [
        *_text("source_file", "scope", "kind", "declared", "computed", "rule"),
        pa.field("ok", pa.bool_(), nullable=False),
    ]
)
"""A total or count a bank file declares, beside the one computed from its rows."""

DIAGNOSTIC: Final = pa.schema(
    [
        *_text("source_file"),
        *_maybe_int("line", "column", "offset"),
        *_text("severity", "code", "message", "value", "expected", "remedy", "excerpt"),
    ]
)
"""What a reader had to say about its file. `severity`: `error`, `warning`, `note`."""

PAYER: Final = pa.schema(
    [
        *_text("payment_id", "company_id", "payer", "rival", "nearest"),
        *(pa.field(name, pa.int64(), nullable=False) for name in ("by", "rival_by")),
        *(
            pa.field(name, pa.bool_(), nullable=False)
            for name in ("homed", "tentative", "stale", "several", "conflict", "new_account")
        ),
        pa.field("namesake", pa.bool_(), nullable=False),
    ]
)
"""Who paid each payment, as `engine.identify.Payers` says it, by names that hold in any match:
customers as `company_id` U+001F `customer_id`, empty where there is none; `homed`: the company is
known.
"""

PAYMENT_OUTCOME: Final = pa.schema(
    [
        *_text("payment_id", "company_id", "currency", "customer_id", "payer_customer_id"),
        *_text("identified_by"),
        pa.field("identification_confidence", pa.float64(), nullable=False),
        *_text("status"),
        *_minor("applied_minor", "on_account_minor", "unapplied_minor", "unidentified_minor"),
        *_minor("suspense_minor", "non_ar_minor", "refund_minor", "returned_minor"),
    ]
)
"""Where each payment's money went: one row per payment, in the payments' order.

The eight buckets add up to the payment's amount; `status` is derived from them.
"""

APPLICATION: Final = pa.schema(
    [
        *_text("payment_id", "open_item_id", "customer_id", "currency", "decision"),
        pa.field("proposal_rank", pa.int32(), nullable=False),
        *_minor("applied_minor", "discount_minor", "deduction_minor"),
        *_text("deduction_reason"),
        *_minor("write_off_minor"),
        *_text("write_off_reason", "strategy"),
        pa.field("confidence", pa.float64(), nullable=False),
        *_text("uniqueness", "explanation", "evidence"),
        *_maybe_int("cash_minor"),
        *_text("cash_currency"),
    ]
)
"""An amount of one payment on one open item: decided (`auto`) or one of ≤ 5 proposals.

Amounts are in `currency`, the item's. Where the payment is in another one, `cash_minor` of
`cash_currency` is what `applied_minor` takes of it; else null and empty.
"""

REVERSAL: Final = pa.schema(
    [
        *_text("payment_id", "original_payment_id", "open_item_id", "currency"),
        *_minor("amount_minor"),
    ]
)
"""What a returned payment re-opens on one open item."""

SETTLED: Final = pa.schema(
    [
        *_text("payment_id", "company_id", "open_item_id", "currency"),
        *_minor("paid_minor", "applied_minor", "closed_minor"),
        *_date("value_date"),
        *_text("bank_reference", "customer_reference", "end_to_end_id", "check_number"),
        *_text("trace_number", "uetr"),
    ]
)
"""What payments of earlier runs settled: one row per item, one without an item where none was.

`paid_minor` is the payment's amount, `applied_minor` what of it went on the item, `closed_minor`
what that took off the item, discount, deduction and write-off included. `company_id` is the item's.
"""

EXCEPTION: Final = pa.schema(
    [
        *_text("exception_id", "payment_id", "source_file", "remittance_id", "code"),
        pa.field("is_primary", pa.bool_(), nullable=False),
        *_minor("amount_minor"),
        *_text("currency", "message", "missing_fact", "suggested_action", "proposal_ranks"),
    ]
)
"""What needs a clerk. `payment_id` is empty where it concerns a file or an advice."""

LEARNED_FACT: Final = pa.schema(
    [
        *_text("fact_id", "kind", "company_id", "value", "customer_id", "open_item_ids"),
        *_text("source", "learned_by"),
        *_date("learned_on", "confirmed_on"),
        pa.field("confirmations", pa.int64(), nullable=False),
        *_date("revoked_on"),
        *_text("revoked_by", "evidence"),
    ]
)
"""What decisions taught about payers (`engine.learned_facts`), one row per fact.

`kind`: `alias` and `payer_account` (`value`, a name or an account, is the customer's), `pays_for`
(`value`, a customer id, may pay for `customer_id`), `not_alias` and `not_account` (`value` is not
the customer's) and `not_items` (payment `value` does not pay the `open_item_ids`). `source`:
`clerk` or `references` (what the references of payments suggest). `confirmations`
counts the payments that said so, the last one on `confirmed_on`. `evidence` names the payments.
"""
