"""Open items and customers by hand."""

from __future__ import annotations

from engine.batches import CustomerBatch, OpenItemBatch

__all__ = ["customers", "items", "items_of"]


def items(**open_minor):
    """Items of company K by id, open with so many cents; `items(I_1=100)`."""
    return items_of("K", open_minor)


def items_of(company, open_minor, **columns):
    """Items of `company`: id → open amount; `columns` are the same for each."""
    many = len(open_minor)
    given = {"currency": "USD", "customer_id": "C-1", "status": "open"} | columns
    return OpenItemBatch.from_columns(
        {
            "open_item_id": list(open_minor),
            "company_id": [company] * many,
            "document_number": [f"INV-{name}" for name in open_minor],
            "original_minor": [1_000] * many,
            "open_minor": list(open_minor.values()),
        }
        | {name: [value] * many for name, value in given.items()},
        row_count=many,
    )


def customers(company="K", **names):
    """Customers of a company: id → name."""
    return CustomerBatch.from_columns(
        {
            "customer_id": list(names),
            "company_id": [company] * len(names),
            "name": list(names.values()),
        },
        row_count=len(names),
    )
