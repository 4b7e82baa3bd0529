"""Oracle Fusion Receivables: standard receipts with remittance references, debit memos.

`POST standardReceipts` records the money and names the transactions it is for; the process "Apply
Receipts Using AutoMatch" applies it. What closes a transaction besides its cash is an `Adjustment`
(`AdjustmentService`), posted before the receipt so that the balance is what the reference says; a
deduction becomes a debit memo. Accounts are names of receivables activities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from adapters.differences import Difference, deduction_number, differences_of
from adapters.document_ids import short_id
from adapters.documents import Document, text_of
from adapters.errors import PostingRefusedError
from adapters.limits import (
    ORACLE_REASON_LETTERS,
    ORACLE_RECEIPT_LETTERS,
    ORACLE_REFERENCE_LETTERS,
)
from adapters.parts import one_company

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal

    from adapters.accounts import Determination
    from adapters.postings import Line, Posting, Reversal

__all__ = [
    "Adjustment",
    "DebitMemo",
    "MemoLine",
    "OracleSettings",
    "RemittanceReference",
    "ReverseReceipt",
    "StandardReceipt",
    "files",
    "post",
    "reverse",
]

_RESOURCES: Final = "/fscmRestApi/resources/11.13.18.05"
_ERP: Final = "Oracle Fusion"
_CHILDREN: Final = ("remittance_references", "receivables_invoice_lines")


def _name(field: str) -> str:
    """Attributes begin with a capital letter, lists of children do not."""
    words = field.split("_")
    if field in _CHILDREN:
        return words[0] + "".join(word.capitalize() for word in words[1:])
    return "".join(word.capitalize() for word in words)


class OracleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The business unit (by default the company's id) and the receipt method, by their names."""

    business_unit: str = ""
    receipt_method: str
    match_by: str = "Transaction Number"
    deduction_transaction_type: str = "Deduction"
    reversal_category: str = "NSF"
    reversal_reason: str = "PAYMENT REVERSAL"


class RemittanceReference(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """A transaction a receipt is for, with the amount (negative for a credit memo)."""

    receipt_match_by: str
    reference_number: str
    reference_amount: Decimal
    customer_reason: str = ""


class StandardReceipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=_name):
    """Body of `POST standardReceipts`."""

    receipt_number: str
    receipt_method: str
    business_unit: str
    amount: Decimal
    currency: str
    receipt_date: dt.date
    accounting_date: dt.date
    remittance_bank_account_number: str
    customer_account_number: str = ""
    comments: str = ""
    remittance_references: tuple[RemittanceReference, ...] = ()


