"""Open items and remittance texts by the million, made of columns, the same for the same seed.

The worlds of `tieout.worlds` are made payment by payment; these are for measuring the reading of
references alone, where a million texts must not take minutes to write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import CustomerBatch, OpenItemBatch, PaymentBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "ReferenceInputs",
    "damage_payments",
    "make_customers",
    "make_open_items",
    "make_payments",
]

_SERIAL_FIRST: Final = 20_000_000
_DAY_LAST: Final = 20_700
_STYLES: Final = ("dashed", "plain", "slashed", "lettered")
_COMPANIES: Final = ["1100", "2100", "3100", "4100"]
_CURRENCIES: Final = ("USD", "USD", "EUR", "EUR")

_BEFORE: Final = (
    "",
    "Inv ",
    "Your invoice ",
    "Rg. ",
    "Ausgleich Ihrer Rechnung ",
    "Factuur ",
    "Payment of your invoices ",
    "Remittance for ",
    "RE-NR ",
    "Settlement of bill no ",
)
_BEHIND: Final = (
    "",
    "",
    " dated 14.09.2026",
    " total 1,234.50 USD",
    " vom 03.08.2026 abzgl. 2%",
    " questions call 555-0142",
    " thank you for your business",
    " Kd.-Nr. 20004711",
    " IBAN DE79990700100931846201",
    " payment run week 42 batch 7731",
)
_JOINS: Final = (", ", " ", "; ", " und ", "/", " & ", " + ")


class ReferenceInputs(msgspec.Struct, frozen=True, kw_only=True):
    """Payments that name open items: the rows they name, and the first of each payment's."""

    payments: PaymentBatch
    items: NDArray[np.int64]
    first_item: NDArray[np.int64]

    @property
    def named(self) -> int:
        """References in all texts."""
        return len(self.items)


def make_customers(count: int, companies: int = 4) -> CustomerBatch:
    """`count` customers, spread over so many of four companies."""
    number = np.arange(count)
    return CustomerBatch.from_columns(
        {
            "customer_id": _padded(number, 8, prefix="C"),
            "company_id": _choice(_COMPANIES, number % companies),
            "name": pc.binary_join_element_wise("Customer", _padded(number, 8), " "),
        }
    )


def make_open_items(count: int, customers: int, seed: int, *, dense: bool = False) -> OpenItemBatch:
    """`count` items of `customers` customers; `dense` numbers them all in one series of plain
    eight-digit numbers of one company without gaps, else each company has a style of its own.
    """
    rng = np.random.default_rng(seed)
    customer = rng.integers(0, customers, count)
    company = customer * 0 if dense else customer % 4
    number = np.arange(count)
    amount = np.maximum(1, np.exp(rng.normal(np.log(150_000), 1.5, count))).astype(np.int64)
    due = rng.integers(_DAY_LAST - 90, _DAY_LAST + 30, count)
    document = _plain(number) if dense else _documents(number, company)
    order = _padded(rng.integers(0, 99_999_999, count), 8, prefix="45")
    note = _padded(number, 7, prefix="DN")
    blank = pa.scalar("")
    return OpenItemBatch.from_columns(
        {
            "open_item_id": _padded(rng.permutation(count), 8, prefix="OI"),
            "company_id": _choice(_COMPANIES, company),
            "customer_id": _padded(customer, 8, prefix="C"),
            "document_number": document,
            "document_type": pa.repeat("invoice", count),
            "currency": _choice(list(_CURRENCIES), company),
            "original_minor": amount,
            "open_minor": amount,
            "document_date": pa.array((due - 30).astype(np.int32)).cast(pa.date32()),
            "due_date": pa.array(due.astype(np.int32)).cast(pa.date32()),
            "purchase_order": pc.if_else(pa.array(rng.random(count) < 0.3), order, blank),
            "references": pc.if_else(pa.array(rng.random(count) < 0.15), note, blank),
            "status": pa.repeat("open", count),
        }
    )


def make_payments(items: OpenItemBatch, count: int, seed: int) -> ReferenceInputs:
    """`count` payments, each of one to four items of one customer, named in free text with
    prefixes, separators, damage that reading undoes, and distracting numbers around them.
    """
    rng = np.random.default_rng(seed)
    customers = items.text("customer_id").dictionary_encode().indices.to_numpy()
    by_customer = np.argsort(customers, kind="stable")
    place = rng.integers(0, len(items), count)
    size = np.minimum(rng.choice([1, 2, 3, 4], count, p=[0.4, 0.3, 0.2, 0.1]), len(items) - place)
    owner = np.repeat(np.arange(count), size)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(size) - size, size)
    row = by_customer[place[owner] + step]
    same = customers[row] == customers[by_customer[place]][owner]
    owner, row = owner[same], row[same]
    size = np.bincount(owner, minlength=count)
    amount = np.bincount(owner, weights=items.int64("open_minor")[row], minlength=count)
    first = row[np.cumsum(size) - size]
    return ReferenceInputs(
        payments=PaymentBatch.from_columns(
            {
                "payment_id": _padded(np.arange(count), 9, prefix="P"),
                "company_id": items.text("company_id").take(pa.array(first)),
                "amount_minor": amount.astype(np.int64),
                "currency": items.text("currency").take(pa.array(first)),
                "value_date": pa.array(np.full(count, _DAY_LAST, np.int32)).cast(pa.date32()),
                "payer_name": pc.binary_join_element_wise(
                    "Customer",
                    pc.utf8_slice_codeunits(items.text("customer_id").take(pa.array(first)), 1),
                    " ",
                ),
                "remittance_text": _texts(items, rng, row, size),
            }
        ),
        items=row,
        first_item=first,
    )


