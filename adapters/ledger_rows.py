"""From the batches of a run to the postings of its payments."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from adapters.accounts import posting_day
from adapters.errors import PostingRefusedError
from adapters.postings import Held, Item, Ledger, Line, Posting, ReopenedItem, Reversal
from engine.batches import (
    ApplicationBatch,
    OpenItemBatch,
    PaymentBatch,
    PaymentOutcomeBatch,
    ReversalBatch,
)
from engine.money import CURRENCY_EXPONENTS, format_minor

if TYPE_CHECKING:
    import datetime as dt

    from adapters.accounts import Determination

__all__ = ["PostingInput", "ledger_of"]

_REFERENCES: Final = (
    *("check_number", "bank_reference", "end_to_end_id", "customer_reference", "trace_number"),
)
"""What a person calls a payment by, the shortest first."""

_NOT_GIVEN: Final = "NOTPROVIDED"
_LINE_COLUMNS: Final = (
    *("payment_id", "open_item_id", "customer_id", "applied_minor", "discount_minor"),
    *("deduction_minor", "deduction_reason", "write_off_minor", "write_off_reason"),
)
_ITEM_COLUMNS: Final = (
    *("open_item_id", "company_id", "customer_id", "document_number", "document_type"),
    *("installment", "original_minor", "open_minor", "due_date"),
)
_PAYMENT_COLUMNS: Final = (
    *("payment_id", "company_id", "bank_account", "booking_date", "value_date", "amount_minor"),
    *("currency", "method", "payer_name", "intake_codes", *_REFERENCES),
)
_OUTCOME_COLUMNS: Final = (
    *("company_id", "customer_id", "payer_customer_id", "on_account_minor", "unapplied_minor"),
    *("unidentified_minor", "suspense_minor", "non_ar_minor", "refund_minor"),
)


class PostingInput(msgspec.Struct, frozen=True, kw_only=True):
    """What a run decided, and the open items it decided on.

    Only rows decided automatically (or by a clerk, who makes them so) are posted: proposals are
    left aside.
    """

    payments: PaymentBatch
    outcomes: PaymentOutcomeBatch
    applications: ApplicationBatch
    open_items: OpenItemBatch
    reversals: ReversalBatch = msgspec.field(default_factory=ReversalBatch.empty)


def ledger_of(given: PostingInput, determination: Determination) -> Ledger:
    """Every payment of `given` as a posting, a reversal, or held with its reason."""
    return _Ledger(given, determination).build()


class _Payment(msgspec.Struct, frozen=True):
    """One row of payments beside its outcome."""

    payment_id: str
    source_company_id: str
    bank_account: str
    booking_date: dt.date | None
    value_date: dt.date | None
    amount_minor: int
    currency: str
    method: str
    payer_name: str
    intake_codes: str
    check_number: str
    bank_reference: str
    end_to_end_id: str
    customer_reference: str
    trace_number: str
    settled_company_id: str
    customer_id: str
    payer_customer_id: str
    on_account_minor: int
    unapplied_minor: int
    unidentified_minor: int
    suspense_minor: int
    non_ar_minor: int
    refund_minor: int

    @property
    def company_id(self) -> str:
        """The company whose items are settled, else the one whose bank account was paid into."""
        return self.settled_company_id or self.source_company_id

    @property
    def reference(self) -> str:
        """What a person finds the payment by."""
        given = (getattr(self, name) for name in _REFERENCES)
        return next((one for one in given if one and one != _NOT_GIVEN), self.payment_id)

    @property
    def document_date(self) -> dt.date | None:
        """The day the bank names."""
        return self.value_date or self.booking_date


class _Ledger:
    """Sorts the payments of one run."""

    def __init__(self, given: PostingInput, determination: Determination) -> None:
        self._determination = determination
        auto = given.applications.record_batch
        auto = auto.filter(pc.equal(auto["decision"], "auto"))
        reversals = given.reversals.record_batch
        self._payments = _payments(given)
        self._rows = _grouped(auto, _LINE_COLUMNS)
        self._reversals = _grouped(reversals, reversals.schema.names)
        wanted = pa.concat_arrays([auto["open_item_id"], reversals["open_item_id"]]).unique()
        self._items, self._by_id = _items(given.open_items, wanted)
        self._held: list[Held] = []

    def build(self) -> Ledger:
        """Postings first: a reversal may be of one of them."""
        postings: dict[str, Posting] = {}
        reversals: list[Reversal] = []
        for payment in self._payments:
            if payment.amount_minor < 0:
                continue
            try:
                posting = self._posting(payment)
            except PostingRefusedError as error:
                self._hold(payment, "refused", error.sentence, error.open_item_id)
                continue
            if posting is not None:
                postings[payment.payment_id] = posting
        for payment in self._payments:
            if payment.amount_minor >= 0:
                continue
            try:
                reversal = self._reversal(payment, postings)
            except PostingRefusedError as error:
                self._hold(payment, "refused", error.sentence, error.open_item_id)
                continue
            if reversal is not None:
                reversals.append(reversal)
        return Ledger(
            postings=tuple(postings.values()),
            reversals=tuple(reversals),
            held=tuple(sorted(self._held, key=lambda one: one.payment_id)),
        )

    def _hold(self, payment: _Payment, reason: Any, sentence: str, open_item_id: str = "") -> None:
        self._held.append(
            Held(
                payment_id=payment.payment_id,
                company_id=payment.company_id,
                currency=payment.currency,
                amount_minor=payment.amount_minor,
                reason=reason,
                sentence=sentence,
                open_item_id=open_item_id,
            )
        )

    def _posting(self, payment: _Payment) -> Posting | None:
        """The posting of a payment; None where it is held, which is noted."""
        rows = self._rows.get(payment.payment_id, [])
        credit, suspense, waiting = _buckets(payment, self._determination, has_rows=bool(rows))
        if payment.non_ar_minor:
            amount = _shown(payment.non_ar_minor, payment.currency)
            self._hold(payment, "no_receivable", f"{amount} is no money of receivables")
            return None
        if payment.intake_codes:
            codes = payment.intake_codes.replace(";", ", ")
            self._hold(payment, "undecided", f"the bank's file is in doubt ({codes})")
            return None
        if waiting or not (rows or credit or suspense):
            amount = _shown(waiting or payment.amount_minor, payment.currency)
            self._hold(payment, "undecided", f"{amount} waits for a decision")
            return None
        lines = tuple(self._line(payment, row) for row in rows)
        customer = payment.customer_id or payment.payer_customer_id
        if not customer and lines:
            customer = lines[0].item.customer_id
        day = posting_day(
            self._determination.rules(payment.company_id), payment.value_date, payment.booking_date
        )
        return Posting(
            ledger=self._determination.ledger,
            payment_id=payment.payment_id,
            company_id=payment.company_id,
            customer_id=customer,
            currency=payment.currency,
            amount_minor=payment.amount_minor,
            posting_date=day,
            document_date=payment.document_date or day,
            bank_account=payment.bank_account,
            method=payment.method,
            payer_name=payment.payer_name,
            reference=payment.reference,
            lines=tuple(sorted(lines, key=_line_order)),
            credit_minor=credit,
            suspense_minor=suspense,
        )

    def _line(self, payment: _Payment, row: tuple[Any, ...]) -> Line:
        (_, open_item_id, customer_id, cash, discount, deduction, why_deducted, write_off, why) = (
            row
        )
        item = self._item(payment.company_id, open_item_id, customer_id)
        closed = cash + discount + deduction + write_off
        return Line(
            item=item,
            cash_minor=cash,
            discount_minor=discount,
            deduction_minor=deduction,
            deduction_reason=why_deducted,
            write_off_minor=write_off,
            write_off_reason=why,
            closes=closed == item.open_minor == item.original_minor,
        )

    def _item(self, company_id: str, open_item_id: str, customer_id: str = "") -> Item:
        """The item of the payment's company, else the only one of that id and customer."""
        found = self._items.get((company_id, open_item_id))
        if found is not None:
            return found
        others = [
            one for one in self._by_id.get(open_item_id, ()) if customer_id in ("", one.customer_id)
        ]
        if len(others) == 1:
            return others[0]
        count = "no open item has" if not others else f"{len(others)} open items have"
        message = (
            f"{count} the id {open_item_id!r} in company {company_id!r}; export from the run "
            f"directory the payment was matched in"
        )
        raise PostingRefusedError(message, open_item_id)

    def _reversal(self, payment: _Payment, postings: dict[str, Posting]) -> Reversal | None:
        rows = self._reversals.get(payment.payment_id, [])
        if not rows:
            self._hold(payment, "undecided", "a returned payment whose original is not known")
            return None
        original_id = rows[0][1]
        items = tuple(
            ReopenedItem(item=self._item(payment.company_id, row[2]), amount_minor=row[4])
            for row in rows
        )
        original = postings.get(original_id)
        if original is not None and original.amount_minor != -payment.amount_minor:
            message = (
                f"a part of payment {original_id} came back, and a document can only be reversed "
                f"as a whole; enter the return by hand"
            )
            raise PostingRefusedError(message, items[0].item.open_item_id)
        company = items[0].item.company_id
        day = posting_day(
            self._determination.rules(company), payment.value_date, payment.booking_date
        )
        return Reversal(
            ledger=self._determination.ledger,
            payment_id=payment.payment_id,
            original_payment_id=original_id,
            company_id=company,
            currency=payment.currency,
            cash_minor=-payment.amount_minor,
            posting_date=day,
            document_date=payment.document_date or day,
            bank_account=payment.bank_account,
            reference=payment.reference,
            items=items,
            original=original,
        )


