"""Odoo 19 and later (JSON-2): a journal entry of the bank per payment, reconciled item by item.

The entry has one receivable line per item with exactly what closes it, so that each reconciliation
takes exactly that amount; one `account.payment` over several invoices would be laid on them by
Odoo, oldest first. Its steps are `create`, `action_post`, then a `reconcile` per item. Ids that
only Odoo knows are told as what finds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from adapters.differences import deduction_number, differences_of
from adapters.documents import Document, Found, ResultOf, text_of
from adapters.errors import PostingRefusedError

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal

    from adapters.accounts import Determination, Target
    from adapters.postings import Item, Posting, Reversal

__all__ = [
    "Create",
    "CreateWizard",
    "Move",
    "MoveLine",
    "OdooSettings",
    "OnIds",
    "Reconcile",
    "ReversalWizard",
    "files",
    "post",
    "reverse",
]

_ERP: Final = "Odoo"
_TEXT_LETTERS: Final = 120


class OdooSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bank journal's code; how customers and items are known.

    `customer_ids`: `id` of res.partner, or its `ref`. `item_ids`: `id` of the invoice's receivable
    line (account.move.line), or the `number` of the invoice. `company` is the id of the company in
    Odoo.
    """

    journal: str = "BNK1"
    journals: dict[str, str] = {}
    company: int | None = None
    customer_ids: Literal["id", "ref"] = "ref"
    item_ids: Literal["id", "number"] = "number"


class MoveLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a journal entry; `name` finds it again."""

    name: str
    account_id: Found
    debit: Decimal
    credit: Decimal
    amount_currency: Decimal
    currency_id: Found
    partner_id: int | Found | None = None
    analytic_distribution: dict[str, int] = {}


class Move(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A journal entry; `line_ids` are the commands (0, 0, line) that create its lines."""

    move_type: str
    ref: str
    date: dt.date
    journal_id: Found
    company_id: int | None = None
    narration: str = ""
    line_ids: tuple[tuple[int, int, MoveLine], ...]


class Create(msgspec.Struct, frozen=True):
    """Body of `account.move/create`."""

    vals_list: tuple[Move, ...]


class OnIds(msgspec.Struct, frozen=True):
    """Body of a method on records."""

    ids: tuple[ResultOf, ...]


class Reconcile(msgspec.Struct, frozen=True):
    """Body of `account.move.line/reconcile`: two lines."""

    ids: tuple[Any, ...]


class ReversalWizard(msgspec.Struct, frozen=True):
    """Values of `account.move.reversal`."""

    move_ids: tuple[Found, ...]
    date: dt.date
    journal_id: Found
    reason: str


class CreateWizard(msgspec.Struct, frozen=True):
    """Body of `account.move.reversal/create`."""

    vals_list: tuple[ReversalWizard, ...]


class _Entry:
    """Collects the lines of the entry, and which of them are reconciled with which item."""

    def __init__(self, posting: Posting, settings: OdooSettings) -> None:
        self._posting = posting
        self._settings = settings
        self.lines: list[tuple[int, int, MoveLine]] = []
        self.matched: list[tuple[str, Item]] = []

    def debit(
        self,
        account: str,
        minor: int,
        name: str,
        *,
        customer: str = "",
        target: Target | None = None,
        item: Item | None = None,
    ) -> None:
        """Put `minor` units on `account` (negative: credit); reconciled with `item` if given."""
        if not minor:
            return
        posting = self._posting
        # The place makes the name unique within the entry, so that it finds one line.
        label = f"{name} [{len(self.lines) + 1}]"
        objects = {} if target is None else target.cost_objects
        self.lines.append(
            (
                0,
                0,
                MoveLine(
                    name=label,
                    account_id=Found("account.account", (("code", "=", account),)),
                    debit=posting.major(max(minor, 0)),
                    credit=posting.major(max(-minor, 0)),
                    amount_currency=posting.major(minor),
                    currency_id=Found("res.currency", (("name", "=", posting.currency),)),
                    partner_id=self._partner(customer) if customer else None,
                    analytic_distribution=dict.fromkeys(objects.values(), 100),
                ),
            )
        )
        if item is not None:
            self.matched.append((label, item))

    def _partner(self, customer: str) -> int | Found:
        if self._settings.customer_ids == "ref":
            return Found("res.partner", (("ref", "=", customer),))
        if not customer.isdecimal():
            message = (
                f'{customer!r} is no id of res.partner; set settings.customer_ids = "ref", or '
                f"export ids"
            )
            raise PostingRefusedError(message)
        return int(customer)