def damage_payments(
    inputs: ReferenceInputs, items: OpenItemBatch, count: int, seed: int
) -> tuple[ReferenceInputs, NDArray[np.bool_]]:
    """`inputs` and `count` payments of one item each whose number is damaged by one keying error,
    half of them by payers nobody knows; and which payments those are.
    """
    rng = np.random.default_rng(seed)
    row = np.sort(rng.choice(len(items), count, replace=False))
    numbers = items.text("document_number").take(pa.array(row)).to_pylist()
    at = pa.array(row)
    payer = pc.binary_join_element_wise(
        "Customer", pc.utf8_slice_codeunits(items.text("customer_id").take(at), 1), " "
    )
    stranger = pc.binary_join_element_wise("Nobody we know", _padded(np.arange(count), 8), " ")
    added = PaymentBatch.from_columns(
        {
            "payment_id": _padded(np.arange(count), 9, prefix="Q"),
            "company_id": items.text("company_id").take(at),
            "amount_minor": items.int64("open_minor")[row],
            "currency": items.text("currency").take(at),
            "value_date": pa.array(np.full(count, _DAY_LAST, np.int32)).cast(pa.date32()),
            "payer_name": pc.if_else(pa.array(np.arange(count) % 2 == 0), payer, stranger),
            "remittance_text": pa.array(
                [f"invoice {_mistyped(number, rng)}" for number in numbers], pa.string()
            ),
        }
    )
    damaged = np.concatenate([np.zeros(len(inputs.payments), np.bool_), np.ones(count, np.bool_)])
    joined = ReferenceInputs(
        payments=PaymentBatch.concat([inputs.payments, added]),
        items=np.concatenate([inputs.items, row]),
        first_item=np.concatenate([inputs.first_item, row]),
    )
    return joined, damaged


def _mistyped(number: str, rng: np.random.Generator) -> str:
    """One keying error: a digit changed (35 %), two swapped (25 %), one lost or added (20 % each).

    The first digit stays: who reads an invoice begins right.
    """
    written = number
    while written == number:
        at = int(rng.integers(1, len(number) - 1))
        digit = str(rng.integers(0, 10))
        kind = rng.choice(4, p=[0.35, 0.25, 0.20, 0.20])
        if kind == 0:
            written = number[:at] + digit + number[at + 1 :]
        elif kind == 1:
            written = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
        else:
            written = number[:at] + (
                number[at + 1 :] if kind == 2 else digit + number[at:]
            )  # the third kind
    return written


def _texts(
    items: OpenItemBatch,
    rng: np.random.Generator,
    row: NDArray[np.int64],
    size: NDArray[np.int64],
) -> pa.StringArray:
    """One text per payment: the documents of `row` as payers write them, joined."""
    count = len(size)
    written = _as_payers_write(items.text("document_number").take(pa.array(row)), rng)
    bounds = pa.array(np.concatenate([[0], np.cumsum(size)]).astype(np.int32))
    lists = pa.ListArray.from_arrays(bounds, written)
    joined = pc.binary_join(lists, _choice(list(_JOINS), rng.integers(0, len(_JOINS), count)))
    before = _choice(list(_BEFORE), rng.integers(0, len(_BEFORE), count))
    behind = _choice(list(_BEHIND), rng.integers(0, len(_BEHIND), count))
    return pc.binary_join_element_wise(before, joined, behind, "")


def _as_payers_write(documents: pa.StringArray, rng: np.random.Generator) -> pa.StringArray:
    """Seven in ten as printed; the others in lower case, with other separators or none."""
    style = rng.random(len(documents))
    for low, high, change in (
        (0.70, 0.78, pc.utf8_lower),
        (0.78, 0.86, lambda text: pc.replace_substring_regex(text, "[-/]", " ")),
        (0.86, 0.92, lambda text: pc.replace_substring_regex(text, "[-/]", "")),
        (0.92, 1.00, lambda text: pc.replace_substring_regex(text, "^[A-Z]+-?", "")),
    ):
        chosen = pa.array((style >= low) & (style < high))
        documents = pc.if_else(chosen, change(documents), documents)
    return documents


def _documents(number: NDArray[np.int64], company: NDArray[np.int64]) -> pa.StringArray:
    serial = _padded(number, 7)
    made = (
        pc.binary_join_element_wise("SI-", serial, ""),
        _plain(number),
        pc.binary_join_element_wise("26/VK/", serial, ""),
        pc.binary_join_element_wise("FV26", serial, ""),
    )
    return pc.choose(pa.array(company), *made)


def _plain(number: NDArray[np.int64]) -> pa.StringArray:
    return pa.array(number + _SERIAL_FIRST).cast(pa.string())


def _padded(number: NDArray[np.int64], width: int, *, prefix: str = "") -> pa.StringArray:
    digits = pa.array(number + 10**width).cast(pa.string())
    return pc.binary_join_element_wise(prefix, pc.utf8_slice_codeunits(digits, 1), "")


def _choice(values: list[str], code: NDArray[np.int64]) -> pa.StringArray:
    return pa.array(values, pa.string()).take(pa.array(code))