def _shown(minor: int, currency: str) -> str:
    """An amount for a sentence; a currency nobody knows has no decimals."""
    known = currency in CURRENCY_EXPONENTS
    return f"{format_minor(minor, currency) if known else minor} {currency}"


def _line_order(line: Line) -> tuple[str, str, str]:
    return line.item.company_id, line.item.customer_id, line.item.open_item_id


def _buckets(
    payment: _Payment, determination: Determination, *, has_rows: bool
) -> tuple[int, int, int]:
    """What of a payment becomes the customer's credit, suspense, or waits."""
    rules = determination.undecided
    credit = payment.on_account_minor + payment.refund_minor
    suspense = waiting = 0
    decided = has_rows or credit != 0
    if rules.unapplied == "on_account" or (rules.unapplied == "remainder" and decided):
        credit += payment.unapplied_minor
    else:
        waiting += payment.unapplied_minor
    for amount, rule in (
        (payment.unidentified_minor, rules.unidentified),
        (payment.suspense_minor, rules.suspense),
    ):
        if rule == "suspense":
            suspense += amount
        else:
            waiting += amount
    return credit, suspense, waiting


def _payments(given: PostingInput) -> list[_Payment]:
    """Payments in the order of their ids, each beside its outcome."""
    source, outcomes = given.payments.record_batch, given.outcomes.record_batch
    source = source.take(pc.sort_indices(source["payment_id"]))
    outcomes = outcomes.take(pc.index_in(source["payment_id"], outcomes["payment_id"]))
    columns = [source[name].to_pylist() for name in _PAYMENT_COLUMNS]
    columns += [outcomes[name].to_pylist() for name in _OUTCOME_COLUMNS]
    return [_Payment(*row) for row in zip(*columns, strict=True)]