def post(posting: Posting, determination: Determination) -> tuple[Document, ...]:
    """Create the entry, post it, reconcile every item with its line."""
    settings = determination.settings_of(posting.company_id, OdooSettings)
    entry = _Entry(posting, settings)
    bank = determination.bank(posting.company_id, posting.bank_account)
    receivable = determination.receivable(posting.company_id)
    entry.debit(bank, posting.amount_minor, posting.payer_name or posting.reference)
    for line in posting.lines:
        item = line.item
        entry.debit(
            receivable,
            -line.closed_minor,
            item.document_number,
            customer=item.customer_id,
            item=item,
        )
    for one in differences_of(posting, determination):
        item, kind = one.line.item, one.kind.replace("_", "-")
        text = text_of(kind, one.reason, item.document_number, length=_TEXT_LETTERS)
        if one.kind == "deduction":
            text = f"{deduction_number(posting, one.line)} {text}"
            entry.debit(receivable, one.amount_minor, text, customer=item.customer_id)
        else:
            entry.debit(one.target.account, one.amount_minor, text, target=one.target)
    entry.debit(receivable, -posting.credit_minor, "on account", customer=posting.customer_id)
    if posting.suspense_minor:
        target = determination.suspense(posting.company_id)
        entry.debit(target.account, -posting.suspense_minor, "unknown payer", target=target)
    return _steps(posting, settings, entry)


def _steps(posting: Posting, settings: OdooSettings, entry: _Entry) -> tuple[Document, ...]:
    created = posting.document_id("move")
    posted = posting.document_id("post")
    journal = settings.journals.get(posting.bank_account, settings.journal)
    move = Move(
        move_type="entry",
        ref=_ref(created),
        date=posting.posting_date,
        journal_id=Found("account.journal", (("code", "=", journal),)),
        company_id=settings.company,
        narration=text_of(posting.reference, posting.payer_name, length=_TEXT_LETTERS),
        line_ids=tuple(entry.lines),
    )
    documents = [
        _document(
            posting,
            "move",
            created,
            "account.move/create",
            Create((move,)),
            cash_minor=posting.amount_minor,
            unless=Found("account.move", (("ref", "=", _ref(created)),)),
        ),
        _document(
            posting,
            "post",
            posted,
            "account.move/action_post",
            OnIds((ResultOf(created, "id"),)),
            needs=(created,),
        ),
    ]
    for label, item in entry.matched:
        ours = Found(
            "account.move.line", (("move_id.ref", "=", _ref(created)), ("name", "=", label))
        )
        documents.append(
            _document(
                posting,
                "reconcile",
                posting.document_id("reconcile", item.open_item_id),
                "account.move.line/reconcile",
                Reconcile((ours, _their_line(item, settings))),
                needs=(posted,),
            )
        )
    return tuple(documents)


def _their_line(item: Item, settings: OdooSettings) -> Any:
    """The receivable line of an item."""
    if settings.item_ids == "id":
        if not item.open_item_id.isdecimal():
            message = (
                f"{item.open_item_id!r} is no id of account.move.line; set settings.item_ids = "
                f'"number", or export ids'
            )
            raise PostingRefusedError(message, item.open_item_id)
        return int(item.open_item_id)
    if not item.is_alone:
        message = (
            f"the customer has several open items with the number {item.document_number!r}; set "
            f'settings.item_ids = "id", and export the ids of their receivable lines'
        )
        raise PostingRefusedError(message, item.open_item_id)
    return Found(
        "account.move.line",
        (
            ("move_id.name", "=", item.document_number),
            ("account_type", "=", "asset_receivable"),
            ("reconciled", "=", False),
        ),
    )


def _ref(identity: str) -> str:
    return f"tieout:{identity}"


def _document(
    document: Posting | Reversal,
    kind: str,
    identity: str,
    call: str,
    body: msgspec.Struct,
    *,
    cash_minor: int = 0,
    needs: tuple[str, ...] = (),
    unless: Found | None = None,
    expects_minor: int | None = None,
) -> Document:
    return Document(
        document_id=identity,
        kind=kind,
        payment_id=document.payment_id,
        company_id=document.company_id,
        currency=document.currency,
        method="POST",
        path=f"/json/2/{call}",
        body=body,
        cash_minor=cash_minor,
        needs=needs,
        unless=unless,
        expects_minor=expects_minor,
    )


def reverse(reversal: Reversal, determination: Determination) -> tuple[Document, ...]:
    """The reversal wizard on the original's entry: what was reconciled with it is open again."""
    settings = determination.settings_of(reversal.company_id, OdooSettings)
    original = reversal.original_document_id("move")
    identity = reversal.document_id("wizard")
    journal = settings.journals.get(reversal.bank_account, settings.journal)
    values = ReversalWizard(
        (Found("account.move", (("ref", "=", _ref(original)),)),),
        reversal.posting_date,
        Found("account.journal", (("code", "=", journal),)),
        _ref(identity),
    )
    return (
        _document(
            reversal,
            "wizard",
            identity,
            "account.move.reversal/create",
            CreateWizard((values,)),
            needs=(original,) if reversal.original is not None else (),
            unless=Found("account.move", (("ref", "ilike", _ref(identity)),)),
        ),
        _document(
            reversal,
            "reversal",
            reversal.document_id("reversal"),
            "account.move.reversal/reverse_moves",
            OnIds((ResultOf(identity, "id"),)),
            cash_minor=-reversal.cash_minor,
            needs=(identity,),
            expects_minor=reversal.cash_minor,
        ),
    )


def files(documents: tuple[Document, ...]) -> dict[str, bytes]:
    """None beside `documents.jsonl`."""
    del documents
    return {}
