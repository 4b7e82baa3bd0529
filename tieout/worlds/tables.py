"""The tables of a world, with the columns an ERP would export and the columns of the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from tieout.worlds.open_items import NOT_LISTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.worlds.bank_files import KeyedDraft
    from tieout.worlds.customers import CustomerBook
    from tieout.worlds.open_items import OpenItems
    from tieout.worlds.spec import WorldSpec

__all__ = ["make_tables"]

_METHODS: Final = {"ach": "ach", "wire": "wire", "lockbox": "check"}


def _amounts(minor: Sequence[int]) -> pa.Array:
    """Cents as `decimal128(18, 2)` (low word the integer, high word its sign)."""
    words = np.empty((len(minor), 2), dtype=np.int64)
    words[:, 0] = minor
    words[:, 1] = words[:, 0] >> 63
    kind = pa.decimal128(18, 2)
    return pa.Array.from_buffers(kind, len(minor), [None, pa.py_buffer(words.tobytes())])


def _dates(days: Sequence[int | None]) -> pa.Array:
    return pa.array(days, pa.int32()).cast(pa.date32())


def make_tables(
    spec: WorldSpec, customers: CustomerBook, items: OpenItems, payments: list[KeyedDraft]
) -> dict[str, Any]:
    """Every table of the world by the name of its file."""
    item_ids = [
        f"{spec.companies[company].company_id}-{row:07d}"
        for row, company in enumerate(items.company)
    ]
    return {
        "bank_accounts": _bank_accounts(spec),
        "customers": _customers(spec, customers),
        "open_items": _open_items(spec, customers, items, item_ids),
        "payments": _payments(spec, payments),
        "remittances": _remittances(payments),
        "truth": _truth(item_ids, payments),
        "truth_payments": _truth_payments(spec, customers, payments),
    }


def _bank_accounts(spec: WorldSpec) -> pa.Table:
    companies = spec.companies
    return pa.table(
        {
            "bank_account": [company.bank_account for company in companies],
            "company_id": [company.company_id for company in companies],
            "currency": [company.currency for company in companies],
            "lockbox": [company.lockbox for company in companies],
        }
    )


def _customers(spec: WorldSpec, book: CustomerBook) -> pa.Table:
    ids = book.customer_id
    rows = range(len(ids))
    profiles = ["by_hand" if row in book.by_hand else "" for row in rows]
    more = {"policy": profiles} if book.by_hand else {}
    return pa.table(
        {
            "customer_id": ids,
            "company_id": [spec.companies[company].company_id for company in book.company],
            "name": [name.full for name in book.name],
            "aliases": book.alias,
            "parent_customer_id": [ids[parent] if parent >= 0 else "" for parent in book.parent],
            "bank_accounts": book.account,
            "status": ["inactive" if row in book.inactive else "active" for row in rows],
        }
        | more
    )


def _open_items(
    spec: WorldSpec, book: CustomerBook, items: OpenItems, item_ids: list[str]
) -> pa.Table:
    companies = spec.companies
    rows = range(len(items))
    shown = [
        items.discount_day[row] if items.discount[row] and not items.terms_only[row] else None
        for row in rows
    ]
    discounts = [
        0 if day is None else items.discount[row] for row, day in zip(rows, shown, strict=True)
    ]
    terms = [items.terms[row] if items.terms_only[row] else "" for row in rows]
    listed = pa.array([status != NOT_LISTED for status in items.status])
    parts = [items.installment.get(row, "") for row in rows]
    return pa.table(
        {
            "open_item_id": item_ids,
            "company_id": [companies[company].company_id for company in items.company],
            "customer_id": [book.customer_id[customer] for customer in items.customer],
            "document_number": items.document,
            "document_type": items.kind,
            "currency": [companies[company].currency for company in items.company],
            "original_amount": _amounts(items.original),
            "open_amount": _amounts([items.open_minor(row) for row in rows]),
            "document_date": _dates(items.day),
            "due_date": _dates(items.due_day),
            "discount_date": _dates(shown),
            "discount_amount": _without_zeros(discounts),
            "payment_terms": terms,
            "purchase_order": items.purchase_order,
            "references": items.references,
            **({"installment": parts} if items.installment else {}),
            "status": items.status,
        }
    ).filter(listed)


def _without_zeros(minor: list[int]) -> pa.Array:
    """Cents as decimals, null where 0."""
    values = _amounts(minor)
    return pa.compute.if_else(pa.array(np.array(minor) != 0), values, pa.scalar(None, values.type))


def _payments(spec: WorldSpec, payments: list[KeyedDraft]) -> pa.Table:
    companies = [spec.companies[draft.company] for _, draft in payments]
    is_check = [draft.channel == "lockbox" for _, draft in payments]
    keys = [f"{key:09d}" for key, _ in payments]
    pairs = list(zip(keys, is_check, strict=True))
    named_as = {
        id(draft): key if check else f"BK{key}"
        for (_, draft), (key, check) in zip(payments, pairs, strict=True)
    }
    originals = [
        draft.original_reference if draft.original is None else named_as[id(draft.original)]
        for _, draft in payments
    ]
    more = {"original_reference": originals} if any(originals) else {}
    return pa.table(
        {
            "payment_id": [f"P{key}" for key in keys],
            "company_id": [company.company_id for company in companies],
            "bank_account": [company.bank_account for company in companies],
            "value_date": _dates([draft.day for _, draft in payments]),
            "amount": _amounts([draft.amount for _, draft in payments]),
            "currency": [
                draft.currency or company.currency
                for (_, draft), company in zip(payments, companies, strict=True)
            ],
            "method": [_METHODS.get(draft.channel, "sepa") for _, draft in payments],
            "payer_name": [draft.payer_name for _, draft in payments],
            "payer_account": [draft.payer_account for _, draft in payments],
            "bank_reference": ["" if check else f"BK{key}" for key, check in pairs],
            "check_number": [key if check else "" for key, check in pairs],
            "remittance_text": [draft.text for _, draft in payments],
        }
        | more
    )


def _remittances(payments: list[KeyedDraft]) -> pa.Table:
    rows = [(key, line) for key, draft in payments for line in draft.lines]
    return pa.table(
        {
            "remittance_id": pa.array([f"R{key:09d}" for key, _ in rows], pa.string()),
            "payment_reference": pa.array([f"P{key:09d}" for key, _ in rows], pa.string()),
            "reference": pa.array([line.reference for _, line in rows], pa.string()),
            "amount": _amounts([line.amount or 0 for _, line in rows]),
            "discount_amount": _amounts([line.discount for _, line in rows]),
            "deduction_amount": _amounts([line.deduction for _, line in rows]),
            "deduction_reason": pa.array([line.reason for _, line in rows], pa.string()),
        }
    )


def _truth(item_ids: list[str], payments: list[KeyedDraft]) -> pa.Table:
    rows = [(key, truth) for key, draft in payments for truth in draft.truth]
    return pa.table(
        {
            "key": [f"{key:09d}" for key, _ in rows],
            "open_item_id": [item_ids[truth.row] for _, truth in rows],
            "cash": _amounts([truth.cash for _, truth in rows]),
            "discount": _amounts([truth.discount for _, truth in rows]),
            "deduction": _amounts([truth.deduction for _, truth in rows]),
            "write_off": _amounts([truth.write_off for _, truth in rows]),
            "reason": [truth.reason for _, truth in rows],
        }
    )


def _truth_payments(spec: WorldSpec, book: CustomerBook, payments: list[KeyedDraft]) -> pa.Table:
    drafts = [draft for _, draft in payments]
    settled = [book.customer_id[draft.customer] if draft.customer >= 0 else "" for draft in drafts]
    return pa.table(
        {
            "key": [f"{key:09d}" for key, _ in payments],
            "company_id": [spec.companies[draft.company].company_id for draft in drafts],
            "scenario": [draft.scenario for draft in drafts],
            "expect": [draft.expect for draft in drafts],
            "expected_codes": [draft.codes for draft in drafts],
            "amount": _amounts([draft.amount for draft in drafts]),
            "customer_id": settled,
            "on_account": _amounts([draft.on_account for draft in drafts]),
            "channel": [draft.channel for draft in drafts],
        }
    )