def _grouped(
    batch: pa.RecordBatch, names: tuple[str, ...] | list[str]
) -> dict[str, list[tuple[Any, ...]]]:
    """Rows (columns `names`) by their payment."""
    grouped: dict[str, list[tuple[Any, ...]]] = {}
    for row in zip(*(batch[name].to_pylist() for name in names), strict=True):
        grouped.setdefault(row[0], []).append(row)
    return grouped


def _items(
    open_items: OpenItemBatch, wanted: pa.Array
) -> tuple[dict[tuple[str, str], Item], dict[str, list[Item]]]:
    """The items `wanted` by company and id, and by id."""
    batch = open_items.record_batch
    rows = batch.filter(pc.is_in(batch["open_item_id"], value_set=wanted))
    is_open = pc.not_equal(batch["open_minor"], 0)
    same = pc.is_in(batch["document_number"], value_set=rows["document_number"].unique())
    bearing = batch.filter(pc.and_(is_open, same))
    names = ("company_id", "customer_id", "document_number")
    bearers = Counter(zip(*(bearing[name].to_pylist() for name in names), strict=True))
    items: dict[tuple[str, str], Item] = {}
    by_id: dict[str, list[Item]] = {}
    for row in zip(*(rows[name].to_pylist() for name in _ITEM_COLUMNS), strict=True):
        given = dict(zip(_ITEM_COLUMNS, row, strict=True))
        key = (given["company_id"], given["customer_id"], given["document_number"])
        item = Item(**given, is_alone=bearers[key] <= 1)
        items[item.company_id, item.open_item_id] = item
        by_id.setdefault(item.open_item_id, []).append(item)
    return items, by_id