class Adjustment(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """Content of `createAdjustment`: takes `amount` (negative) off a transaction."""

    business_unit: str
    transaction_number: str
    adjustment_type: str
    receivables_activity: str
    amount: Decimal
    adjustment_date: dt.date
    accounting_date: dt.date
    comments: str
    reason_code: str = ""


class MemoLine(msgspec.Struct, frozen=True, rename="pascal"):
    """The one line of a debit memo."""

    line_number: int
    description: str
    quantity: int
    unit_selling_price: Decimal


class DebitMemo(msgspec.Struct, frozen=True, kw_only=True, rename=_name):
    """Body of `POST receivablesInvoices`: the item a deduction becomes."""

    transaction_number: str
    transaction_type: str
    business_unit: str
    invoice_currency_code: str
    transaction_date: dt.date
    accounting_date: dt.date
    bill_to_customer_number: str
    comments: str
    receivables_invoice_lines: tuple[MemoLine, ...]


class ReverseReceipt(msgspec.Struct, frozen=True, rename="camel"):
    """Body of the action `reverseReceipt`."""

    reversal_category_code: str
    reversal_reason_code: str
    called_from: str


def post(posting: Posting, determination: Determination) -> tuple[Document, ...]:
    """What takes differences off, debit memos, then the receipt that pays what they leave."""
    one_company(posting, _ERP)
    settings = determination.settings_of(posting.company_id, OracleSettings)
    unit = settings.business_unit or posting.company_id
    for line in posting.lines:
        _check_number(line)
    before: list[Document] = []
    for difference in differences_of(posting, determination):
        before.append(_adjustment(posting, difference, unit))
        if difference.kind == "deduction":
            before.append(_memo(posting, difference, settings, unit))
    reasons = {line.item.open_item_id: line.deduction_reason for line in posting.lines}
    identity = posting.document_id("receipt")
    receipt = StandardReceipt(
        receipt_number=f"T{short_id(identity, ORACLE_RECEIPT_LETTERS - 1)}",
        receipt_method=settings.receipt_method,
        business_unit=unit,
        amount=posting.major(posting.amount_minor),
        currency=posting.currency,
        receipt_date=posting.document_date,
        accounting_date=posting.posting_date,
        remittance_bank_account_number=determination.bank(posting.company_id, posting.bank_account),
        customer_account_number=posting.customer_id,
        comments=text_of(posting.reference, posting.payer_name, length=100),
        remittance_references=tuple(
            RemittanceReference(
                settings.match_by,
                line.item.document_number,
                posting.major(line.cash_minor),
                reasons[line.item.open_item_id][:ORACLE_REASON_LETTERS],
            )
            for line in posting.lines
            if line.cash_minor
        ),
    )
    return (
        *before,
        _document(
            posting,
            "standard_receipt",
            identity,
            f"{_RESOURCES}/standardReceipts",
            receipt,
            cash_minor=posting.amount_minor,
            needs=tuple(one.document_id for one in before),
        ),
    )


def _check_number(line: Line) -> None:
    item = line.item
    if len(item.document_number) > ORACLE_REFERENCE_LETTERS:
        message = (
            f"the number {item.document_number!r} is longer than the {ORACLE_REFERENCE_LETTERS} "
            f"letters of a remittance reference"
        )
        raise PostingRefusedError(message, item.open_item_id)
    if not item.is_alone:
        message = (
            f"the customer has several open items with the number {item.document_number!r}, and "
            f"{_ERP} finds a transaction by its number alone; apply it there by hand"
        )
        raise PostingRefusedError(message, item.open_item_id)


def _adjustment(posting: Posting, difference: Difference, unit: str) -> Document:
    item = difference.line.item
    body = Adjustment(
        unit,
        item.document_number,
        "Invoice Adjustments",
        difference.target.account,
        posting.major(-difference.amount_minor),
        posting.document_date,
        posting.posting_date,
        text_of(
            difference.kind.replace("_", "-"), difference.reason, posting.reference, length=240
        ),
        difference.target.reason_code,
    )
    identity = posting.document_id("adjustment", item.open_item_id, difference.kind)
    return _document(posting, "adjustment", identity, "AdjustmentService/createAdjustment", body)


def _memo(
    posting: Posting, difference: Difference, settings: OracleSettings, unit: str
) -> Document:
    item = difference.line.item
    text = text_of("deduction", difference.reason, "of", item.document_number, length=240)
    body = DebitMemo(
        transaction_number=deduction_number(posting, difference.line),
        transaction_type=settings.deduction_transaction_type,
        business_unit=unit,
        invoice_currency_code=posting.currency,
        transaction_date=posting.document_date,
        accounting_date=posting.posting_date,
        bill_to_customer_number=item.customer_id,
        comments=text,
        receivables_invoice_lines=(MemoLine(1, text, 1, posting.major(difference.amount_minor)),),
    )
    identity = posting.document_id("deduction", item.open_item_id)
    return _document(posting, "debit_memo", identity, f"{_RESOURCES}/receivablesInvoices", body)


def _document(
    posting: Posting,
    kind: str,
    identity: str,
    path: str,
    body: msgspec.Struct,
    *,
    cash_minor: int = 0,
    needs: tuple[str, ...] = (),
) -> Document:
    return Document(
        document_id=identity,
        kind=kind,
        payment_id=posting.payment_id,
        company_id=posting.company_id,
        currency=posting.currency,
        method="SOAP" if path.startswith("AdjustmentService") else "POST",
        path=path,
        body=body,
        cash_minor=cash_minor,
        needs=needs,
    )


def reverse(reversal: Reversal, determination: Determination) -> tuple[Document, ...]:
    """The action `reverseReceipt` on the original's receipt."""
    settings = determination.settings_of(reversal.company_id, OracleSettings)
    original = reversal.original_document_id("receipt")
    return (
        Document(
            document_id=reversal.document_id("reversal"),
            kind="receipt_reversal",
            payment_id=reversal.payment_id,
            company_id=reversal.company_id,
            currency=reversal.currency,
            method="POST",
            path=(
                f"{_RESOURCES}/standardReceipts/{{{{{original}.StandardReceiptId}}}}"
                f"/action/reverseReceipt"
            ),
            cash_minor=-reversal.cash_minor,
            needs=(original,) if reversal.original is not None else (),
            expects_minor=reversal.cash_minor,
            body=ReverseReceipt(settings.reversal_category, settings.reversal_reason, "TIEOUT"),
        ),
    )


def files(documents: tuple[Document, ...]) -> dict[str, bytes]:
    """None beside `documents.jsonl`."""
    del documents
    return {}
